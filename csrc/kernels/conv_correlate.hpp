// Correlation: the one sum that is both the forward pass of a convolution and the gradient of its input.
//
//   result[n, f, i, j] = bias[f] + sum_{c, t} weight[f, c, t] source[n, c, i su + row_t, j sv + column_t]
//
// over the taps t of a window; a source outside its image is zero. A register tile holds some filters x some vectors of
// results, as in gemm.hpp, and the sum over k = (c, t) runs through it. The rungs differ in where it reads the source:
//   direct   in the Plane, where it stands: nothing is copied twice, and taps that overlap read the same cached rows.
//            A vector holds neighbours in one row: rows a little longer than a vector leave many lanes unused.
//   im2col   in panels packed as for the product, k after k: row ends cost no lanes, and long sums stream.
#pragma once
#include "gemm.hpp"
#include "window.hpp"

namespace cuarzo {

enum class Rung { direct, im2col };

// Groups are convolutions of their own: F results and C sources are those of one group.
template <class T> struct Correlation {
    Index N, groups;
    Index C, H, W;                   // source (N, groups C, H, W)
    Index F, I, J;                   // results, and the rows and columns of each that are computed here
    Index row_stride, column_stride; // su, sv
    const Tap *taps;                 // tap.index is its offset in a weight's window
    Index tap_count;
    const T *source, *weight, *bias;        // bias may be null
    Index weight_group, weight_f, weight_c; // elements between two groups, filters, channels
    T *result; // element (n, f, i, j) is at  (n groups F + f) plane + start + i row + j column
    Index plane, start, row, column;
};

// Weights as the tile reads them: for each group and each tile's filters, [k][filters].
template <class T> T *pack_weights(Scratch &scratch, const Correlation<T> &p) {
    const Index K = p.C * p.tap_count;
    T *packed = scratch.take<T>(p.groups, p.F, K), *to = packed;
    for (Index g = 0; g < p.groups; ++g)
        for (Index f = 0; f < p.F; f += even_rows(p.F))
            for (Index c = 0; c < p.C; ++c)
                for (Index t = 0; t < p.tap_count; ++t)
                    for (Index m = f; m < std::min(f + even_rows(p.F), p.F); ++m)
                        *to++ = p.weight[g * p.weight_group + m * p.weight_f + c * p.weight_c + p.taps[t].index];
    return packed;
}

// A vector of results: `count` neighbours in a row.
struct Run {
    Index from; // in the plane
    Index to;   // in the result
    Index count;
};

template <class T> CUARZO_INLINE void store_run(T *to, Index step, Vec<T> v, Index count) {
    if (step == 1) {
        store_first(to, v, count);
    } else {
        T lane[lanes<T>];
        store(lane, v);
        for (Index i = 0; i < count; ++i) to[i * step] = lane[i];
    }
}

template <class T> struct DirectTile {
    const T *weights, *plane;
    Index channels, channel_size;
    const Index *taps;
    Index tap_count;
    const T *bias;
    T *result;
    Index result_plane, step;
};

// M filters x V runs, read where they stand in the plane.
template <class T, int M, int V> void direct_tile(const DirectTile<T> &p, const Run *runs) {
    Vec<T> sum[M][V];
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) {
        const Vec<T> b = broadcast(p.bias ? p.bias[m] : T{0});
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) sum[m][v] = b;
    }
    const T *base[V], *w = p.weights;
    CUARZO_UNROLL
    for (int v = 0; v < V; ++v) base[v] = p.plane + runs[v].from;
    for (Index c = 0; c < p.channels; ++c)
        for (Index t = 0; t < p.tap_count; ++t, w += M) {
            const Index offset = c * p.channel_size + p.taps[t];
            Vec<T> x[V];
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) x[v] = load(base[v] + offset);
            CUARZO_UNROLL
            for (int m = 0; m < M; ++m) {
                const Vec<T> factor = broadcast(w[m]);
                CUARZO_UNROLL
                for (int v = 0; v < V; ++v) sum[m][v] += factor * x[v];
            }
        }
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) store_run(p.result + m * p.result_plane + runs[v].to, p.step, sum[m][v], runs[v].count);
}

