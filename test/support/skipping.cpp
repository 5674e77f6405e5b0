#include "support/skipping.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <iostream>

namespace finpost::test {

bool can_run(bool there, const std::string& why) {
    if (there) return true;
    if (std::getenv("CI") != nullptr)
        BOOST_ERROR("cannot run: " + why);
    else
        std::cout << "SKIPPED: " << why << std::endl;
    return false;
}

} // namespace finpost::test
