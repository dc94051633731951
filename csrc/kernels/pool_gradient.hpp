// Backwards through a pool: each row of the gradient is written once, from left to right.
//
//   dx[h, k] = sum of the shares of the windows (p, q) that see (h, k),   h = p stride + r - before,  k = q stride + s - before
//
// A window's share stands in a row of `shares`, between zeros. Row h of dx is seen by few rows of windows (Covers), and
// its columns k = step j + i by few windows of such a row: q = j, j - 1, ..., with taps s = i, i + step, ... So a vector
// of dx is a sum of vectors of shares, interleaved: no gradient is set to zero first, or read back.
#pragma once
#include "pool_window.hpp"

namespace cuarzo {

// Worth while as long as few windows see an element: each costs a load, or two, for every vector of dx.
template <class T> bool gathers(const PoolSource<T> &source) {
    const auto covers = [](const Reach &axis) { return ceil_div(axis.taps, axis.stride); };
    return source.in_registers && source.columns.from <= 0 &&
           covers(source.depth) * covers(source.rows) * covers(source.columns) <= 32;
}

// For each position of an axis the windows that see it, and with which tap.
struct Covers {
    struct Cover {
        Index out, tap;
    };
    Index *first; // those of position h: first[h] ... first[h + 1] - 1
    Cover *cover;

    Covers(Scratch &scratch, const Reach &axis)
        : first(scratch.take<Index>(axis.in + 1)),
          cover(scratch.take<Cover>(axis.out, axis.taps)) {
        std::fill_n(first, axis.in + 1, Index{0});
        each(axis, [&](Index position, Cover) { ++first[position]; });
        std::partial_sum(first, first + axis.in + 1, first); // first[h]: for now the end
        each(axis, [&](Index position, Cover found) { cover[--first[position]] = found; });
    }