template <class T> using DirectFunction = void (*)(const DirectTile<T> &, const Run *);

template <class T, int M = tile_rows, int V = tile_vectors> DirectFunction<T> direct_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return direct_for<T, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return direct_for<T, M, V - 1>(m, v);
    return direct_tile<T, M, V>;
}

// The results of a band in runs of at most `width`, row by row.
inline Index make_runs(Index rows, Index columns, Index width, Index from_step, Index row, Index column, Run *runs) {
    Index count = 0;
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; j += width)
            runs[count++] = {i * from_step + j, i * row + j * column, std::min(width, columns - j)};
    return count;
}

// What one item (image, group, band of rows) works with.
template <class T> struct Band {
    const Correlation<T> &p;
    const Plane &plane;
    const Index *offsets; // of the taps in the plane
    const T *weights;     // of the group, packed
    const T *source;      // the plane's copy
    const T *bias;
    T *result; // of the group, at the band
    Index rows;
};

template <class T> void direct_band(const Band<T> &band, Run *runs) {
    const Correlation<T> &p = band.p;
    const Index count = make_runs(band.rows, p.J, lanes<T>, band.plane.row_step(), p.row, p.column, runs);
    const Index K = p.C * p.tap_count, filters = even_rows(p.F), vectors = even_block(count, tile_vectors);
    for (Index v = 0; v < count; v += vectors)
        for (Index f = 0; f < p.F; f += filters) {
            const DirectTile<T> tile{band.weights + f * K,
                                     band.source,
                                     p.C,
                                     band.plane.size,
                                     band.offsets,
                                     p.tap_count,
                                     band.bias ? band.bias + f : nullptr,
                                     band.result + f * p.plane,
                                     p.plane,
                                     p.column};
            direct_for<T>(std::min(filters, p.F - f), std::min(vectors, count - v))(tile, runs + v);
        }
}

// A vector's move from the plane to a panel.
struct Move {
    Index from, to;
};

// The moves that gather, for one tap, the results `first` ... `first + n - 1` (counted row by row). They write whole
// vectors, also over the end of a row: the next row, or nothing, comes there, and the panel has room for it.
template <class T> Index make_moves(const Band<T> &band, Index first, Index n, Move *moves) {
    Index count = 0, i = first / band.p.J, j = first % band.p.J;
    for (Index done = 0; done < n; ++i, j = 0) {
        const Index run = std::min(band.p.J - j, n - done);
        for (Index x = 0; x < run; x += lanes<T>) moves[count++] = {i * band.plane.row_step() + j + x, done + x};
        done += run;
    }
    return count;
}

// Taps `k` ... `k + depth - 1` of these results, packed [k][width].
template <class T>
void pack_panel(const Band<T> &band, const Move *moves, Index count, Index width, Index k, Index depth, T *out) {
    Index c = k / band.p.tap_count, t = k % band.p.tap_count;
    for (Index d = 0; d < depth; ++d, out += width) {
        const T *from = band.source + c * band.plane.size + band.offsets[t];
        for (Index i = 0; i < count; ++i) store(out + moves[i].to, load(from + moves[i].from));
        if (++t == band.p.tap_count) t = 0, ++c;
    }
}

// The panel's sums [F][width], with the bias, to where they belong.
template <class T> void store_panel(const Band<T> &band, Index first, Index n, Index width, const T *sums) {
    const Correlation<T> &p = band.p;
    for (Index f = 0; f < p.F; ++f, sums += width) {
        const T b = band.bias ? band.bias[f] : T{0};
        Index i = first / p.J, j = first % p.J;
        for (Index done = 0; done < n; ++i, j = 0) {
            const Index count = std::min(p.J - j, n - done);
            T *to = band.result + f * p.plane + i * p.row + j * p.column;
            for (Index x = 0; x < count; ++x) to[x * p.column] = b + sums[done + x];
            done += count;
        }
    }
}

inline constexpr Index panel_depth = 384;

// Elements that im2col_band needs: a panel of k-blocks, and the sums of all filters.
template <class T> Index panel_elements(Index F, Index K) {
    return element_count(std::min(K, panel_depth) + F, tile_columns<T>) + lanes<T>;
}

