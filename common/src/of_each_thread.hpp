#pragma once

#include <pthread.h>

#include <cstdlib>
#include <new>

namespace finpost::detail {

/// What each thread has of its own, made at its first use and gone with the thread. `thread_local`
/// is the same for what has no destructor. For what has one it would need memory to note it, and
/// the C library ends the process where there is none: a thread may do anything for the first time
/// in such a moment.
///
/// Each instantiation is one object a thread; `Of` tells apart those of the same type. Where a
/// library is unloaded, what its threads had stays.
template <class T, class Of = void>
class of_each_thread {
public:
    /// This thread's; null when there is no memory for it.
    static T* get() noexcept {
        static thread_local constinit T* mine = nullptr;
        if (mine != nullptr) [[likely]]
            return mine;
        return make(mine);
    }

private:
    struct slot {
        T object;
        T** from; // the thread's pointer, null again when it ends
    };

    class end {
    public:
        end() noexcept : made_(::pthread_key_create(&key_, &of_each_thread::destroy) == 0) {}
        ~end() {
            if (made_) ::pthread_key_delete(key_);
        }
        end(const end&) = delete;
        bool note(slot* what) const noexcept {
            return made_ && ::pthread_setspecific(key_, what) == 0;
        }

    private:
        pthread_key_t key_{};
        const bool made_;
    };

    // Not by `operator new`, which may be what needs it.
    [[gnu::noinline]] static T* make(T*& mine) noexcept {
        static const end at_its_end;
        void* const memory = std::malloc(sizeof(slot));
        if (memory == nullptr) return nullptr;
        auto* const made = new (memory) slot{{}, &mine};
        if (!at_its_end.note(made)) {
            made->~slot();
            std::free(memory);
            return nullptr;
        }
        return mine = &made->object;
    }

    // Code that needs it afterwards, as the thread ends, gets another.
    static void destroy(void* what) noexcept {
        auto* const made = static_cast<slot*>(what);
        *made->from = nullptr;
        made->~slot();
        std::free(what);
    }
};

} // namespace finpost::detail
