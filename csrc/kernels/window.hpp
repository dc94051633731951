// What convolution and pooling share: where a window's taps fall, and a copy of the image in which they are easy to
// read.
//
// Every loop is written for volumes of slices, rows and columns; an image is a volume of one slice, a signal one of one
// row (the border makes them so). Along each axis output j reads, at tap t, position  from + t step + j stride  of the
// image, which has padding all around. A Copy is the part of a volume that a box of outputs reads, and in it
//   * the padding is there: no bounds are asked in the inner loop
//   * along each axis, positions are sorted by their remainder modulo the stride: what neighbouring outputs read stands
//     side by side, and one vector load at  offset(tap) + j  serves `lanes` outputs, whatever stride and dilation are
//   * what no tap reads is left out: it never holds more than taps x outputs along an axis, however wide the padding
//
//       a row of the image, stride 2      0 1 2 3 4 5 6 7
//       the same row in the Copy          0 2 4 6 | 1 3 5 7      tap 0 of outputs 0 1 2 3 is one load, tap 1 the next
#pragma once
#include "../parallel.hpp"
#include "../scratch.hpp"
#include "../simd/vec.hpp"
#include <numeric>

namespace cuarzo {

// One axis, as the caller gave it: sizes of image, window and output.
struct Axis {
    Index in, window, out, stride, before, after, dilation;
};

// One axis, as a loop over its taps reads it.
struct Reach {
    Index in, out, stride;
    Index taps, from, step;            // tap t of output j reads  from + t step + j stride,  step > 0
    Index window, number, number_step; // and is number  number + t number_step  in a window of so many

    // Without the taps at either end that see nothing but padding; one is left in any case.
    Reach trimmed() const {
        const Index last = from + (out - 1) * stride; // what tap 0 of the last output reads
        const Index skip = last < 0 ? std::min(taps - 1, ceil_div(-last, step)) : 0;
        const Index end = from < in ? std::min(taps, ceil_div(in - from, step)) : 0;
        Reach left = *this;
        left.taps = std::max<Index>(1, end - skip);
        left.from += skip * step, left.number += skip * number_step;
        return left;
    }
};

inline Reach window_reach(const Axis &a) {
    return Reach{a.in, a.out, a.stride, a.window, -a.before, a.dilation, a.window, 0, 1}.trimmed();
}

// One axis of a Copy for `out` outputs: groups of `pitch` positions, `stride` apart in the image.
struct Sorted {
    Index in, stride, from, step, groups, pitch, jump;

    // Taps t and t + turn have the same remainder, and read `jump` positions of their group apart. They share one
    // group, but for those so far apart that groups of their own are shorter.
    Sorted(const Reach &reach, Index out) : in(reach.in), stride(reach.stride), from(reach.from), step(reach.step) {
        const Index divisor = std::gcd(step, stride), turn = stride / divisor;
        jump = step / divisor;
        groups = jump > out ? reach.taps : std::min(turn, reach.taps);
        pitch = (ceil_div(reach.taps, groups) - 1) * jump + out;
    }
    Index size() const { return groups * pitch; }
    Index offset(Index tap) const { return tap % groups * pitch + tap / groups * jump; }

    // visit(position in the image) in the order of the copy, for the box that begins at output `first`
    template <class Visit> void each(Index first, Visit visit) const {
        for (Index group = 0; group < groups; ++group) {
            Index position = from + group * step + first * stride;
            for (Index i = 0; i < pitch; ++i, position += stride) visit(position);
        }
    }
    bool inside(Index position) const { return position >= 0 && position < in; }
};

// to[i] = row[2 i] and to_between[i] = row[2 i + 1], of the n and `between` elements that there are: as many, or one less
template <class T> void copy_halves(const T *row, Index n, Index between, T *to, T *to_between) {
    Index i = 0;
    for (; i + lanes<T> <= between; i += lanes<T>) {
        const Vec<T> low = load(row + 2 * i), high = load(row + 2 * i + lanes<T>);
        store(to + i, evens<T>(low, high));
        store(to_between + i, odds<T>(low, high));
    }
    if (i == n) return;
    const Index rest = n + between - 2 * i, more = std::max<Index>(0, rest - lanes<T>);
    const Vec<T> low = load_first(row + 2 * i, std::min(lanes<T>, rest));
    const Vec<T> high = more > 0 ? load_first(row + 2 * i + lanes<T>, std::min(lanes<T>, more)) : low;
    store_first(to + i, evens<T>(low, high), n - i);
    store_first(to_between + i, odds<T>(low, high), between - i);
}

// to[i] = row[i stride]. What lies between the last elements is not read: the row may end there.
template <class T> void copy_steps(const T *row, Index stride, Index n, T *to) {
    Index i = 0;
    if (stride == 1) {
        for (; i + lanes<T> <= n; i += lanes<T>) store(to + i, load(row + i));
        if (i < n) store_first(to + i, load_first(row + i, n - i), n - i);
        return;
    }
    const auto every_second = [](const T *from) { return evens<T>(load(from), load(from + lanes<T>)); };
    if (stride == 2)
        for (; i + lanes<T> < n; i += lanes<T>) store(to + i, every_second(row + 2 * i));
    if (stride == 4)
        for (; i + lanes<T> < n; i += lanes<T>)
            store(to + i, evens<T>(every_second(row + 4 * i), every_second(row + 4 * i + 2 * lanes<T>)));
    for (; i < n; ++i) to[i] = row[i * stride];
}

struct Copy {
    Sorted depth, rows, columns;
    Index row_step, slice_step, size; // elements between two rows, slices and channels

