// The daemon's own `operator new` ([new.delete.single]): see block_store.hpp. A host that embeds the
// library keeps whatever it has. Sanitizers bring theirs.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include "block_store.hpp"

#include <new>

#include <malloc.h>

namespace {

thread_local finpost::block_store store;

} // namespace

void* operator new(std::size_t size) {
    for (;;) {
        if (void* const memory = store.take(size)) return memory;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr) throw std::bad_alloc();
        handler();
    }
}

void operator delete(void* memory, std::size_t size) noexcept { store.give(memory, size); }

// Of an incomplete type, or from code that was built without sized deallocation.
void operator delete(void* memory) noexcept { store.give_whole(memory, ::malloc_usable_size(memory)); }

#endif
