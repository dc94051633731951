// Loops over the elements of flat arrays and of rows, a vector at a time.
//
//   for_vectors<T>(n, [&](Index i, auto part) { put(y + i, get(x + i, part) * 2, part); });
//
// `part` is Whole for a full vector, and Part{count} for the rest behind the last one.
#pragma once
#include "../parallel.hpp"
#include "../simd/vecmath.hpp"
#include <cmath>

namespace cuarzo {

struct Whole {};
struct Part {
    Index count;
};

template <class T> CUARZO_INLINE Vec<T> get(const T *p, Whole) { return load(p); }
template <class T> CUARZO_INLINE Vec<T> get(const T *p, Part part) { return load_first(p, part.count); }
template <class T> CUARZO_INLINE void put(T *p, Vec<T> v, Whole) { store(p, v); }
template <class T> CUARZO_INLINE void put(T *p, Vec<T> v, Part part) { store_first(p, v, part.count); }

// v, with `fill` in the lanes that lie behind the end
template <class T> CUARZO_INLINE Vec<T> inside(Vec<T> v, T, Whole) { return v; }
template <class T> CUARZO_INLINE Vec<T> inside(Vec<T> v, T fill, Part part) {
    return first_lanes<T>(part.count) ? v : broadcast(fill);
}

template <class T, class Body> CUARZO_INLINE void for_vectors(Index n, Body body) {
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) body(i, Whole{});
    if (i < n) body(i, Part{n - i});
}

// Elements that a thread takes at a time: some microseconds of work. A shorter array wakes nobody.
inline constexpr Index elements_per_item = 16384;

// body(begin, n) for consecutive parts of `size` elements
template <class Body> void for_elements(Index size, Body body) {
    const Index items = ceil_div(size, elements_per_item);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range range(item, elements_per_item, size);
        body(range.begin, range.end - range.begin);
    });
}

// body(row) for all rows of a matrix, as many to an item as hold `elements_per_item` elements
template <class Body> void for_rows(Index rows, Index columns, Body body) {
    const Index size = std::max<Index>(1, elements_per_item / std::max<Index>(1, columns));
    const Index items = ceil_div(rows, size);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range range(item, size, rows);
        for (Index row = range.begin; row < range.end; ++row) body(row);
    });
}

// y = f(x...), element by element
template <class T, class Function, class... Inputs>
void map_elements(Index size, T *y, Function f, const Inputs *...x) {
    for_elements(size, [=](Index begin, Index n) {
        for_vectors<T>(n, [=](Index i, auto part) { put<T>(y + begin + i, f(get<T>(x + begin + i, part)...), part); });
    });
}

// The compiler makes one instruction of the loop.
template <class T> CUARZO_INLINE Vec<T> root(Vec<T> v) {
    for (Index i = 0; i < lanes<T>; ++i) v[i] = std::sqrt(v[i]);
    return v;
}

template <class T> CUARZO_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) { return a > b ? a : b; }

} // namespace cuarzo
