// Average pooling of volumes, images and signals                                              See naive/pool.py
//
//   y[n, c, j]  = sum_t x[n, c, h] / D[j]  over the taps in the volume,   h = j stride + t - before   along each axis
//   dx[n, c, h] = sum of dy[n, c, j] / D[j]  over the windows that cover h
#pragma once
#include "pool_gradient.hpp"

namespace cuarzo {

// How many positions of window `out` count along one axis: those in the image, or in the padded image.
inline Index positions_counted(const Axis &axis, Index out, bool count_include_pad) {
    const Index low = out * axis.stride - axis.before, high = std::min(low + axis.window, axis.in + axis.after);
    return count_include_pad ? high - low : std::min(high, axis.in) - std::max<Index>(low, 0);
}

// 1 / D is a factor for the slice times one for the row times one for the column.
template <class T> struct Divisors {
    const T *slices, *rows, *columns;

    Divisors(Scratch &scratch, const PoolShape &shape, bool count_include_pad)
        : slices(factors(scratch, shape.depth, count_include_pad)),
          rows(factors(scratch, shape.rows, count_include_pad)),
          columns(factors(scratch, shape.columns, count_include_pad)) {}

    static const T *factors(Scratch &scratch, const Axis &axis, bool count_include_pad) {
        const Index whole = round_up(axis.out, lanes<T>);
        T *factor = scratch.take<T>(whole);
        for (Index i = 0; i < axis.out; ++i)
            factor[i] = T{1} / static_cast<T>(positions_counted(axis, i, count_include_pad));
        std::fill(factor + axis.out, factor + whole, T{0});
        return factor;
    }
    CUARZO_INLINE Vec<T> of(Index o, Index p, Index q) const {
        return broadcast(slices[o] * rows[p]) * load(columns + q);
    }
};

template <class T> void avg_pool_forward(const PoolShape &shape, bool count_include_pad, const T *x, T *y) {
    const Index in = shape.inputs(), out = shape.outputs();
    if (shape.channels * out == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolSource<T> source(scratch, shape, slots);
    const Divisors<T> divisors(scratch, shape, count_include_pad);
    with_form(source, [&](auto form) {
        for_channels(shape, slots, [&](Index channel, Index slot) {
            const auto view = source.view(x + channel * in, x + shape.channels * in, T{0}, slot);
            T *const to = y + channel * out, *const end = to + out;
            for (Index o = 0; o < shape.depth.out; ++o)
                source.each_vector(form, view, o, [=](const auto &reader, Place window) {
                    Vec<T> total{};
                    reader.each_tap([&](Index, Vec<T> v, bool first) { total = first ? v : total + v; });
                    store_until(to + window.at, total * divisors.of(o, window.p, window.q), end);
                });
        });
    });
}

// The shares of the windows from (o, p, q) on, zeros behind the last of the row
template <class T>
CUARZO_INLINE Vec<T> share_of(const Divisors<T> &divisors, const T *gradient, Index o, Index p, Index q, Index Q) {
    return load_first(gradient, std::min(lanes<T>, Q - q)) * divisors.of(o, p, q);
}

// Where windows are apart: one slice of windows, one slice of dx
template <class T, class Form>
__attribute__((noinline)) void avg_gradient_rows(Form form_, GradientRows<T> rows, Divisors<T> divisors_, Index o,
                                                 const T *from) {
    const GradientRows<T> to = rows;
    const Divisors<T> divisors = divisors_;
    const Form form = form_;
    for (Index p = 0; p < to.row_out; ++p, from += to.columns_out)
        for (Index q = 0; q < to.columns_out; q += lanes<T>) {
            const Vec<T> share = share_of(divisors, from + q, o, p, q, to.columns_out);
            to.put(form, p, q, [=](Index) { return share; });
        }
}

// The same gradient window by window, for strides of columns that no register sorts, and for large windows. A row that
// the same windows see as the one above is a copy of it.
template <class T>
void spread_gradient(const PoolSource<T> &source, const Covers &slices, const Covers &lines, Index pitch,
                     const T *share, T *row) {
    const Reach &columns = source.columns;
    for (Index d = 0; d < source.depth.in; ++d)
        for (Index h = 0; h < source.rows.in; ++h, row += columns.in) {
            if (lines.as_before(h)) {
                std::copy_n(row - columns.in, columns.in, row);
                continue;
            }
            std::fill_n(row, columns.in, T{0});
            slices.at(d, [&](Covers::Cover slice) {
                lines.at(h, [&](Covers::Cover line) {
                    const T *from = share + (slice.out * source.rows.out + line.out) * pitch;
                    for (Index q = 0; q < columns.out; ++q) {
                        const Index low = columns.from + q * columns.stride;
                        const Index high = std::min(low + columns.taps, columns.in);
                        for (Index k = std::max<Index>(low, 0); k < high; ++k) row[k] += from[q];
                    }
                });
            });
        }
}

template <class T> void avg_pool_backward(const PoolShape &shape, bool count_include_pad, const T *dy, T *dx) {
    const Index in = shape.inputs(), out = shape.outputs();
    if (shape.channels * in == 0) return;
    if (out == 0) std::fill_n(dx, shape.channels * in, T{0});
    if (out == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolSource<T> source(scratch, shape, slots);
    const Divisors<T> divisors(scratch, shape, count_include_pad);
    if (apart(source))
        return with_form(source, [&](auto form) {
            for_channels(shape, slots, [&](Index channel, Index) {
                for_slices(source, dx + channel * in, [&](Index o, T *slice) {
                    avg_gradient_rows(form, GradientRows<T>(source, slice), divisors, o,
                                      dy + channel * out + o * shape.rows.out * shape.columns.out);
                });
            });
        });
    const Covers slices(scratch, source.depth), lines(scratch, source.rows);
    const ShareRows<T> shares(scratch, shape, source.columns, slots);
    with_form(source, [&](auto form) {
        for_channels(shape, slots, [&](Index channel, Index slot) {
            T *share = shares.slot(slot);
            const T *from = dy + channel * out;
            for (Index o = 0; o < shape.depth.out; ++o)
                for (Index p = 0; p < shape.rows.out; ++p, from += shape.columns.out, share += shares.pitch) {
                    for (Index q = 0; q < shape.columns.out; q += lanes<T>)
                        store(share + q,
                              load_first(from + q, std::min(lanes<T>, shape.columns.out - q)) * divisors.of(o, p, q));
                }
            const T *all = shares.slot(slot);
            if (gathers(source))
                gather_gradient(form, source, slices, lines, shares.pitch, dx + channel * in,
                                [=](Index at, Index) { return load(all + at); });
            else
                spread_gradient(source, slices, lines, shares.pitch, all, dx + channel * in);
        });
    });
}

} // namespace cuarzo
