// Scratch memory: the one place where C++ gets memory.
//
//   Scratch scratch;                        // at the start of a kernel
//   T *packed = scratch.take<T>(rows, k);   // 64-byte aligned, not initialised; freed for reuse when scratch goes
//
// Each thread has an arena that only grows, so that a training step asks the system for nothing after the first. Take
// before a parallel region begins: the workers use what their caller took (`slots` times the size of one, if need be).
// A size that overflows, or that the system has not, is std::bad_alloc: a MemoryError in Python.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>

namespace cuarzo {

inline std::size_t checked_product(std::size_t n) { return n; }

template <class... More> std::size_t checked_product(std::size_t n, std::size_t m, More... more) {
    std::size_t product;
    if (__builtin_mul_overflow(n, m, &product)) throw std::bad_alloc();
    return checked_product(product, more...);
}

// The element count a * b * ..., with negative factors and products beyond PTRDIFF_MAX refused.
template <class... Factors> std::ptrdiff_t element_count(Factors... factors) {
    if (((factors < 0) || ...)) throw std::bad_alloc();
    const std::size_t count = checked_product(static_cast<std::size_t>(factors)...);
    if (count > PTRDIFF_MAX) throw std::bad_alloc();
    return static_cast<std::ptrdiff_t>(count);
}

class Arena {
  public:
    Arena() = default;
    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;
    ~Arena() { release(nullptr); }

  private:
    friend class Scratch;
    static constexpr std::size_t alignment = 64;
    struct Block { // its memory follows it
        Block *below;
        std::size_t size, used;
    };
    static_assert(sizeof(Block) <= alignment);

    void *take(std::size_t bytes) {
        if (bytes > PTRDIFF_MAX / 2) throw std::bad_alloc();
        bytes = (bytes + alignment - 1) / alignment * alignment;
        if (!top_ || top_->size - top_->used < bytes) grow(bytes);
        void *taken = reinterpret_cast<std::byte *>(top_) + alignment + top_->used;
        top_->used += bytes;
        in_use_ += bytes;
        if (in_use_ > peak_) peak_ = in_use_;
        return taken;
    }

    // Blocks never move: what was taken stays where it is, and a second block serves what the first could not.
    void grow(std::size_t bytes) {
        const std::size_t size = bytes > peak_ ? bytes : peak_;
        void *memory = ::operator new(size + alignment, std::align_val_t{alignment});
        top_ = new (memory) Block{top_, size, 0};
    }

    void release(Block *until) {
        while (top_ != until) {
            Block *below = top_->below;
            ::operator delete(top_, std::align_val_t{alignment});
            top_ = below;
        }
    }

    Block *top_ = nullptr;
    std::size_t in_use_ = 0, peak_ = std::size_t{1} << 16;
};

inline Arena &thread_arena() {
    static thread_local Arena arena;
    return arena;
}

class Scratch {
  public:
    Scratch() : arena_(thread_arena()), top_(arena_.top_), used_(top_ ? top_->used : 0), in_use_(arena_.in_use_) {}
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;

    // One inside another gives back its own part. When all is given back and one block was not enough, the blocks go,
    // and the next one is made large enough for all that was ever in use together.
    ~Scratch() {
        arena_.in_use_ = in_use_;
        if (in_use_ > 0) {
            arena_.release(top_);
            top_->used = used_;
        } else if (arena_.top_ && (arena_.top_->below || arena_.top_->size < arena_.peak_)) {
            arena_.release(nullptr);
        } else if (arena_.top_) {
            arena_.top_->used = 0;
        }
    }

    template <class T, class... Factors> T *take(Factors... factors) {
        const auto count = static_cast<std::size_t>(element_count(factors...));
        return static_cast<T *>(arena_.take(checked_product(count, sizeof(T))));
    }

  private:
    Arena &arena_;
    Arena::Block *top_;
    std::size_t used_, in_use_;
};

} // namespace cuarzo
