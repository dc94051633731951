// Resampling along one axis: x (M, H, K) becomes y (M, P, K)                                See naive/resample.py
//
//   adaptive pooling    y[m, p, k] = mean or maximum of x[m, h, k] over  floor(p H / P) <= h < ceil((p + 1) H / P)
//   nearest             y[m, p, k] = x[m, floor(p H / P), k]
//   linear              y[m, p, k] = near[p] x[m, before[p], k] + far[p] x[m, after[p], k]
//   unpooling           y[m, indices[m, q]] = x[m, q]
//
// What output p reads is found once, for all m and k. Then rows of K neighbours are added, copied, compared: loops of
// which the compiler makes vectors. The last axis of an array has K = 1: there the same loops are compiled for that K.
// The parts m run in parallel, some in one item.
#pragma once
#include "../parallel.hpp"
#include "../scratch.hpp"
#include "../simd/vec.hpp"
#include <type_traits>

namespace cuarzo {

struct ResampleShape {
    Index parts, in, out, width; // M H P K
};

// work(part, slot) for all parts; an item is some microseconds of work, a function of the shape.
template <class Work> void for_parts(Index parts, Index elements, Work work) {
    const Index size = std::clamp<Index>(16384 / (elements + 1), 1, std::max<Index>(1, parts));
    const Index items = ceil_div(parts, size);
    parallel_for(items, parallel_slots(items), [&](Index item, Index slot) {
        const Range range(item, size, parts);
        for (Index part = range.begin; part < range.end; ++part) work(part, slot);
    });
}

// work(x of the part, y of the part, K) for all parts; K is a constant of the type where it is 1.
template <class X, class Y, class Work> void for_axis(const ResampleShape &shape, X *x, Y *y, Work work) {
    const Index in = shape.in * shape.width, out = shape.out * shape.width;
    for_parts(shape.parts, in + out, [&](Index part, Index) {
        if (shape.width == 1)
            work(x + part * in, y + part * out, std::integral_constant<Index, 1>{});
        else
            work(x + part * in, y + part * out, shape.width);
    });
}

// What adaptive output `out` covers: begin ... end - 1.
inline Range adaptive_window(const ResampleShape &shape, Index out) {
    Range range(0, 0, 0);
    range.begin = out * shape.in / shape.out;
    range.end = ceil_div((out + 1) * shape.in, shape.out);
    return range;
}

// Where output p reads, found by at(p) for each p.
template <class Place, class At> const Place *places(Scratch &scratch, const ResampleShape &shape, At at) {
    Place *table = scratch.take<Place>(shape.out);
    for (Index p = 0; p < shape.out; ++p) new (table + p) Place(at(p));
    return table;
}

inline const Range *adaptive_windows(Scratch &scratch, const ResampleShape &shape) {
    return places<Range>(scratch, shape, [&](Index p) { return adaptive_window(shape, p); });
}

inline bool nothing(const ResampleShape &shape) { return shape.parts * shape.width == 0; }

template <class T> void adaptive_avg_pool_forward(const ResampleShape &shape, const T *x, T *y) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Range *windows = adaptive_windows(scratch, shape);
    for_axis(shape, x, y, [&](const T *from, T *to, auto K) {
        for (Index p = 0; p < shape.out; ++p, to += K) {
            const Range window = windows[p];
            for (Index k = 0; k < K; ++k) to[k] = from[window.begin * K + k];
            for (Index h = window.begin + 1; h < window.end; ++h)
                for (Index k = 0; k < K; ++k) to[k] += from[h * K + k];
            const T size = static_cast<T>(window.end - window.begin);
            for (Index k = 0; k < K; ++k) to[k] /= size;
        }
    });
}

