#include "finpost/version.hpp"

namespace finpost {

std::string_view version() noexcept { return FINPOST_VERSION; }

} // namespace finpost