    template <class Visit> static void each(const Reach &axis, Visit visit) {
        for (Index out = 0; out < axis.out; ++out)
            for (Index tap = 0; tap < axis.taps; ++tap) {
                const Index position = axis.from + out * axis.stride + tap * axis.step;
                if (position >= 0 && position < axis.in) visit(position, Cover{out, tap});
            }
    }
    // The position is seen by the same windows as the one before it.
    bool as_before(Index position) const {
        if (position == 0) return false;
        const Cover *const here = cover + first[position], *const before = cover + first[position - 1];
        const Index count = first[position + 1] - first[position];
        return count == here - before &&
               std::equal(here, here + count, before, [](Cover a, Cover b) { return a.out == b.out; });
    }
    template <class Visit> CUARZO_INLINE void at(Index position, Visit visit) const {
        for (Index i = first[position]; i < first[position + 1]; ++i) visit(cover[i]);
    }
};

// No element of the volume is seen by two windows, and a row of windows sees whole rows of the volume, one after the other.
template <class T> bool apart(const PoolSource<T> &source) {
    const auto one_each = [](const Reach &axis) { return axis.out == 1 || axis.stride >= axis.taps; };
    // a dilated window of which one tap is left may begin behind the first position
    const bool at_start = source.rows.from == 0 && source.columns.from == 0;
    return source.in_place && at_start && source.depth.taps == 1 && source.rows.step == 1 && one_each(source.rows) &&
           source.columns.stride >= source.columns.taps;
}

// Where windows are apart: each vector of shares goes straight to where its windows are.
template <class T> struct GradientRows {
    T *slice, *end; // of dx
    Index row_in, row_out, row_stride, columns_in, columns_out;

    GradientRows(const PoolSource<T> &source, T *slice_)
        : slice(slice_),
          end(slice + source.rows.in * source.columns.in),
          row_in(source.rows.in),
          row_out(source.rows.out),
          row_stride(source.rows.stride),
          columns_in(source.columns.in),
          columns_out(source.columns.out) {}

    // share(t): what goes to tap t of the windows from (p, q) on
    template <class Form, class Share> CUARZO_INLINE void put(Form form, Index p, Index q, Share share) const {
        constexpr int step = Form::step;
        T *row = slice + p * row_stride * columns_in;
        const bool last = q + lanes<T> >= columns_out;
        for (Index r = 0; r < form.lines; ++r, row += columns_in) {
            Vec<T> v[step];
            each_constant<step>([&](auto i) { v[i] = i < form.taps ? share(r * form.taps + i) : Vec<T>{}; });
            T *const to = row + q * step, *const to_end = to + step * lanes<T>, *const row_end = row + columns_in;
            // What reaches into the next row is in time only if that row is written later.
            T *const stop = columns_out <= lanes<T> ? end : row_end;
            if (to_end <= stop)
                each_constant<step>([&](auto part) { store(to + part * lanes<T>, interleave<T, part>(v)); });
            else
                each_constant<step>(
                    [&](auto part) { store_until(to + part * lanes<T>, interleave<T, part>(v), stop); });
            if (last && to_end < row_end) std::fill(to_end, row_end, T{0});
        }
        if (last) zeros_below(row, p);
    }

    CUARZO_INLINE void zeros_below(T *row, Index p) const {
        T *const next = p + 1 < row_out ? slice + (p + 1) * row_stride * columns_in : end;
        if (row < next) std::fill(row, next, T{0});
    }
};

// visit(o, slice of dx) for each slice of windows, and zeros in the slices that none sees
template <class T, class Visit> void for_slices(const PoolSource<T> &source, T *dx, Visit visit) {
    const Reach &depth = source.depth;
    const Index plane = source.rows.in * source.columns.in;
    Index done = 0;
    for (Index o = 0; o < depth.out; ++o) {
        const Index slice = depth.from + o * depth.stride;
        std::fill(dx + done * plane, dx + slice * plane, T{0});
        visit(o, dx + slice * plane);
        done = slice + 1;
    }
    std::fill(dx + done * plane, dx + depth.in * plane, T{0});
}

// Rows of one value for each window, a channel of them for each slot, with margins that shifted vectors reach.
template <class T> struct ShareRows {
    Index margin, pitch, size;
    T *rows;

    ShareRows(Scratch &scratch, const PoolShape &shape, const Reach &columns, Index slots)
        : margin(round_up(columns.taps / columns.stride, lanes<T>)),
          pitch(margin +
                round_up(std::max(columns.out, ceil_div(columns.in - columns.from, columns.stride)), lanes<T>) +
                lanes<T>),
          size(round_up(element_count(shape.depth.out, shape.rows.out, pitch), 64)),
          rows(scratch.take<T>(slots, size)) {
        std::fill_n(rows, slots * size, T{0});
    }
    T *slot(Index slot) const { return rows + slot * size + margin; }
};

// to[...] = a channel of the gradient; share(at, t) is the vector of shares that go to tap t of the windows whose values
// stand at `at` in a ShareRows.
template <class Form, class T, class Share>
void gather_gradient(Form form, const PoolSource<T> &source, const Covers &slices, const Covers &lines, Index pitch,
                     T *to, Share share) {
    constexpr int step = Form::step;
    const Reach &columns = source.columns;
    const T *const end = to + source.depth.in * source.rows.in * columns.in;
    for (Index d = 0; d < source.depth.in; ++d)
        for (Index h = 0; h < source.rows.in; ++h, to += columns.in)
            for (Index j = 0; j * step < columns.in; j += lanes<T>) {
                Vec<T> total[step]{}, row[step];
                slices.at(d, [&](Covers::Cover slice) {
                    lines.at(h, [&](Covers::Cover line) {
                        const Index at = (slice.out * source.rows.out + line.out) * pitch + j;
                        const Index tap = (slice.tap * source.rows.taps + line.tap) * form.taps;
                        each_constant<step>([&](auto i) {
                            const Index k = i - columns.from; // column i, counted from where window 0 begins
                            for (Index s = k % step, q = k / step; s < form.taps; s += step, --q)
                                total[i] += share(at + q, tap + s);
                        });
                    });
                });
                each_constant<step>([&](auto part) {
                    row[part] = interleave<T, part>(total);
                    store_until(to + j * step + part * lanes<T>, row[part], end);
                });
            }
}

} // namespace cuarzo
