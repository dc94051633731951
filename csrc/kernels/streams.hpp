// Results that go past the caches, straight to memory.
//
// A store reads the line that it changes and takes another line's place in the caches: in vain, where a result is so large
// that its beginning is gone before whoever comes next reads it. With results of 12.8 MB (64·64·28·28) batch norm, ReLU
// and their gradients take 2.33 ms instead of 2.90, with 6.4 MB batch norm and ReLU would take 0.47 instead of 0.38.
#pragma once
#include "elementwise.hpp"

namespace cuarzo {

inline constexpr std::size_t largest_cached = std::size_t{8}
                                              << 20; // bytes of a result: a quarter of a last-level cache

template <class T> bool goes_past_caches(Index elements) {
    return static_cast<std::size_t>(elements) * sizeof(T) > largest_cached;
}

// Elements before the first whole vector at an address that can be streamed to.
template <class T> Index before_aligned(const T *p, Index n) {
    const auto behind = reinterpret_cast<std::uintptr_t>(p) % vector_bytes / sizeof(T);
    return std::min<Index>((lanes<T> - static_cast<Index>(behind)) % lanes<T>, n);
}

// to[i] = value(i, part) for i < n. Streamed rows end with streams_done(), before another thread may read them.
template <class T, class Value> CUARZO_INLINE void write_row(T *to, Index n, bool streamed, Value value) {
    if (!streamed) return for_vectors<T>(n, [=](Index i, auto part) { put<T>(to + i, value(i, part), part); });
    Index i = before_aligned(to, n);
    if (i > 0) put<T>(to, value(0, Part{i}), Part{i});
    for (; i + lanes<T> <= n; i += lanes<T>) stream<T>(to + i, value(i, Whole{}));
    if (i < n) put<T>(to + i, value(i, Part{n - i}), Part{n - i});
}

} // namespace cuarzo