template <class T> void adaptive_avg_pool_backward(const ResampleShape &shape, const T *dy, T *dx) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Range *windows = adaptive_windows(scratch, shape);
    for_axis(shape, dx, dy, [&](T *to, const T *from, auto K) {
        std::fill_n(to, shape.in * K, T{0});
        for (Index p = 0; p < shape.out; ++p, from += K) {
            const Range window = windows[p];
            const T size = static_cast<T>(window.end - window.begin);
            for (Index h = window.begin; h < window.end; ++h)
                for (Index k = 0; k < K; ++k) to[h * K + k] += from[k] / size;
        }
    });
}

// The first maximum of x[h K], h in the window, or the first NaN: !(v <= best) is true for both, and best == best keeps
// a NaN from being replaced.
template <class T>
void find_maximum(const T *x, const Range &window, std::integral_constant<Index, 1>, T *y, std::int64_t *indices) {
    Index winner = window.begin;
    for (Index h = window.begin + 1; h < window.end; ++h)
        if (!(x[h] <= x[winner]) && x[winner] == x[winner]) winner = h;
    *y = x[winner], *indices = winner;
}

// The same for K neighbours, `lanes` of them at a time. A lane of float32 counts to 2^31; the border sees to shorter axes.
template <class T> void find_maximum(const T *x, const Range &window, Index K, T *y, std::int64_t *indices) {
    for (Index k = 0; k < K; k += lanes<T>) {
        const Index count = std::min(lanes<T>, K - k);
        const auto row = [&](Index h) {
            return count == lanes<T> ? load(x + h * K + k) : load_first(x + h * K + k, count);
        };
        Vec<T> best = row(window.begin);
        Mask<T> winner = Mask<T>{} + static_cast<Lane<T>>(window.begin);
        for (Index h = window.begin + 1; h < window.end; ++h) {
            const Vec<T> v = row(h);
            const Mask<T> won = ~(v <= best) & (best == best);
            best = won ? v : best;
            winner = won ? Mask<T>{} + static_cast<Lane<T>>(h) : winner;
        }
        store_first(y + k, best, count);
        Lane<T> lane[lanes<T>];
        std::memcpy(lane, &winner, sizeof lane);
        std::copy(lane, lane + count, indices + k);
    }
}

template <class T> void adaptive_max_pool_forward(const ResampleShape &shape, const T *x, T *y, std::int64_t *indices) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Range *windows = adaptive_windows(scratch, shape);
    for_axis(shape, x, y, [&](const T *from, T *to, auto K) {
        std::int64_t *winners = indices + (to - y);
        for (Index p = 0; p < shape.out; ++p) find_maximum(from, windows[p], K, to + p * K, winners + p * K);
    });
}

template <class T>
void adaptive_max_pool_backward(const ResampleShape &shape, const T *dy, const std::int64_t *indices, T *dx) {
    if (nothing(shape)) return;
    for_axis(shape, dx, dy, [&](T *to, const T *from, auto K) {
        const std::int64_t *winners = indices + (from - dy);
        std::fill_n(to, shape.in * K, T{0});
        for (Index p = 0; p < shape.out; ++p)
            for (Index k = 0; k < K; ++k) to[winners[p * K + k] * K + k] += from[p * K + k];
    });
}

inline const Index *nearest_inputs(Scratch &scratch, const ResampleShape &shape) {
    return places<Index>(scratch, shape, [&](Index p) { return p * shape.in / shape.out; });
}

template <class T> void upsample_nearest_forward(const ResampleShape &shape, const T *x, T *y) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Index *nearest = nearest_inputs(scratch, shape);
    for_axis(shape, x, y, [&](const T *from, T *to, auto K) {
        for (Index p = 0; p < shape.out; ++p)
            for (Index k = 0; k < K; ++k) to[p * K + k] = from[nearest[p] * K + k];
    });
}

