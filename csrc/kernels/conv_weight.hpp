// The gradient of a convolution's weights: how its sums (conv_weight_tiles.hpp) are shared out and put together.
//
// The batch is cut into a number of parts that depends on the shape alone; each sums into a dw of its own, and these
// are added in ascending order: the same bits at any number of threads.
#pragma once
#include "conv_correlate.hpp"
#include "conv_weight_tiles.hpp"

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

// How the work is cut; all of it follows from the shape.
template <class T> struct WeightPlan {
    Index parts;   // of the batch, each with a dw of its own
    Index split;   // of the filters, where parts and groups are few: items = parts groups split
    Index filters; // of an item
    Index padded;  // filters of a group's partial sums: whole vectors for im2col
    Bands bands;   // of an image
    Index units;   // bands that are copied before the tiles run over them

    WeightPlan(const WeightGradient<T> &p, Rung rung) {
        const Index weights = std::max<Index>(1, p.groups * p.F * p.K());
        parts = std::clamp<Index>((Index{1} << 21) / weights, 1, std::min<Index>(16, p.N));
        const Index panel = rung == Rung::direct ? dot_filters : tile_columns<T>;
        split = std::min(ceil_div(p.F, panel), ceil_div(16, parts * p.groups));
        filters = round_up(ceil_div(p.F, split), panel);
        split = ceil_div(p.F, filters);
        padded = rung == Rung::direct ? p.F : round_up(p.F, lanes<T>);
        const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, p.C) +
                                 static_cast<double>(filters) * static_cast<double>(p.columns.out) * sizeof(T);
        bands = cut<T>(p.depth, p.rows, p.columns, row_bytes, 1);
        // Several whole images where they are small: the sums then stay in registers for longer.
        const double image_bytes = row_bytes * static_cast<double>(p.depth.out * p.rows.out);
        const Index images = static_cast<Index>(cached_bytes / 4 / image_bytes);
        units = bands.count() > 1 ? 1 : std::clamp<Index>(images, 1, ceil_div(p.N, parts));
    }
};

// Where the rows of a band begin in the copy.
inline const Index *list_lines(Scratch &scratch, const Copy &copy, const Bands &bands) {
    Index *lines = scratch.take<Index>(bands.slices, bands.rows), *line = lines;
    for (Index o = 0; o < bands.slices; ++o)
        for (Index i = 0; i < bands.rows; ++i) *line++ = o * copy.slice_step + i * copy.row_step;
    return lines;
}

// dw = the sum of the parts, in ascending order; 0 where a tap sees nothing but padding.
template <class T>
void combine(const WeightGradient<T> &p, Rung rung, const WeightPlan<T> &plan, const Taps &taps, const T *partial,
             Index part_size) {
    const Index K = p.K(), filters = p.groups * p.F, window = p.window();
    const bool small = is_small(static_cast<double>(filters * K * plan.parts));
    parallel_for(filters, small ? 1 : parallel_slots(filters), [&](Index filter, Index) {
        const Index g = filter / p.F, f = filter % p.F;
        const Index f_step = rung == Rung::direct ? K : 1, k_step = rung == Rung::direct ? 1 : plan.padded;
        const T *from = partial + g * plan.padded * K + f * f_step;
        T *to = p.dw + filter * p.C * window;
        if (taps.count < window) std::fill_n(to, p.C * window, T{0});
        for (Index c = 0; c < p.C; ++c, to += window)
            for (Index t = 0; t < taps.count; ++t, from += k_step) {
                T total = *from;
                for (Index part = 1; part < plan.parts; ++part) total += from[part * part_size];
                to[taps.number[t]] = total;
            }
    });
}

template <class T> void weight_gradient(const WeightGradient<T> &p, Rung rung) {
    if (p.groups * p.F * p.C * p.window() == 0) return;
    if (p.N * p.outputs() == 0) {
        std::fill_n(p.dw, p.groups * p.F * p.C * p.window(), T{0});
        return;
    }
    Scratch scratch;
    const WeightPlan<T> plan(p, rung);
    const Bands &bands = plan.bands;
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Index *line_at = list_lines(scratch, copy, bands);
    const Index K = p.K(), part_size = round_up(element_count(p.groups, plan.padded, K), 64 / sizeof(T));
    const Index items = plan.parts * p.groups * plan.split;
    const double multiplications = static_cast<double>(p.N * p.groups * p.F * p.outputs()) * static_cast<double>(K);
    const Index slots = is_small(multiplications) ? 1 : parallel_slots(items);
    const Index source_step = copy.stride_of<T>(p.C);
    const Index dy_step =
        element_count(round_up(plan.filters, lanes<T>), bands.slices, bands.rows, round_up(bands.columns, lanes<T>));
    T *partial = scratch.take<T>(plan.parts, part_size);
    T *sources = scratch.take<T>(slots, plan.units, source_step), *dys = scratch.take<T>(slots, plan.units, dy_step);
    const Index per_image = bands.count(), image_size = p.C * p.depth.in * p.rows.in * p.columns.in;
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index first = item % plan.split * plan.filters, filters = std::min(plan.filters, p.F - first);
        const Index g = item / plan.split % p.groups, part = item / plan.split / p.groups;
        T *source = sources + slot * plan.units * source_step, *dy = dys + slot * plan.units * dy_step;
        T *to = partial + part * part_size + g * plan.padded * K;
        if (rung == Rung::direct)
            std::fill_n(to + first * K, filters * K, T{0});
        else
            for (Index k = 0; k < K; ++k) std::fill_n(to + k * plan.padded + first, round_up(filters, lanes<T>), T{0});
        // Bands of the part's images in ascending order, `units` at a time: more than one only where they are alike.
        const Index end = (part + 1) * p.N / plan.parts * per_image;
        for (Index next = part * p.N / plan.parts * per_image; next < end;) {
            const Index units = std::min(plan.units, end - next);
            const Band band = bands[next % per_image];
            for (Index unit = 0; unit < units; ++unit, ++next) {
                const Index image = next / per_image * p.groups + g;
                copy.fill(p.x + image * image_size, p.C, band.slice, band.row, band.column, T{0},
                          source + unit * source_step);
                const Index line = band.slice * p.rows.out + band.row;
                const T *from = p.dy + (image * p.F + first) * p.outputs() + line * p.columns.out + band.column;
                copy_dy(rung, from, filters, p.outputs(), band.lines(), band.columns, dy + unit * dy_step);
            }
            const Patches<T> patches{copy,  taps,         line_at,      source,      dy,
                                     units, band.lines(), band.columns, source_step, dy_step};
            add_tiles(patches, rung, first, filters, K, plan.padded, to);
        }
    });
    combine(p, rung, plan, taps, partial, part_size);
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
