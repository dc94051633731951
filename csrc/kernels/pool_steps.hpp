// Every second or third element of a row, sorted and put back in registers.
//
//   every<first>(v)     elements first, first + step, ... of `step` vectors in a row       0 1 2 3 | 4 5 6 7 -> 0 2 4 6
//   interleave(v)       the way back: v[0] v[1] ... lane by lane, in `step` vectors          0 2 4 6 | 1 3 5 7 -> 0 1 2 3 ...
#pragma once
#include "../simd/vec.hpp"

namespace cuarzo {

inline constexpr int largest_step = 3;

// Two shuffles where one reaches only two of three vectors: `other` is what the first takes of the lanes it cannot have.
template <class T, int first, int step, int... i>
CUARZO_INLINE Vec<T> every_of(const Vec<T> (&v)[step], std::integer_sequence<int, i...>) {
    constexpr int n = lanes<T>;
    const auto two = std::integer_sequence<int, (first + step * i < 2 * n ? first + step * i : 0)...>{};
    const Vec<T> found = pick<T>(v[0], v[1], two);
    if constexpr (step == 2) return found;
    return pick<T>(found, v[step - 1],
                   std::integer_sequence<int, (first + step * i < 2 * n ? i : first + step * i - n)...>{});
}

template <class T, int first, int step> CUARZO_INLINE Vec<T> every(const Vec<T> (&v)[step]) {
    if constexpr (step == 1)
        return v[0];
    else
        return every_of<T, first>(v, AllLanes<T>{});
}

// Vector `part` of the result; its lane i is element f = part lanes + i, lane f / step of v[f % step].
template <class T, int part, int step, int... i>
CUARZO_INLINE Vec<T> interleaved(const Vec<T> (&v)[step], std::integer_sequence<int, i...>) {
    constexpr int n = lanes<T>, f = part * n;
    const auto two = std::integer_sequence<int, ((f + i) % step % 2 * n + (f + i) / step)...>{};
    const Vec<T> found = pick<T>(v[0], v[1], two);
    if constexpr (step == 2) return found;
    return pick<T>(found, v[step - 1], std::integer_sequence<int, ((f + i) % step == 2 ? n + (f + i) / step : i)...>{});
}

template <class T, int part, int step> CUARZO_INLINE Vec<T> interleave(const Vec<T> (&v)[step]) {
    if constexpr (step == 1)
        return v[0];
    else
        return interleaved<T, part>(v, AllLanes<T>{});
}

// body(std::integral_constant<int, i>) for i < count, one after the other
template <class Body, int... i> CUARZO_INLINE void each_constant(std::integer_sequence<int, i...>, Body body) {
    (body(std::integral_constant<int, i>{}), ...);
}
template <int count, class Body> CUARZO_INLINE void each_constant(Body body) {
    each_constant(std::make_integer_sequence<int, count>{}, body);
}

} // namespace cuarzo
