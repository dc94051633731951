// Correlation: the one sum that is both the forward pass of a convolution and the gradient of its input.
//
//   result[n, f, j] = bias[f] + sum_{c, t} weight[f, c, t] source[n, c, from_t + j stride]
//
// over the taps t of a window, with j = (slice, row, column); a source outside its volume is zero. A register tile
// holds some filters x some vectors of results, as in gemm.hpp, and the sum over k = (c, t) runs through it. This file
// is what its two rungs, conv_direct.hpp and conv_im2col.hpp, have in common; conv_correlate.hpp runs them over all
// bands.
#pragma once
#include "conv_bands.hpp"

namespace cuarzo {

enum class Rung { direct, im2col, grouped, depthwise, winograd, col2im };

// Multiplications too few to be worth a second thread: some microseconds.
inline bool is_small(double multiplications) { return multiplications < 32768; }

// Groups are convolutions of their own: F results and C sources are those of one group.
template <class T> struct Correlation {
    Index N, groups, C, F;           // source (N, groups C, depth.in, rows.in, columns.in)
    Reach depth, rows, columns;      // of the results that are computed here
    const T *source, *weight, *bias; // bias may be null
    Index weight_group, weight_f,
        weight_c; // elements between two groups, filters, channels; the taps stand side by side
    T *result;    // element (n, f, o, i, j) is at  (n groups F + f) volume + start + o slice + i row + j column
    Index volume, start, slice, row, column;
};

// What one item (image, group, band) works with.
template <class T> struct Item {
    const Correlation<T> &p;
    const Copy &copy;
    const Taps &taps;
    Band band;
    const T *weights; // of the group, packed
    const T *source;  // the copy
    const T *bias;
    T *result; // of the group, at the band
    Index K() const { return p.C * taps.count; }
};

// Weights as the tile reads them: for each group and each tile's filters, [bias if there is one, k][filters].
template <class T> const T *pack_weights(Scratch &scratch, const Correlation<T> &p, const Taps &taps, const T *bias) {
    const Index K = p.C * taps.count, depth = K + (bias ? 1 : 0), tile = even_rows(p.F), tiles = ceil_div(p.F, tile);
    T *packed = scratch.take<T>(p.groups, p.F, depth);
    const Index window = p.depth.window * p.rows.window * p.columns.window;
    const bool plain = taps.count == window && taps.number[0] == 0 && p.weight_c == window; // k stands beside k + 1
    parallel_for(p.groups * tiles, p.F * K < 65536 ? 1 : parallel_slots(p.groups * tiles), [&](Index item, Index) {
        const Index g = item / tiles, first = item % tiles * tile, m = std::min(tile, p.F - first);
        const T *from = p.weight + g * p.weight_group + first * p.weight_f;
        T *to = packed + (g * p.F + first) * depth;
        if (bias) to = std::copy_n(bias + g * p.F + first, m, to);
        if (plain || window == 1) return pack(Matrix<T>{from, p.weight_f, plain ? 1 : p.weight_c}, m, K, m, to);
        for (Index c = 0; c < p.C; ++c, from += p.weight_c)
            for (Index t = 0; t < taps.count; ++t)
                for (Index f = 0; f < m; ++f) *to++ = from[f * p.weight_f + taps.number[t]];
    });
    return packed;
}

// A vector of results: `count` neighbours in a row.
struct Run {
    Index from, to; // in the copy, in the result
    Index at;       // how many results of the band, or of the panel, come before
    Index count;
};

// The results `first` ... `first + n - 1` of a band, counted row by row.
template <class T>
Index make_runs(const Correlation<T> &p, const Copy &copy, const Band &band, Index first, Index n, Run *runs) {
    Index count = 0, j = first % band.columns, i = first / band.columns % band.rows;
    Index o = first / band.columns / band.rows;
    for (Index done = 0; done < n; j = 0) {
        const Index length = std::min(band.columns - j, n - done);
        const Index from = o * copy.slice_step + i * copy.row_step + j;
        const Index to = o * p.slice + i * p.row + j * p.column;
        for (Index x = 0; x < length; x += lanes<T>)
            runs[count++] = {from + x, to + x * p.column, done + x, std::min(lanes<T>, length - x)};
        done += length;
        if (++i == band.rows) i = 0, ++o;
    }
    return count;
}

template <class T> CUARZO_INLINE void store_run(T *to, Index step, Vec<T> v, Index count) {
    if (step == 1) {
        store_first(to, v, count);
    } else {
        T lane[lanes<T>];
        store(lane, v);
        for (Index i = 0; i < count; ++i) to[i * step] = lane[i];
    }
}

} // namespace cuarzo
