// Runs a correlation (conv_correlation.hpp) over images, groups and bands.
#pragma once
#include "conv_direct.hpp"
#include "conv_im2col.hpp"
#include "conv_winograd.hpp"

namespace cuarzo {

// Multiplications too few to be worth a second thread: some microseconds.
inline bool is_small(double multiplications) { return multiplications < 32768; }

template <class T> Bands cut_results(const Correlation<T> &p) {
    const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, p.C);
    return cut<T>(p.depth, p.rows, p.columns, row_bytes, ceil_div(16, p.N * p.groups));
}

template <class T> void correlate(const Correlation<T> &p, Rung rung) {
    const Index results = p.N * p.groups * p.F * p.depth.out * p.rows.out * p.columns.out;
    if (results == 0) return;
    if (rung == Rung::winograd) return correlate_winograd(p);
    Scratch scratch;
    const Bands bands = cut_results(p);
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Index K = element_count(p.C, taps.count), per_image = bands.count(), items = p.N * p.groups * per_image;
    const T *weights = pack_weights(scratch, p, taps);
    const Index slots = is_small(static_cast<double>(results) * static_cast<double>(K)) ? 1 : parallel_slots(items);
    const Index copy_step = copy.stride_of<T>(p.C), panel = panel_elements<T>(p.F, K);
    const Index run_step = run_count(bands, lanes<T>);
    T *copies = copy.take<T>(scratch, slots, p.C);
    Run *runs = rung == Rung::direct ? scratch.take<Run>(slots, run_step) : nullptr;
    T *panels = rung == Rung::im2col ? scratch.take<T>(slots, panel) : nullptr;
    const Index image_size = p.C * p.depth.in * p.rows.in * p.columns.in;
    parallel_for(items, slots, [&](Index index, Index slot) {
        const Index image = index / per_image, g = image % p.groups; // images of one group each
        const Band band = bands[index % per_image];
        T *source = copies + slot * copy_step;
        copy.fill(p.source + image * image_size, p.C, band.slice, band.row, band.column, T{0}, source);
        const Item<T> item{p,
                           copy,
                           taps,
                           band,
                           weights + g * p.F * K,
                           source,
                           p.bias ? p.bias + g * p.F : nullptr,
                           p.result + image * p.F * p.volume + p.start + band.slice * p.slice + band.row * p.row +
                               band.column * p.column};
        if (rung == Rung::direct)
            direct_band(item, runs + slot * run_step);
        else
            im2col_band(item, panels + slot * panel);
    });
}

} // namespace cuarzo
