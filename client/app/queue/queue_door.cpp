#include "queue/queue_door.hpp"

#include "queue/direct_queue.hpp"
#include "queue/socket_queue.hpp"

#include <utility>

namespace finpost {

parsed<std::unique_ptr<queue_door>> open_queue_door(const std::string& directory, bool make) {
    auto running = socket_queue::connect(directory);
    if (!running) return running.error();
    if (*running) return std::unique_ptr<queue_door>(std::move(*running));
    auto here = direct_queue::open(directory, make);
    if (here) return std::unique_ptr<queue_door>(std::move(*here));
    std::string what = here.error().message;
    if (what.find("is in use by ") != what.npos) what += ", which has no control socket";
    return parse_error{std::move(what)};
}

} // namespace finpost