template <class T> void upsample_nearest_backward(const ResampleShape &shape, const T *dy, T *dx) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Index *nearest = nearest_inputs(scratch, shape);
    for_axis(shape, dx, dy, [&](T *to, const T *from, auto K) {
        std::fill_n(to, shape.in * K, T{0});
        for (Index p = 0; p < shape.out; ++p)
            for (Index k = 0; k < K; ++k) to[nearest[p] * K + k] += from[p * K + k];
    });
}

// The two inputs that an output lies between, and their weights.
template <class T> struct Between {
    Index before, after;
    T near, far;
};

template <class T> const Between<T> *linear_inputs(Scratch &scratch, const ResampleShape &shape, bool align_corners) {
    return places<Between<T>>(scratch, shape, [&](Index p) {
        const Index H = shape.in, P = shape.out, below = align_corners ? std::max<Index>(1, P - 1) : 2 * P;
        const Index above = align_corners ? p * (H - 1) : std::max<Index>(0, (2 * p + 1) * H - P);
        const Index before = above / below, rest = above % below;
        const double length = static_cast<double>(below);
        return Between<T>{before, std::min(before + 1, H - 1),
                          static_cast<T>(static_cast<double>(below - rest) / length),
                          static_cast<T>(static_cast<double>(rest) / length)};
    });
}

template <class T> void upsample_linear_forward(const ResampleShape &shape, bool align_corners, const T *x, T *y) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Between<T> *inputs = linear_inputs<T>(scratch, shape, align_corners);
    for_axis(shape, x, y, [&](const T *from, T *to, auto K) {
        for (Index p = 0; p < shape.out; ++p) {
            const Between<T> at = inputs[p];
            const T *one = from + at.before * K, *two = from + at.after * K;
            for (Index k = 0; k < K; ++k) to[p * K + k] = at.near * one[k] + at.far * two[k];
        }
    });
}

template <class T> void upsample_linear_backward(const ResampleShape &shape, bool align_corners, const T *dy, T *dx) {
    if (nothing(shape)) return;
    Scratch scratch;
    const Between<T> *inputs = linear_inputs<T>(scratch, shape, align_corners);
    for_axis(shape, dx, dy, [&](T *to, const T *from, auto K) {
        std::fill_n(to, shape.in * K, T{0});
        for (Index p = 0; p < shape.out; ++p) {
            const Between<T> at = inputs[p];
            for (Index k = 0; k < K; ++k) to[at.before * K + k] += at.near * from[p * K + k];
            for (Index k = 0; k < K; ++k) to[at.after * K + k] += at.far * from[p * K + k];
        }
    });
}

struct UnpoolShape {
    Index parts, windows, size; // M Q K
};

template <class T> void max_unpool_forward(const UnpoolShape &shape, const T *x, const std::int64_t *indices, T *y) {
    for_parts(shape.parts, shape.windows + shape.size, [&](Index part, Index) {
        const T *from = x + part * shape.windows;
        const std::int64_t *at = indices + part * shape.windows;
        T *to = y + part * shape.size;
        std::fill_n(to, shape.size, T{0});
        for (Index q = 0; q < shape.windows; ++q)
            if (at[q] >= 0) to[at[q]] = from[q];
    });
}

template <class T> void max_unpool_backward(const UnpoolShape &shape, const T *dy, const std::int64_t *indices, T *dx) {
    Scratch scratch;
    Index *last_of = scratch.take<Index>(parallel_slots(shape.parts), shape.size);
    for_parts(shape.parts, shape.windows + shape.size, [&](Index part, Index slot) {
        const T *from = dy + part * shape.size;
        const std::int64_t *at = indices + part * shape.windows;
        T *to = dx + part * shape.windows;
        Index *last = last_of + slot * shape.size; // the last q with each index; read only where one was written
        for (Index q = 0; q < shape.windows; ++q)
            if (at[q] >= 0) last[at[q]] = q;
        for (Index q = 0; q < shape.windows; ++q) to[q] = at[q] >= 0 && last[at[q]] == q ? from[at[q]] : T{0};
    });
}

} // namespace cuarzo