    Copy(const Reach &depth_, const Reach &rows_, const Reach &columns_, Index out_slices, Index out_rows,
         Index out_columns)
        : depth(depth_, out_slices),
          rows(rows_, out_rows),
          columns(columns_, out_columns),
          row_step(element_count(columns.groups, columns.pitch)),
          slice_step(element_count(rows.groups, rows.pitch, row_step)),
          size(element_count(depth.groups, depth.pitch, slice_step)) {}

    // Channels stand one after the other. A vector that begins at the last output of the last row ends behind them.
    template <class T> T *take(Scratch &scratch, Index slots, Index channels) const {
        return scratch.take<T>(slots, stride_of<T>(channels));
    }
    // Elements between two slots: whole cache lines, so that two threads never share one.
    template <class T> Index stride_of(Index channels) const {
        return round_up(element_count(channels, size) + lanes<T>, 64 / sizeof(T));
    }

    // Copies `channels` channels of a volume for the box of outputs that begins at (slice, row, column). `padded`: the
    // same box was copied to `out` before, its padding is there still.
    template <class T>
    void fill(const T *image, Index channels, Index slice, Index row, Index column, T padding, T *out,
              bool padded = false) const {
        const Index plane = rows.in * columns.in;
        for (Index c = 0; c < channels; ++c, image += depth.in * plane)
            depth.each(slice, [&](Index d) {
                if (depth.inside(d))
                    fill_slice(image + d * plane, row, column, padding, out, padded);
                else if (!padded)
                    std::fill_n(out, slice_step, padding);
                out += slice_step;
            });
        if (!padded) std::fill_n(out, lanes<T>, padding);
    }

  private:
    // What a group of columns takes from each row: out[i] = row[column + i stride] for begin <= i < end, else padding.
    struct Span {
        Index begin, end, first; // first: the column of out[begin]
        Index count() const { return end - begin; }
    };
    Span span(Index column) const {
        const Index W = columns.in, stride = columns.stride, pitch = columns.pitch;
        const Index begin = std::min(pitch, column < 0 ? ceil_div(-column, stride) : 0);
        const Index end = std::max(begin, std::min(pitch, W > column ? ceil_div(W - column, stride) : 0));
        return {begin, end, begin < end ? column + begin * stride : 0};
    }

    // Group after group, so that its span is worked out once for all rows; but the two halves of stride 2 together.
    template <class T> void fill_slice(const T *slice, Index row, Index column, T padding, T *out, bool padded) const {
        const Index stride = columns.stride, pitch = columns.pitch;
        column = columns.from + column * stride;
        const Span one = span(column), two = span(column + columns.step);
        if (stride == 2 && columns.groups == 2 && columns.step == 1 && one.count() * two.count() > 0)
            return fill_rows(slice, row, 2 * pitch, padding, out, padded, [&](const T *from, T *to) {
                T *to_one = to + one.begin, *to_two = to + pitch + two.begin;
                if (one.first < two.first)
                    copy_halves(from + one.first, one.count(), two.count(), to_one, to_two);
                else
                    copy_halves(from + two.first, two.count(), one.count(), to_two, to_one);
                if (padded) return;
                pad(one, pitch, padding, to);
                pad(two, pitch, padding, to + pitch);
            });
        for (Index group = 0; group < columns.groups; ++group, column += columns.step, out += pitch) {
            const Span own = span(column);
            fill_rows(slice, row, pitch, padding, out, padded, [&](const T *from, T *to) {
                copy_steps(from + own.first, stride, own.count(), to + own.begin);
                if (!padded) pad(own, pitch, padding, to);
            });
        }
    }

    // copy_row(row of the slice, its place in the copy) for the rows in the image; `width` elements of padding for
    // others
    template <class T, class CopyRow>
    CUARZO_INLINE void fill_rows(const T *slice, Index row, Index width, T padding, T *to, bool padded,
                                 CopyRow copy_row) const {
        const Index W = columns.in, step = row_step;
        rows.each(row, [&](Index h) {
            if (rows.inside(h))
                copy_row(slice + h * W, to);
            else if (!padded)
                std::fill_n(to, width, padding);
            to += step;
        });
    }

    template <class T> static void pad(const Span &span, Index pitch, T padding, T *to) {
        for (Index i = 0; i < span.begin; ++i) to[i] = padding;
        for (Index i = span.end; i < pitch; ++i) to[i] = padding;
    }
};

// Calls visit(tap of the depth, of the rows, of the columns), in row-major order.
template <class Visit> void each_tap(const Reach &depth, const Reach &rows, const Reach &columns, Visit visit) {
    for (Index e = 0; e < depth.taps; ++e)
        for (Index r = 0; r < rows.taps; ++r)
            for (Index s = 0; s < columns.taps; ++s) visit(e, r, s);
}

// The taps of a window, in row-major order: what a loop over them wants to know.
struct Taps {
    Index count;
    Index *offset; // in the Copy, relative to the output's place there
    Index *number; // in the window

    Taps(Scratch &scratch, const Copy &copy, const Reach &depth, const Reach &rows, const Reach &columns)
        : count(element_count(depth.taps, rows.taps, columns.taps)),
          offset(scratch.take<Index>(count)),
          number(scratch.take<Index>(count)) {
        const auto numbered = [](const Reach &reach, Index tap) { return reach.number + tap * reach.number_step; };
        Index t = 0;
        each_tap(depth, rows, columns, [&](Index e, Index r, Index s) {
            offset[t] =
                copy.depth.offset(e) * copy.slice_step + copy.rows.offset(r) * copy.row_step + copy.columns.offset(s);
            number[t++] =
                (numbered(depth, e) * rows.window + numbered(rows, r)) * columns.window + numbered(columns, s);
        });
    }
};

} // namespace cuarzo
