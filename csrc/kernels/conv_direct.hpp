// Correlation, rung direct: the source is read in the Copy, where it stands. Nothing is copied twice, and taps that
// overlap read the same cached rows. A vector holds neighbours in one row: rows a little longer than a vector leave
// many lanes unused.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

template <class T> struct DirectTile {
    const T *weights, *source;
    Index channels, channel_size;
    const Index *taps;
    Index tap_count;
    const T *bias;
    T *result;
    Index volume, step;
};

// M filters x V runs.
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
    for (int v = 0; v < V; ++v) base[v] = p.source + runs[v].from;
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
    for (int v = 0; v < V; ++v) store_run(p.result + m * p.volume + runs[v].to, p.step, sum[m][v], runs[v].count);
}

template <class T> using DirectFunction = void (*)(const DirectTile<T> &, const Run *);

// Runs of a tile of m filters: as many as the registers hold beside their source vectors and one weight, so that few
// filters too keep both multipliers busy. More than 8 gain nothing.
constexpr int direct_vectors(Index m) {
    const Index registers = tile_rows * tile_vectors > 12 ? 32 : 16;
    return static_cast<int>(std::min<Index>(8, (registers - 1) / (m + 1)));
}

template <class T, int M, int V = direct_vectors(M)> DirectFunction<T> direct_runs_for(Index v) {
    if constexpr (V > 1)
        if (v < V) return direct_runs_for<T, M, V - 1>(v);
    return direct_tile<T, M, V>;
}

template <class T, int M = tile_rows> DirectFunction<T> direct_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return direct_for<T, M - 1>(m, v);
    return direct_runs_for<T, M>(v);
}

inline Index run_count(const Bands &bands, Index lanes) {
    return element_count(bands.slices, bands.rows, ceil_div(bands.columns, lanes));
}

template <class T> void direct_band(const Item<T> &item, const Run *runs, Index count) {
    const Correlation<T> &p = item.p;
    const Index filters = even_rows(p.F), vectors = even_block(count, direct_vectors(filters));
    for (Index v = 0; v < count; v += vectors)
        for (Index f = 0; f < p.F; f += filters) {
            const DirectTile<T> tile{item.weights + f * item.K(),
                                     item.source,
                                     p.C,
                                     item.copy.size,
                                     item.taps.offset,
                                     item.taps.count,
                                     item.bias ? item.bias + f : nullptr,
                                     item.result + f * p.volume,
                                     p.volume,
                                     p.column};
            direct_for<T>(std::min(filters, p.F - f), std::min(vectors, count - v))(tile, runs + v);
        }
}

} // namespace cuarzo