template <class T> void im2col_band(const Band<T> &band, T *panel) {
    const Correlation<T> &p = band.p;
    const Index K = p.C * p.tap_count, results = band.rows * p.J, kc = even_block(K, panel_depth);
    T *sums = panel;
    panel += p.F * tile_columns<T>;
    const Index filters = even_rows(p.F), columns = even_columns<T>(results);
    Move moves[tile_columns<T>];
    for (Index first = 0; first < results; first += columns) {
        const Index n = std::min(columns, results - first), width = round_up(n, lanes<T>);
        const Index count = make_moves(band, first, n, moves);
        for (Index k = 0; k < K; k += kc) {
            const Index depth = std::min(kc, K - k);
            pack_panel(band, moves, count, width, k, depth, panel);
            for (Index f = 0; f < p.F; f += filters) {
                const Index m = std::min(filters, p.F - f);
                tile_for<T>(m, n)(depth, band.weights + f * K + k * m, panel, sums + f * width, width, n, k > 0);
            }
        }
        store_panel(band, first, n, width, sums);
    }
}

inline constexpr double cached_bytes = 384 << 10;

// Output rows of one item: few enough that the plane stays in the second cache, and that a small batch still has items
// for several threads. A function of the shape alone.
template <class T> Index band_rows(const Correlation<T> &p) {
    const double row_bytes = static_cast<double>(p.C) * (p.W + 1) * p.row_stride * sizeof(T); // may be beyond an Index
    const Index cached = std::max<Index>(4, static_cast<Index>(cached_bytes / row_bytes));
    const Index shared = ceil_div(p.I, ceil_div(16, std::max<Index>(1, p.N * p.groups)));
    return std::max<Index>(1, std::min({p.I, cached, shared}));
}

template <class T> void correlate(const Correlation<T> &p, Rung rung) {
    if (p.N * p.groups * p.F * p.I * p.J == 0) return;
    const Index K = p.C * p.tap_count;
    if (K == 0) { // no tap meets this part of the result: nothing but the bias
        for (Index f = 0; f < p.N * p.groups * p.F; ++f)
            for (Index i = 0; i < p.I; ++i)
                for (Index j = 0; j < p.J; ++j)
                    p.result[f * p.plane + p.start + i * p.row + j * p.column] =
                        p.bias ? p.bias[f % (p.groups * p.F)] : T{0};
        return;
    }
    Scratch scratch;
    const Index rows = band_rows(p), bands = ceil_div(p.I, rows), items = p.N * p.groups * bands;
    const Plane plane(p.taps, p.tap_count, p.H, p.W, p.row_stride, p.column_stride, rows, p.J);
    Index *offsets = scratch.take<Index>(p.tap_count);
    for (Index t = 0; t < p.tap_count; ++t) offsets[t] = plane.offset(p.taps[t]);
    const T *weights = pack_weights(scratch, p);
    const Index slots = p.N * p.groups * p.F * p.I * p.J * K < 32768 ? 1 : parallel_slots(items);
    const Index copy = plane.stride_of<T>(p.C), run_count = element_count(rows, ceil_div(p.J, lanes<T>));
    const Index panel = round_up(panel_elements<T>(p.F, K), 64 / sizeof(T));
    T *copies = plane.take<T>(scratch, slots, p.C);
    Run *runs = rung == Rung::direct ? scratch.take<Run>(slots, run_count) : nullptr;
    T *panels = rung == Rung::im2col ? scratch.take<T>(slots, panel) : nullptr;
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index image = item / bands, g = image % p.groups; // images of one group each
        const Range range(item % bands, rows, p.I);
        T *source = copies + slot * copy;
        plane.fill(p.source + image * p.C * p.H * p.W, p.C, range.begin, T{0}, source);
        const Band<T> band{p,
                           plane,
                           offsets,
                           weights + g * p.F * K,
                           source,
                           p.bias ? p.bias + g * p.F : nullptr,
                           p.result + image * p.F * p.plane + p.start + range.begin * p.row,
                           range.end - range.begin};
        if (rung == Rung::direct)
            direct_band(band, runs + slot * run_count);
        else
            im2col_band(band, panels + slot * panel);
    });
}

} // namespace cuarzo
