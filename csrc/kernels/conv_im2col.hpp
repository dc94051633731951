// Correlation, rung im2col: the source is packed into panels as for the product (gemm.hpp), k after k. Row ends cost no
// lanes, and long sums stream. Only one panel of the matrix of patches exists at a time.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

inline constexpr Index panel_depth = 384;

// Elements that im2col_band needs: a panel of k-blocks, and the sums of all filters.
template <class T> Index panel_elements(Index F, Index K) {
    return round_up(element_count(std::min(K, panel_depth) + F, tile_columns<T>) + lanes<T>, 64 / sizeof(T));
}

// Taps `k` ... `k + depth - 1` of the runs, packed [k][width]. Whole vectors are written, also over the end of a row:
// the next row, or nothing, comes there, and the panel has room for it.
template <class T>
void pack_panel(const Item<T> &item, const Run *runs, Index count, Index width, Index k, Index depth, T *out) {
    Index c = k / item.taps.count, t = k % item.taps.count;
    for (Index d = 0; d < depth; ++d, out += width) {
        const T *from = item.source + c * item.copy.size + item.taps.offset[t];
        for (Index i = 0; i < count; ++i) store(out + runs[i].at, load(from + runs[i].from));
        if (++t == item.taps.count) t = 0, ++c;
    }
}

// The panel's sums [F][width], with the bias, to where they belong.
template <class T> void store_panel(const Item<T> &item, const Run *runs, Index count, Index width, const T *sums) {
    for (Index f = 0; f < item.p.F; ++f, sums += width) {
        const Vec<T> b = broadcast(item.bias ? item.bias[f] : T{0});
        T *to = item.result + f * item.p.volume;
        for (Index i = 0; i < count; ++i)
            store_run(to + runs[i].to, item.p.column, b + load(sums + runs[i].at), runs[i].count);
    }
}

template <class T> void im2col_band(const Item<T> &item, T *panel) {
    const Index F = item.p.F, K = item.K(), results = item.band.results(), kc = even_block(K, panel_depth);
    T *sums = panel;
    panel += F * tile_columns<T>;
    const Index filters = even_rows(F), columns = even_columns<T>(results);
    Run runs[tile_columns<T>];
    for (Index first = 0; first < results; first += columns) {
        const Index n = std::min(columns, results - first), width = round_up(n, lanes<T>);
        const Index count = make_runs(item.p, item.copy, item.band, first, n, runs);
        for (Index k = 0; k < K; k += kc) {
            const Index depth = std::min(kc, K - k);
            pack_panel(item, runs, count, width, k, depth, panel);
            for (Index f = 0; f < F; f += filters) {
                const Index m = std::min(filters, F - f);
                tile_for<T>(m, n)(depth, item.weights + f * K + k * m, panel, sums + f * width, width, n, k > 0);
            }
        }
        store_panel(item, runs, count, width, sums);
    }
}

} // namespace cuarzo
