// Average pooling of volumes, images and signals                                              See naive/pool.py
//
//   y[n, c, j]  = sum_t x[n, c, h] / D[j]  over the taps in the volume,   h = j stride + t - before   along each axis
//   dx[n, c, h] = sum of dy[n, c, j] / D[j]  over the windows that cover h
#pragma once
#include "pool_window.hpp"

namespace cuarzo {

// How many positions of window `out` count along one axis: those in the image, or in the padded image.
inline Index positions_counted(const Axis &axis, Index out, bool count_include_pad) {
    const Index low = out * axis.stride - axis.before, high = std::min(low + axis.window, axis.in + axis.after);
    return count_include_pad ? high - low : std::min(high, axis.in) - std::max<Index>(low, 0);
}

// D of a row of windows (o, p, q = 0 ...) is a factor of its own, `counted`, times one for each q.
template <class T> struct Divisors {
    const PoolShape &shape;
    bool count_include_pad;
    T *columns; // whole vectors

    Divisors(Scratch &scratch, const PoolShape &shape_, bool count_include_pad_)
        : shape(shape_),
          count_include_pad(count_include_pad_),
          columns(scratch.take<T>(round_up(shape.columns.out, lanes<T>))) {
        for (Index q = 0; q < round_up(shape.columns.out, lanes<T>); ++q)
            columns[q] =
                q < shape.columns.out ? static_cast<T>(positions_counted(shape.columns, q, count_include_pad)) : T{1};
    }
    T counted(Index o, Index p) const {
        return static_cast<T>(positions_counted(shape.depth, o, count_include_pad)) *
               static_cast<T>(positions_counted(shape.rows, p, count_include_pad));
    }
};

template <class T> void avg_pool_forward(const PoolShape &shape, bool count_include_pad, const T *x, T *y) {
    const Index in = shape.inputs(), out = shape.outputs();
    if (shape.channels * out == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolCopy<T> pool(scratch, shape, slots);
    const Divisors<T> divisors(scratch, shape, count_include_pad);
    for_channels(shape, slots, [&](Index channel, Index slot) {
        T *to = y + channel * out;
        Vec<T> counted{};
        each_vector(pool, pool.fill(x + channel * in, T{0}, slot),
                    [&](Index o, Index p, Index q, Index count, const T *from) {
                        if (q == 0) counted = broadcast(divisors.counted(o, p));
                        Vec<T> total{};
                        for (Index t = 0; t < pool.taps.count; ++t) total += load(from + pool.taps.offset[t]);
                        store_first(to, total / (counted * load(divisors.columns + q)), count);
                        to += count;
                    });
    });
}

// row[k] = sum of shares[q] over the windows q that cover k. Both have room for whole vectors; behind the last window
// shares holds zeros.
template <class T> void spread(const Axis &columns, const T *shares, T *row) {
    if (columns.window == 2 && columns.stride == 2 && columns.before == 0 && 2 * columns.out <= columns.in) {
        for (Index q = 0; q < columns.out; q += lanes<T>) { // the common case: each share twice
            const Vec<T> share = load(shares + q);
            store(row + 2 * q, zip_low<T>(share, share));
            store(row + 2 * q + lanes<T>, zip_high<T>(share, share));
        }
        std::fill(row + 2 * columns.out, row + columns.in, T{0});
        return;
    }
    std::fill_n(row, columns.in, T{0});
    for (Index q = 0; q < columns.out; ++q) {
        const Index low = q * columns.stride - columns.before, high = std::min(low + columns.window, columns.in);
        for (Index k = std::max<Index>(low, 0); k < high; ++k) row[k] += shares[q];
    }
}

// to[k] = row[k], or += row[k]
template <class T> void put_row(const T *row, Index n, bool add, T *to) {
    Index k = 0;
    for (; k + lanes<T> <= n; k += lanes<T>) store(to + k, add ? load(to + k) + load(row + k) : load(row + k));
    if (k < n) store_first(to + k, add ? load_first(to + k, n - k) + load(row + k) : load(row + k), n - k);
}

// A row of windows gives the same to each of the rows that it covers. Where no other covers them it is not added:
// nothing then has to be read back that was set to zero just before.
template <class T> void avg_pool_backward(const PoolShape &shape, bool count_include_pad, const T *dy, T *dx) {
    const Index in = shape.inputs(), out = shape.outputs();
    const Axis &depth = shape.depth, &rows = shape.rows, &columns = shape.columns;
    if (shape.channels * in == 0) return;
    Scratch scratch;
    const Divisors<T> divisors(scratch, shape, count_include_pad);
    const bool overlap = (rows.out > 1 && rows.stride < rows.window) || (depth.out > 1 && depth.stride < depth.window);
    const Index slots = channel_slots(shape), share_step = round_up(columns.out, 64);
    const Index row_step = std::max(round_up(columns.in, 64), 2 * share_step);
    T *all_rows = scratch.take<T>(slots, row_step), *all_shares = scratch.take<T>(slots, share_step);
    for_channels(shape, slots, [&](Index channel, Index slot) {
        T *to = dx + channel * in, *row = all_rows + slot * row_step, *shares = all_shares + slot * share_step;
        const T *from = dy + channel * out;
        std::fill_n(to, in, T{0});
        for (Index o = 0; o < depth.out; ++o)
            for (Index p = 0; p < rows.out; ++p, from += columns.out) {
                const Vec<T> counted = broadcast(divisors.counted(o, p));
                for (Index q = 0; q < columns.out; q += lanes<T>)
                    store(shares + q, load_first(from + q, std::min(lanes<T>, columns.out - q)) /
                                          (counted * load(divisors.columns + q)));
                spread(columns, shares, row);
                const Range slices = taps_inside(depth, o), lines = taps_inside(rows, p);
                for (Index e = slices.begin; e < slices.end; ++e) {
                    const Index slice = o * depth.stride - depth.before + e;
                    for (Index r = lines.begin; r < lines.end; ++r)
                        put_row(row, columns.in, overlap,
                                to + (slice * rows.in + p * rows.stride - rows.before + r) * columns.in);
                }
            }
    });
}

} // namespace cuarzo
