// Runs a correlation (conv_correlation.hpp) over images, groups and bands.
#pragma once
#include "conv_depthwise.hpp"
#include "conv_direct.hpp"
#include "conv_grouped_correlate.hpp"
#include "conv_im2col.hpp"
#include "conv_winograd.hpp"

namespace cuarzo {

template <class T> Bands cut_results(const Correlation<T> &p) {
    const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, p.C);
    return cut<T>(p.depth, p.rows, p.columns, row_bytes, ceil_div(16, p.N * p.groups));
}

template <class T> void correlate_direct(const Correlation<T> &p) {
    Scratch scratch;
    const Bands bands = cut_results(p);
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Index K = element_count(p.C, taps.count), per_image = bands.count(), items = p.N * p.groups * per_image;
    const T *weights = pack_weights<T>(scratch, p, taps, nullptr);
    const double results = static_cast<double>(p.N * p.groups * p.F * p.depth.out * p.rows.out * p.columns.out);
    const Index slots = is_small(results * static_cast<double>(K)) ? 1 : parallel_slots(items);
    const Index copy_step = copy.stride_of<T>(p.C), run_step = run_count(bands, lanes<T>);
    T *copies = copy.take<T>(scratch, slots, p.C);
    // The runs are the same for all bands but the last ones: one list, and one for each slot.
    Run *runs = scratch.take<Run>(slots + 1, run_step), *common = runs + slots * run_step;
    const Index common_count = make_runs(p, copy, bands[0], 0, bands[0].results(), common);
    bool *padded = scratch.take<bool>(slots); // the slot's copy is of the one band that there is
    std::fill_n(padded, slots, false);
    const Index image_size = p.C * p.depth.in * p.rows.in * p.columns.in;
    parallel_for(items, slots, [&](Index index, Index slot) {
        const Index image = index / per_image, g = image % p.groups; // images of one group each
        const Band band = bands[index % per_image];
        T *source = copies + slot * copy_step;
        copy.fill(p.source + image * image_size, p.C, band.slice, band.row, band.column, T{0}, source, padded[slot]);
        padded[slot] = per_image == 1;
        const Item<T> item{p,
                           copy,
                           taps,
                           band,
                           weights + g * p.F * K,
                           source,
                           p.bias ? p.bias + g * p.F : nullptr,
                           p.result + image * p.F * p.volume + p.start + band.slice * p.slice + band.row * p.row +
                               band.column * p.column};
        if (band.same_size(bands[0])) return direct_band(item, common, common_count);
        Run *own = runs + slot * run_step;
        direct_band(item, own, make_runs(p, copy, band, 0, band.results(), own));
    });
}

template <class T> void correlate(const Correlation<T> &p, Rung rung) {
    if (p.N * p.groups * p.F * p.depth.out * p.rows.out * p.columns.out == 0) return;
    if (rung == Rung::winograd) return correlate_winograd(p);
    if (rung == Rung::im2col) return correlate_im2col(p);
    correlate_direct(p);
}

} // namespace cuarzo
