// The gradient of a convolution's weights, rung grouped (conv_grouped.hpp): tiles of some taps, each a sum of vectors of
// groups. Nothing is added across lanes, and the sums of an item stay in the first cache.
#pragma once
#include "conv_grouped.hpp"
#include "conv_weight_tiles.hpp"

namespace cuarzo {

inline constexpr int grouped_tile_taps = 9;

// sums[t] += dy[result] source[result + tap t] for M taps.
template <class T, int M>
void grouped_weight_tile(const T *source, const Index *taps, const T *dy, const GroupedResult *results, Index count,
                         T *sums) {
    Vec<T> sum[M];
    const T *x[M];
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) sum[m] = load(sums + m * lanes<T>), x[m] = source + taps[m];
    for (Index i = 0; i < count; ++i) {
        const Vec<T> d = load(dy + results[i].to);
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) sum[m] += d * load(x[m] + results[i].from);
    }
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) store(sums + m * lanes<T>, sum[m]);
}

template <class T>
using GroupedWeightFunction = void (*)(const T *, const Index *, const T *, const GroupedResult *, Index, T *);

template <class T, int M = grouped_tile_taps> GroupedWeightFunction<T> grouped_weight_for(Index m) {
    if constexpr (M > 1)
        if (m < M) return grouped_weight_for<T, M - 1>(m);
    return grouped_weight_tile<T, M>;
}

// What the items of a call share.
template <class T> struct GroupedWeights {
    const WeightGradient<T> &p;
    const GroupedBox &box;
    const Index *places, *dy_places, *taps;
    Index tap_count;
    const GroupedResult *results;
    Index count; // rows at a time

    // A band of one image, for a block of groups.
    void add(const Band &band, Index n, Index g, T *source, T *dy, T *sums) const {
        const Index groups = std::min(lanes<T>, p.groups - g), size = p.depth.in * p.rows.in * p.columns.in;
        const T *image = p.x + (n * p.groups + g) * p.C * size, *from = p.dy + (n * p.groups + g) * p.F * p.outputs();
        Index filled = 0;
        for (Index i = 0; i < band.rows; i += count) {
            const Index rows = std::min(count, band.rows - i), end = box.rows.size(i + rows);
            const Index line = band.slice * p.rows.out + band.row + i;
            for (Index c = 0; c < p.C; ++c)
                box.fill(image + c * size, p.C * size, groups, band, filled, end, places,
                         source + c * box.elements<T>());
            filled = end;
            for (Index f = 0; f < p.F; ++f) {
                interleave(from + f * p.outputs() + line * p.columns.out, p.F * p.outputs(), groups,
                           rows * p.columns.out, dy_places, dy);
                for (Index c = 0; c < p.C; ++c)
                    add_taps(source + c * box.elements<T>() + i * p.rows.stride * box.width * lanes<T>, dy,
                             rows * p.columns.out, sums + (f * p.C + c) * tap_count * lanes<T>);
            }
        }
    }
    void add_taps(const T *source, const T *dy, Index n, T *sums) const {
        const Index some = even_block(tap_count, grouped_tile_taps);
        for (Index t = 0; t < tap_count; t += some)
            grouped_weight_for<T>(std::min(some, tap_count - t))(source, taps + t, dy, results, n, sums + t * lanes<T>);
    }

    // dw of a block of groups: the parts in ascending order; 0 where a tap sees nothing but padding.
    void combine(const Taps &window, const T *partial, Index parts, Index part_size, Index g) const {
        const Index groups = std::min(lanes<T>, p.groups - g), filters = p.F * p.C;
        std::fill_n(p.dw + g * filters * p.window(), groups * filters * p.window(), T{0});
        for (Index i = 0; i < filters * tap_count; ++i, partial += lanes<T>) {
            Vec<T> total = load(partial);
            for (Index part = 1; part < parts; ++part) total += load(partial + part * part_size);
            T *to = p.dw + (g * filters + i / tap_count) * p.window() + window.number[i % tap_count];
            for (Index k = 0; k < groups; ++k) to[k * filters * p.window()] = total[k];
        }
    }
};

template <class T> void grouped_weight_gradient(const WeightGradient<T> &p) {
    Scratch scratch;
    const GroupedAxis depth(p.depth, 1, p.depth.out), rows(p.rows, 1, p.rows.out), columns(p.columns, 1, p.columns.out);
    const Index blocks = ceil_div(p.groups, lanes<T>), parts = std::min(p.N, ceil_div(16, blocks));
    const Bands bands = cut_grouped<T>(depth, rows, columns, p.C, 1);
    const GroupedBox box(depth, rows, columns, bands.rows);
    const Index count = std::min(bands.rows, rows_at_a_time(rows, columns)), together = count * p.columns.out;
    const Copy numbers(p.depth, p.rows, p.columns, 1, 1, 1);
    const Taps window(scratch, numbers, p.depth, p.rows, p.columns);
    Index *in_order = scratch.take<Index>(together);
    for (Index i = 0; i < together; ++i) in_order[i] = i * lanes<T>;
    const GroupedWeights<T> call{p,
                                 box,
                                 box.places<T>(scratch),
                                 in_order,
                                 grouped_taps<T>(scratch, p.depth, p.rows, p.columns, box),
                                 window.count,
                                 grouped_results<T>(scratch, box, count, p.columns.out, 0),
                                 count};
    const Index sums = element_count(p.F, p.K(), lanes<T>), items = parts * blocks;
    const bool small = is_small(static_cast<double>(p.N * p.groups * p.outputs()) * static_cast<double>(p.F * p.K()));
    const Index slots = small ? 1 : parallel_slots(items);
    const Index source_step = p.C * box.elements<T>(), dy_step = together * lanes<T>;
    T *partial = scratch.take<T>(items, sums);
    T *sources = scratch.take<T>(slots, source_step), *dys = scratch.take<T>(slots, dy_step);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index block = item % blocks, part = item / blocks, end = (part + 1) * p.N / parts;
        std::fill_n(partial + item * sums, sums, T{0});
        for (Index n = part * p.N / parts; n < end; ++n)
            for (Index band = 0; band < bands.count(); ++band)
                call.add(bands[band], n, block * lanes<T>, sources + slot * source_step, dys + slot * dy_step,
                         partial + item * sums);
    });
    parallel_for(blocks, small ? 1 : parallel_slots(blocks), [&](Index block, Index) {
        call.combine(window, partial + block * sums, parts, blocks * sums, block * lanes<T>);
    });
}

} // namespace cuarzo
