// The daemon's own `operator new` ([new.delete.single]): see block_store.hpp. A host that embeds
// the library keeps whatever it has. Sanitizers bring theirs.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include "block_store.hpp"
#include "of_each_thread.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

finpost::block_store* store() noexcept {
    return finpost::detail::of_each_thread<finpost::block_store>::get();
}

void* take(std::size_t size) noexcept {
    finpost::block_store* const kept = store();
    return kept != nullptr ? kept->take(size) : finpost::block_store().take(size);
}

} // namespace

void* operator new(std::size_t size) {
    for (;;) {
        if (void* const memory = take(size)) return memory;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

void operator delete(void* memory, std::size_t size) noexcept {
    if (finpost::block_store* const kept = store())
        kept->give(memory, size);
    else
        std::free(memory);
}

// Of an incomplete type, or from code that was built without sized deallocation.
void operator delete(void* memory) noexcept {
    if (finpost::block_store* const kept = store())
        kept->give_whole(memory, ::malloc_usable_size(memory));
    else
        std::free(memory);
}

#endif
