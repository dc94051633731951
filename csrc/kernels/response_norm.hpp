// Local response norm                                                                        See naive/norm.py
//
//   scale[c] = k + alpha / size sum x[j]^2,    y[c] = x[c] scale[c]^-beta        j: the window of c
//   dx[c]    = dy[c] scale[c]^-beta - 2 alpha beta / size x[c] sum dy[j] x[j] scale[j]^(-beta - 1)
//
// A vector holds neighbours along K; the channels of its window lie K apart. A power is e^(-beta log scale).
#pragma once
#include "../scratch.hpp"
#include "elementwise.hpp"

namespace cuarzo {

struct ResponseShape {
    Index rows, channels, columns, size; // N, C, K, of the window
};

struct ResponseOptions {
    double alpha, beta, k;
};

inline constexpr Index response_columns = 256; // of all channels of an image: what a thread takes at a time

// body(n, first, count): columns first ... first + count - 1 of all channels of image n
template <class Body> void for_response_blocks(const ResponseShape &shape, Index slots, Body body) {
    const Index blocks = ceil_div(shape.columns, response_columns);
    parallel_for(shape.rows * blocks, slots, [=](Index item, Index slot) {
        const Range range(item % blocks, response_columns, shape.columns);
        body(item / blocks, range.begin, range.end - range.begin, slot);
    });
}

inline Index response_slots(const ResponseShape &shape) {
    return parallel_slots(shape.rows * ceil_div(shape.columns, response_columns));
}

template <class T> CUARZO_INLINE Vec<T> power_of(Vec<T> x, T exponent) { return exp_of<T>(exponent * log_of<T>(x)); }

template <class T>
void local_response_norm_forward(const ResponseShape &shape, const ResponseOptions &options, const T *x, T *y,
                                 T *scale) {
    const Index C = shape.channels, K = shape.columns, before = shape.size / 2, after = (shape.size - 1) / 2;
    const T k = static_cast<T>(options.k), alpha = static_cast<T>(options.alpha / static_cast<double>(shape.size));
    const T exponent = static_cast<T>(-options.beta);
    for_response_blocks(shape, response_slots(shape), [=](Index n, Index first, Index count, Index) {
        const Index image = n * C * K + first;
        for (Index c = 0; c < C; ++c)
            for_vectors<T>(count, [=](Index i, auto part) {
                Vec<T> total{};
                for (Index j = std::max<Index>(c - before, 0); j <= std::min(c + after, C - 1); ++j) {
                    const Vec<T> v = get(x + image + j * K + i, part);
                    total += v * v;
                }
                const Vec<T> s = k + alpha * total;
                const Index at = image + c * K + i;
                put<T>(scale + at, s, part);
                put<T>(y + at, get(x + at, part) * power_of<T>(s, exponent), part);
            });
    });
}

// The terms of the sums are computed once for each channel, into scratch memory, since `size` windows read each.
template <class T>
void local_response_norm_backward(const ResponseShape &shape, const ResponseOptions &options, const T *dy, const T *x,
                                  const T *scale, T *dx) {
    const Index C = shape.channels, K = shape.columns, before = (shape.size - 1) / 2, after = shape.size / 2;
    const T factor = static_cast<T>(2 * options.alpha * options.beta / static_cast<double>(shape.size));
    const T exponent = static_cast<T>(-options.beta);
    const Index slots = response_slots(shape);
    Scratch scratch;
    T *scratched = scratch.take<T>(slots, C, response_columns);
    for_response_blocks(shape, slots, [=](Index n, Index first, Index count, Index slot) {
        const Index image = n * C * K + first;
        T *terms = scratched + slot * C * response_columns; // (C, response_columns)
        for (Index c = 0; c < C; ++c)
            for_vectors<T>(count, [=](Index i, auto part) {
                const Index at = image + c * K + i;
                const Vec<T> s = get(scale + at, part), own = get(dy + at, part) * power_of<T>(s, exponent);
                put<T>(dx + at, own, part);
                put<T>(terms + c * response_columns + i, own * get(x + at, part) / s, part);
            });
        for (Index c = 0; c < C; ++c)
            for_vectors<T>(count, [=](Index i, auto part) {
                Vec<T> total{};
                for (Index j = std::max<Index>(c - before, 0); j <= std::min(c + after, C - 1); ++j)
                    total += get<T>(terms + j * response_columns + i, part);
                const Index at = image + c * K + i;
                put<T>(dx + at, get<T>(dx + at, part) - factor * get(x + at, part) * total, part);
            });
    });
}

} // namespace cuarzo
