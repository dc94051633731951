// The gradient of a convolution's weights, rung depthwise (conv_depthwise.hpp): each tap is a dot product of dy with the
// source, `lanes` partial sums that are added at the end. Some rows of dy stay in registers while a strip's rows of the
// source pass by, each of which is loaded once for all taps of the strip.
#pragma once
#include "conv_depthwise.hpp"
#include "conv_weight_tiles.hpp"

namespace cuarzo {

// sums of all taps += those over R rows, of neighbours that `read` brings.
template <class T, int R, class ReadSource, class ReadDy>
CUARZO_INLINE void add_neighbours(const Strips &strips, const T *source, Index row_step, const T *dy, Index dy_step,
                                  ReadSource read, ReadDy read_dy, T *sums) {
    Vec<T> d[R];
    CUARZO_UNROLL
    for (int r = 0; r < R; ++r) d[r] = read_dy(dy + r * dy_step);
    each_strips(strips, strips.first, [&](auto taps, const Strip *strip, const Strip *end) {
        constexpr int M = taps;
        for (; strip != end; ++strip, sums += M * lanes<T>) {
            Vec<T> sum[M] = {};
            const T *row = source + strip->from;
            CUARZO_UNROLL
            for (int k = 0; k < R + M - 1; ++k, row += row_step) {
                const Vec<T> v = keep_loaded<T>(read(row));
                CUARZO_UNROLL
                for (int m = 0; m < M; ++m)
                    if (k - m >= 0 && k - m < R) sum[m] += d[k - m] * v;
            }
            CUARZO_UNROLL
            for (int m = 0; m < M; ++m) store(sums + m * lanes<T>, load(sums + m * lanes<T>) + sum[m]);
        }
    });
}

// What lies right of the last result may be NaN, and 0 * NaN is not 0: those lanes are cleared.
template <class T, int R>
void depthwise_weight_rows(const Strips &strips, const T *source, Index row_step, const T *dy, Index columns, T *sums) {
    const Index whole = columns / lanes<T> * lanes<T>, rest = columns - whole;
    const auto read_whole = [](const T *from) { return load(from); };
    for (Index j = 0; j < whole; j += lanes<T>)
        add_neighbours<T, R>(strips, source + j, row_step, dy + j, columns, read_whole, read_whole, sums);
    if (!rest) return;
    const Mask<T> mask = first_lanes<T>(rest);
    add_neighbours<T, R>(
        strips, source + whole, row_step, dy + whole, columns, [=](const T *from) { return keep<T>(mask, load(from)); },
        [=](const T *from) { return load_first(from, rest); }, sums);
}

template <class T> using DepthwiseWeightFunction = void (*)(const Strips &, const T *, Index, const T *, Index, T *);

template <class T, int R = strip_rows> DepthwiseWeightFunction<T> depthwise_weight_rows_for(Index rows) {
    if constexpr (R > 1)
        if (rows < R) return depthwise_weight_rows_for<T, R - 1>(rows);
    return depthwise_weight_rows<T, R>;
}

// The sums of a channel over a part of the batch.
template <class T> struct DepthwiseWeights {
    const WeightGradient<T> &p;
    const Source &source;
    const Strips &strips;
    Index band;

    void add(Index image, T *copy, bool clean, T *sums) const { // image: of one channel
        const Index rows = p.rows.out, W = p.columns.out, row_step = source.copy.row_step;
        const T *x = p.x + image * p.depth.in * p.rows.in * p.columns.in, *dy = p.dy + image * p.outputs();
        for (Index slice = 0; slice < p.depth.out; ++slice)
            for (Index first = 0; first < rows; first += band) {
                const Index end = std::min(first + band, rows), some = even_block(end - first, strip_rows);
                source.fill(x, slice, first, copy, clean);
                clean = true;
                for (Index row = first; row < end; row += some)
                    depthwise_weight_rows_for<T>(std::min(some, end - row))(
                        strips, copy + (row - first) * row_step, row_step, dy + (slice * rows + row) * W, W, sums);
            }
    }
    // dw of a channel: the parts in ascending order; 0 where a tap sees nothing but padding.
    void combine(Index g, const T *partial, Index parts, Index part_size) const {
        T *to = p.dw + g * p.window();
        std::fill_n(to, p.window(), T{0});
        each_strips(strips, strips.first, [&](auto taps, const Strip *strip, const Strip *end) {
            for (; strip != end; ++strip)
                for (Index m = 0; m < taps; ++m, partial += lanes<T>) {
                    Vec<T> total = load(partial);
                    for (Index part = 1; part < parts; ++part) total += load(partial + part * part_size);
                    to[strip->number + m * strips.number_step] = sum<T>(total);
                }
        });
    }
};

template <class T> void depthwise_weight_gradient(const WeightGradient<T> &p) {
    Scratch scratch;
    const Index band = depthwise_band<T>(p.depth, p.rows, p.columns);
    const Source source(p.depth, p.rows, p.columns, band);
    const Strips strips(scratch, source.copy, p.depth, p.rows, p.columns);
    const DepthwiseWeights<T> call{p, source, strips, band};
    const Index parts = std::min(p.N, ceil_div(16, p.groups)), items = parts * p.groups;
    const Index sums = p.K() * lanes<T>, part_size = p.groups * sums;
    const bool small = is_small(static_cast<double>(p.N * p.groups * p.outputs()) * static_cast<double>(p.K()));
    const Index slots = small ? 1 : parallel_slots(items), copy_step = source.copy.stride_of<T>(1);
    T *partial = scratch.take<T>(parts, part_size), *copies = scratch.take<T>(slots, copy_step);
    bool *clean = scratch.take<bool>(slots); // the slot's copy has its padding
    std::fill_n(clean, slots, false);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index g = item % p.groups, part = item / p.groups, end = (part + 1) * p.N / parts;
        T *to = partial + item * sums;
        std::fill_n(to, sums, T{0});
        for (Index n = part * p.N / parts; n < end; ++n, clean[slot] = true)
            call.add(n * p.groups + g, copies + slot * copy_step, clean[slot], to);
    });
    for (Index g = 0; g < p.groups; ++g) call.combine(g, partial + g * sums, parts, part_size);
}

} // namespace cuarzo
