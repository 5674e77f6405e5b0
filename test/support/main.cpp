// The one main() of every test executable.
#define BOOST_TEST_MODULE finpost
#include <boost/test/unit_test.hpp>
