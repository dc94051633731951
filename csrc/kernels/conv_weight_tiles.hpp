// The gradient of a convolution's weights: its register tiles, one for each rung.
//
//   dw[f, c, t] = sum_{n, j} dy[n, f, j] x[n, c, from_t + j stride],    j = (slice, row, column)     # dw = dy patches'
//
// x is read from Copies (window.hpp). The rungs differ in what a vector holds:
//   direct   neighbours in a row: some filters x some taps of dot products, each `lanes` partial sums that are added at
//            the end. Nothing is transposed: good where filters are few.
//   im2col   filters: dy is transposed once, and the matrix of patches (positions x taps) is never written down: each
//            of its elements is broadcast from where it stands in the copy. Good where filters fill the vectors.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

template <class T> struct WeightGradient {
    Index N, groups, C, F;      // x (N, groups C, depth.in, rows.in, columns.in)
    Reach depth, rows, columns; // dy (N, groups F, depth.out, rows.out, columns.out)
    const T *x, *dy;
    T *dw; // (groups F, C, window)
    Index window() const { return depth.window * rows.window * columns.window; }
    Index K() const { return C * depth.taps * rows.taps * columns.taps; }
    Index outputs() const { return depth.out * rows.out * columns.out; }
};

inline constexpr Index dot_filters = tile_rows >= 8 ? 4 : 3, dot_taps = tile_rows >= 8 ? 6 : 3;

// Bands of one or more images, as the tiles read them.
template <class T> struct Patches {
    const Copy &copy;
    const Taps &taps;
    const Index *line_at;        // in the copy, of each row of the band
    const T *source, *dy;        // dy as the rung wants it
    Index units, lines, columns; // bands held here; rows of each, one slice after the other, and their length
    Index source_step, dy_step;  // elements between two bands

    const T *tap(Index k) const { return source + k / taps.count * copy.size + taps.offset[k % taps.count]; }
};

// to[m][v] += the dot products of M filters with V taps. dy is [filter][line][columns filled up with zeros].
template <class T, int M, int V> void dot_tile(const Patches<T> &p, Index f, Index k, T *to, Index to_row) {
    const Index width = round_up(p.columns, lanes<T>), whole = p.columns / lanes<T> * lanes<T>;
    const Index filter_step = p.lines * width;
    const Mask<T> rest = first_lanes<T>(p.columns - whole);
    const T *x[V];
    for (int v = 0; v < V; ++v) x[v] = p.tap(k + v);
    Vec<T> sums[M][V] = {};
    const auto add = [&](const T *dy, Index at, auto load_x) {
        Vec<T> d[M];
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) d[m] = load(dy + m * filter_step);
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) {
            const Vec<T> value = load_x(x[v] + at);
            CUARZO_UNROLL
            for (int m = 0; m < M; ++m) sums[m][v] += d[m] * value;
        }
    };
    for (Index unit = 0; unit < p.units; ++unit)
        for (Index i = 0; i < p.lines; ++i) {
            const T *dy = p.dy + unit * p.dy_step + f * filter_step + i * width;
            const Index at = unit * p.source_step + p.line_at[i];
            for (Index j = 0; j < whole; j += lanes<T>) add(dy + j, at + j, [](const T *from) { return load(from); });
            // What lies right of the last output may be NaN, and 0 * NaN is not 0: those lanes are cleared.
            if (whole < p.columns)
                add(dy + whole, at + whole, [&](const T *from) { return keep<T>(rest, load(from)); });
        }
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < V; ++v) to[m * to_row + v] += sum<T>(sums[m][v]);
}

template <class T> using DotFunction = void (*)(const Patches<T> &, Index, Index, T *, Index);

template <class T, int M = dot_filters, int V = dot_taps> DotFunction<T> dot_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return dot_for<T, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return dot_for<T, M, V - 1>(m, v);
    return dot_tile<T, M, V>;
}

