// The gradient of a convolution's weights: how its sums (conv_weight_tiles.hpp) are shared out and put together.
//
// The batch is cut into a number of parts that depends on the shape alone; each sums into a dw of its own, and these
// are added in ascending order: the same bits at any number of threads.
#pragma once
#include "conv_correlate.hpp"
#include "conv_depthwise_weight.hpp"
#include "conv_grouped_weight.hpp"
#include "conv_winograd_weight.hpp"
#include <cmath>

namespace cuarzo {

// How the work is cut; all of it follows from the shape. An item sums some filters x some channels over a part of the
// batch, band after band; of its channels, few at a time are copied.
template <class T> struct WeightPlan {
    Index filters, channels; // of an item
    Index parts;             // of the batch, each with a dw of its own
    Index copied;            // channels in the copy at a time
    Index padded;            // filters of a group's partial sums: whole vectors for im2col
    Bands bands;             // of an image
    Index units;             // bands that are copied before the tiles run over them

    WeightPlan(const WeightGradient<T> &p, Rung rung) {
        const Index taps = p.depth.taps * p.rows.taps * p.columns.taps;
        const Index panel = rung == Rung::direct ? dot_filters : even_columns<T>(p.F);
        share_out(p, panel);
        copied = std::min(channels, ceil_div(copied_taps, taps));
        padded = rung == Rung::direct ? p.F : round_up(p.F, lanes<T>);
        const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, copied) +
                                 static_cast<double>(filters) * static_cast<double>(p.columns.out) * sizeof(T);
        bands = cut<T>(p.depth, p.rows, p.columns, row_bytes, 1);
        // Several whole images where they are small: the sums then stay in registers for longer.
        const double image_bytes = row_bytes * static_cast<double>(p.depth.out * p.rows.out);
        const Index images = static_cast<Index>(cached_bytes / 2 / image_bytes);
        units = bands.count() > 1 ? 1 : std::clamp<Index>(images, 1, ceil_div(p.N, parts));
    }

    Index filter_blocks(Index F) const { return ceil_div(F, filters); }
    Index channel_blocks(Index C) const { return ceil_div(C, channels); }

  private:
    static constexpr Index wanted = 16;       // items, so that threads share them evenly
    static constexpr Index copied_taps = 288; // a copied dy serves so many, and both stay in the second cache

    // Whichever costs least is doubled until there are enough items: the filters' blocks, for each of which x is copied;
    // the channels', for each of which dy is, and transposed; or the parts, each of which writes and reads a dw.
    // In cycles, measured: a quarter for an element of x, half for one of dy, one for one of dw.
    void share_out(const WeightGradient<T> &p, Index panel) {
        const Index positions = p.N * p.outputs(), panels = ceil_div(p.F, panel);
        const Index most_parts = std::min(p.N, ceil_div(positions, 256));
        const auto cost = [](double cycles, Index a, Index b, Index blocks, Index most) {
            return blocks < most ? cycles * static_cast<double>(a) * static_cast<double>(b * blocks) : HUGE_VAL;
        };
        Index across = 1, deep = 1;
        parts = 1;
        while (p.groups * across * deep * parts < wanted) {
            const double by_filters = cost(0.25, positions, p.C, across, panels);
            const double by_channels = cost(0.5, positions, p.F, deep, p.C);
            const double by_parts = cost(1, p.F, p.K(), parts, most_parts);
            const double least = std::min({by_filters, by_channels, by_parts});
            if (least == HUGE_VAL) break;
            if (least == by_parts)
                parts = std::min(2 * parts, most_parts);
            else if (least == by_filters)
                across = std::min(2 * across, panels);
            else
                deep = std::min(2 * deep, p.C);
        }
        filters = panel * ceil_div(panels, across);
        channels = ceil_div(p.C, deep);
    }
};

// Where the rows of a band begin in the copy.
inline const Index *list_lines(Scratch &scratch, const Copy &copy, const Bands &bands) {
    Index *lines = scratch.take<Index>(bands.slices, bands.rows), *line = lines;
    for (Index o = 0; o < bands.slices; ++o)
        for (Index i = 0; i < bands.rows; ++i) *line++ = o * copy.slice_step + i * copy.row_step;
    return lines;
}

// dw = the sum of the parts, in ascending order; 0 where a tap sees nothing but padding. A block of im2col's sums,
// [k][filter], is transposed in registers: read one by one, 16 kB apart, they took longer than the products.
template <class T> struct Combine {
    const WeightGradient<T> &p;
    const Taps &taps;
    const T *partial;
    Index padded, parts, part_size;

    Vec<T> total(const T *from, Index count) const {
        Vec<T> sums = load_first(from, count);
        for (Index part = 1; part < parts; ++part) sums += load_first(from + part * part_size, count);
        return sums;
    }
    // `count` neighbours of a filter's sums to their places in dw.
    void put(Index filter, Index k, Vec<T> sums, Index count) const {
        T *to = p.dw + filter * p.C * p.window();
        if (taps.count == p.window()) return store_first(to + k, sums, count);
        T lane[lanes<T>];
        store(lane, sums);
        for (Index i = 0; i < count; ++i, ++k) to[k / taps.count * p.window() + taps.number[k % taps.count]] = lane[i];
    }
    void direct(Index filter) const { // [filter][k]
        const Index K = p.K();
        for (Index k = 0; k < K; k += lanes<T>) {
            const Index count = std::min(lanes<T>, K - k);
            put(filter, k, total(partial + filter * K + k, count), count);
        }
    }
    void transposed(Index g, Index f, Index k) const { // [k][filter]
        const Index K = p.K(), rows = std::min(lanes<T>, K - k), filters = std::min(lanes<T>, p.F - f);
        Vec<T> block[lanes<T>] = {};
        for (Index i = 0; i < rows; ++i) block[i] = total(partial + (g * K + k + i) * padded + f, lanes<T>);
        transpose<T>(block);
        for (Index i = 0; i < filters; ++i) put(g * p.F + f + i, k, block[i], rows);
    }
    void run(Rung rung) const {
        const Index K = p.K(), filters = p.groups * p.F, blocks = ceil_div(p.F, lanes<T>);
        if (taps.count < p.window()) std::fill_n(p.dw, filters * p.C * p.window(), T{0});
        const Index deep = ceil_div(K, lanes<T>), items = rung == Rung::direct ? filters : p.groups * blocks * deep;
        const bool small = is_small(static_cast<double>(filters * K * parts));
        parallel_for(items, small ? 1 : parallel_slots(items), [&](Index item, Index) {
            if (rung == Rung::direct) return direct(item);
            const Index block = item / deep;
            transposed(block / blocks, block % blocks * lanes<T>, item % deep * lanes<T>);
        });
    }
};

template <class T> void weight_gradient(const WeightGradient<T> &p, Rung rung) {
    if (p.groups * p.F * p.C * p.window() == 0) return;
    if (p.N * p.outputs() == 0) {
        std::fill_n(p.dw, p.groups * p.F * p.C * p.window(), T{0});
        return;
    }
    if (rung == Rung::depthwise) return depthwise_weight_gradient(p);
    if (rung == Rung::grouped) return grouped_weight_gradient(p);
    if (rung == Rung::winograd) return winograd_weight_gradient(p);
    Scratch scratch;
    const WeightPlan<T> plan(p, rung);
    const Bands &bands = plan.bands;
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Index *line_at = list_lines(scratch, copy, bands);
    const Index K = p.K(), part_size = round_up(element_count(p.groups, plan.padded, K), 64 / sizeof(T));
    const Index across = plan.filter_blocks(p.F), deep = plan.channel_blocks(p.C);
    const Index items = plan.parts * p.groups * across * deep;
    const double multiplications = static_cast<double>(p.N * p.groups * p.F * p.outputs()) * static_cast<double>(K);
    const Index slots = is_small(multiplications) ? 1 : parallel_slots(items);
    const Index source_step = copy.stride_of<T>(plan.copied);
    const Index dy_step =
        element_count(round_up(plan.filters, lanes<T>), bands.slices, bands.rows, round_up(bands.columns, lanes<T>));
    T *partial = scratch.take<T>(plan.parts, part_size);
    T *sources = scratch.take<T>(slots, plan.units, source_step), *dys = scratch.take<T>(slots, plan.units, dy_step);
    const Index per_image = bands.count(), channel_size = p.depth.in * p.rows.in * p.columns.in;
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Range some_filters(item % across, plan.filters, p.F);
        const Range some_channels(item / across % deep, plan.channels, p.C);
        const Index g = item / across / deep % p.groups, part = item / across / deep / p.groups;
        const Index first = some_filters.begin, filters = some_filters.end - first;
        T *source = sources + slot * plan.units * source_step, *dy = dys + slot * plan.units * dy_step;
        T *to = partial + part * part_size + g * plan.padded * K;
        clear(rung, first, filters, some_channels.begin * taps.count, some_channels.end * taps.count, K, plan.padded,
              to);
        // Bands of the part's images in ascending order, `units` at a time: more than one only where they are alike.
        const Index end = (part + 1) * p.N / plan.parts * per_image;
        for (Index next = part * p.N / plan.parts * per_image; next < end; next += plan.units) {
            const Index units = std::min(plan.units, end - next);
            const Band band = bands[next % per_image];
            const Index line = (band.slice * p.rows.out + band.row) * p.columns.out + band.column;
            const auto image = [&](Index unit) { return (next + unit) / per_image * p.groups + g; };
            for (Index unit = 0; unit < units; ++unit)
                copy_dy(rung, p.dy + (image(unit) * p.F + first) * p.outputs() + line, filters, p.outputs(),
                        band.lines(), band.columns, dy + unit * dy_step);
            const Patches<T> patches{copy,  taps,         line_at,      source,      dy,
                                     units, band.lines(), band.columns, source_step, dy_step};
            for (Index c = some_channels.begin; c < some_channels.end; c += plan.copied) {
                const Index channels = std::min(plan.copied, some_channels.end - c);
                for (Index unit = 0; unit < units; ++unit)
                    copy.fill(p.x + (image(unit) * p.C + c) * channel_size, channels, band.slice, band.row, band.column,
                              T{0}, source + unit * source_step);
                add_tiles(patches, rung, first, filters, c * taps.count, channels * taps.count, K, plan.padded, to);
            }
        }
    });
    Combine<T>{p, taps, partial, plan.padded, plan.parts, part_size}.run(rung);
}

// db[f] = sum_{n, j} dy[n, f, j]
template <class T> void bias_gradient(Index N, Index F, Index size, const T *dy, T *db) {
    const bool small = N * F * size < 65536;
    parallel_for(F, small ? 1 : parallel_slots(F), [&](Index f, Index) {
        Vec<T> sums{};
        for (Index n = 0; n < N; ++n) {
            const T *from = dy + (n * F + f) * size;
            Index i = 0;
            for (; i + lanes<T> <= size; i += lanes<T>) sums += load(from + i);
            if (i < size) sums += load_first(from + i, size - i);
        }
        db[f] = sum<T>(sums);
    });
}

} // namespace cuarzo