// to[m][filters of V vectors] += patches' dy for M taps. dy is [position][V vectors].
template <class T, int M, int V> void outer_tile(const Patches<T> &p, Index panel, Index k, T *to, Index to_row) {
    const T *x[M];
    for (int m = 0; m < M; ++m) x[m] = p.tap(k + m);
    Vec<T> sums[M][V];
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) sums[m][v] = load(to + m * to_row + v * lanes<T>);
    for (Index unit = 0; unit < p.units; ++unit) {
        const T *dy = p.dy + unit * p.dy_step + panel * p.lines * p.columns;
        for (Index i = 0; i < p.lines; ++i) {
            const Index at = unit * p.source_step + p.line_at[i];
            for (Index j = 0; j < p.columns; ++j, dy += V * lanes<T>) {
                Vec<T> d[V];
                CUARZO_UNROLL
                for (int v = 0; v < V; ++v) d[v] = load(dy + v * lanes<T>);
                CUARZO_UNROLL
                for (int m = 0; m < M; ++m) {
                    const Vec<T> factor = broadcast(x[m][at + j]);
                    CUARZO_UNROLL
                    for (int v = 0; v < V; ++v) sums[m][v] += factor * d[v];
                }
            }
        }
    }
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) store(to + m * to_row + v * lanes<T>, sums[m][v]);
}

template <class T, int M = tile_rows, int V = tile_vectors> DotFunction<T> outer_for(Index m, Index n) {
    if constexpr (M > 1)
        if (m < M) return outer_for<T, M - 1, V>(m, n);
    if constexpr (V > 1)
        if (n <= (V - 1) * lanes<T>) return outer_for<T, M, V - 1>(m, n);
    return outer_tile<T, M, V>;
}

// The sums of `filters` filters from `first` and taps begin ... end - 1. to: [filter][k] of K for direct, [k][filter] of
// `padded` for im2col.
template <class T>
void clear(Rung rung, Index first, Index filters, Index begin, Index end, Index K, Index padded, T *to) {
    if (rung == Rung::direct)
        for (Index f = first; f < first + filters; ++f) std::fill(to + f * K + begin, to + f * K + end, T{0});
    else
        for (Index k = begin; k < end; ++k) std::fill_n(to + k * padded + first, round_up(filters, lanes<T>), T{0});
}

// The tiles of these sums; tap 0 of the patches is number `begin`, and there are `count`.
template <class T>
void add_tiles(const Patches<T> &patches, Rung rung, Index first, Index filters, Index begin, Index count, Index K,
               Index padded, T *to) {
    if (rung == Rung::direct) {
        const Index m = even_block(filters, dot_filters), taps = even_block(count, dot_taps);
        to += first * K + begin;
        for (Index k = 0; k < count; k += taps)
            for (Index f = 0; f < filters; f += m)
                dot_for<T>(std::min(m, filters - f), std::min(taps, count - k))(patches, f, k, to + f * K + k, K);
    } else {
        const Index columns = even_columns<T>(filters), taps = even_rows(count);
        to += begin * padded + first;
        for (Index f = 0; f < filters; f += columns)
            for (Index k = 0; k < count; k += taps)
                outer_for<T>(std::min(taps, count - k), std::min(columns, filters - f))(patches, f, k,
                                                                                        to + k * padded + f, padded);
    }
}

// dy of `lines` rows, for `filters` filters `filter_step` apart, as the rung reads it.
template <class T>
void copy_dy(Rung rung, const T *dy, Index filters, Index filter_step, Index lines, Index columns, T *out) {
    if (rung == Rung::im2col) { // transposed, in panels of filters
        const Panels<T> panels = column_panels<T>({dy, 1, filter_step}, filters);
        for (Index q = 0; q < panels.count(); ++q) panels.pack_one(q, 0, lines * columns, out);
        return;
    }
    for (Index f = 0; f < filters; ++f, dy += filter_step) {
        const T *from = dy;
        for (Index i = 0; i < lines; ++i, from += columns)
            for (Index j = 0; j < columns; j += lanes<T>, out += lanes<T>)
                store(out, load_first(from + j, std::min(lanes<T>, columns - j)));
    }
}

} // namespace cuarzo
