// Convolution, rung grouped: a vector holds one position of `lanes` groups. For groups of one or few channels, whose sums
// are over before a tile of a single group is filled.
//
//   source   [position][groups], transposed in registers on the way into the cache, with zeros where the padding is
//   result   the same, transposed on the way out
//
// A position is a vector, so that stride, dilation and the ends of rows cost nothing, and a tile may hold any results.
// This file is the geometry and the transpositions; conv_grouped_correlate.hpp and conv_grouped_weight.hpp the sums.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

// The rule: one or two channels and filters in each group (with more, direct's tiles do better), and enough groups to
// fill the vectors.
template <class T> bool suits_grouped(Index groups, Index C, Index F) {
    return C * F <= 2 && 4 * groups >= 3 * round_up(groups, lanes<T>);
}

// One axis: result q reads positions  from + t step + q stride  of the source. Where results of several correlations
// interleave (the gradient of a strided convolution), `between` is the distance of two results of one of them.
struct GroupedAxis {
    Index in, stride, from, extent; // extent: of all that is read for q = 0, `from` its first
    Index out;                      // the largest q + 1
    Index between, results;         // results: of all correlations together

    GroupedAxis(const Reach &reach, Index between_, Index results_)
        : in(reach.in),
          stride(reach.stride),
          from(reach.from),
          extent(1),
          out(0),
          between(between_),
          results(results_) {
        add(reach);
    }
    void add(const Reach &reach) {
        const Index end = std::max(from + extent, reach.from + (reach.taps - 1) * reach.step + 1);
        from = std::min(from, reach.from), extent = end - from, out = std::max(out, reach.out);
    }
    Index first(Index q) const { return from + q * stride; }
    Index size(Index count) const { return (count - 1) * stride + extent; } // positions read by `count` results
    Index reached(Index q, Index count) const { return std::min(count * between, results - q * between); }
};

// Transposes n positions of `count` planes, `step` apart: to[at[i]][plane] = from[plane][i]. Lanes without a plane repeat
// the last one.
template <class T> void interleave(const T *from, Index step, Index count, Index n, const Index *at, T *to) {
    const T *plane[lanes<T>];
    for (Index k = 0; k < lanes<T>; ++k) plane[k] = from + std::min(k, count - 1) * step;
    for (Index i = 0; i < n; i += lanes<T>) {
        const Index some = std::min(lanes<T>, n - i);
        Vec<T> block[lanes<T>];
        if (some == lanes<T>) {
            CUARZO_UNROLL
            for (Index k = 0; k < lanes<T>; ++k) block[k] = load(plane[k] + i);
            transpose<T>(block);
            CUARZO_UNROLL
            for (Index k = 0; k < lanes<T>; ++k) store(to + at[i + k], block[k]);
        } else {
            for (Index k = 0; k < lanes<T>; ++k) block[k] = load_first(plane[k] + i, some);
            transpose<T>(block);
            for (Index k = 0; k < some; ++k) store(to + at[i + k], block[k]);
        }
    }
}

// The way back: to[plane][i] = from[i][plane]. Whole blocks are read.
template <class T> void separate(const T *from, Index n, Index count, Index step, T *to) {
    for (Index i = 0; i < n; i += lanes<T>) {
        Vec<T> block[lanes<T>];
        CUARZO_UNROLL
        for (Index k = 0; k < lanes<T>; ++k) block[k] = load(from + (i + k) * lanes<T>);
        transpose<T>(block);
        const Index some = std::min(lanes<T>, n - i);
        if (count == lanes<T> && some == lanes<T>) {
            CUARZO_UNROLL
            for (Index k = 0; k < lanes<T>; ++k) store(to + k * step + i, block[k]);
        } else {
            for (Index k = 0; k < count; ++k) store_first(to + k * step + i, block[k], some);
        }
    }
}

// The part of a volume that a band reads, as vectors of groups.
struct GroupedBox {
    GroupedAxis depth, rows, columns;
    Index height, width; // rows and columns of the largest band

    GroupedBox(const GroupedAxis &depth_, const GroupedAxis &rows_, const GroupedAxis &columns_, Index band_rows)
        : depth(depth_),
          rows(rows_),
          columns(columns_),
          height(rows.size(band_rows)),
          width(columns.size(columns.out)) {}

    Index positions() const { return element_count(depth.extent, height, width); }
    Index at(Index slice, Index row, Index column) const { return (slice * height + row) * width + column; }

    // Where the positions of consecutive rows go, relative to the row of the first. What no result reads goes behind
    // all others.
    template <class T> const Index *places(Scratch &scratch) const {
        const Index count = std::min(height, rows.in), W = columns.in, first = columns.first(0);
        Index *list = scratch.take<Index>(count, W), *to = list;
        for (Index row = 0; row < count; ++row)
            for (Index w = 0; w < W; ++w) {
                const bool read = w >= first && w < first + width;
                *to++ = (read ? row * width + w - first : positions()) * lanes<T>;
            }
        return list;
    }
    // Room for what is read, and behind it for what is not.
    template <class T> Index elements() const { return element_count(2 * positions(), lanes<T>); }

    // Reads rows begin ... end - 1 of the box that starts at `band`, of `count` planes, `step` apart.
    template <class T>
    void fill(const T *image, Index step, Index count, const Band &band, Index begin, Index end, const Index *places,
              T *to) const {
        const Index W = columns.in, top = rows.first(band.row), first = columns.first(0);
        const Index from = std::clamp<Index>(-top, begin, end), until = std::clamp<Index>(rows.in - top, from, end);
        const Index left = std::clamp<Index>(-first, 0, width), right = std::clamp<Index>(W - first, left, width);
        const auto clear = [&](Index slice, Index row, Index column, Index positions) {
            std::fill_n(to + at(slice, row, column) * lanes<T>, positions * lanes<T>, T{0});
        };
        for (Index slice = 0; slice < depth.extent; ++slice) {
            const Index d = depth.first(band.slice) + slice;
            if (d < 0 || d >= depth.in || from == until) {
                clear(slice, begin, 0, (end - begin) * width);
                continue;
            }
            clear(slice, begin, 0, (from - begin) * width), clear(slice, until, 0, (end - until) * width);
            for (Index row = from; row < until; ++row)
                clear(slice, row, 0, left), clear(slice, row, right, width - right);
            interleave(image + (d * rows.in + top + from) * W, step, count, (until - from) * W, places,
                       to + at(slice, from, 0) * lanes<T>);
        }
    }
};

// The taps of a window, in row-major order: where they are in the box, relative to their result.
template <class T>
const Index *grouped_taps(Scratch &scratch, const Reach &depth, const Reach &rows, const Reach &columns,
                          const GroupedBox &box) {
    Index *list = scratch.take<Index>(depth.taps, rows.taps, columns.taps), *to = list;
    const auto at = [](const Reach &reach, const GroupedAxis &axis, Index t) {
        return reach.from + t * reach.step - axis.from;
    };
    each_tap(depth, rows, columns, [&](Index e, Index r, Index s) {
        *to++ = box.at(at(depth, box.depth, e), at(rows, box.rows, r), at(columns, box.columns, s)) * lanes<T>;
    });
    return list;
}

struct GroupedResult {
    Index from, to; // of its position in the box, in the results
};

// The results of `count` rows, row after row; `first`: where the first one goes.
template <class T>
const GroupedResult *grouped_results(Scratch &scratch, const GroupedBox &box, Index count, Index length, Index first) {
    GroupedResult *list = scratch.take<GroupedResult>(count, length), *to = list;
    for (Index i = 0; i < count; ++i)
        for (Index j = 0; j < length; ++j)
            *to++ = {box.at(0, i * box.rows.stride, j * box.columns.stride) * lanes<T>,
                     (first + i * box.rows.between * box.columns.results + j * box.columns.between) * lanes<T>};
    return list;
}

// A band is computed some rows at a time: what is transposed is still in the first cache when it is read.
inline Index rows_at_a_time(const GroupedAxis &rows, const GroupedAxis &columns) {
    return ceil_div(128, rows.between * columns.results);
}

// Rows of a band: as many as stay in the second cache, and at least `wanted` bands if there are enough rows.
template <class T>
Bands cut_grouped(const GroupedAxis &depth, const GroupedAxis &rows, const GroupedAxis &columns, Index C,
                  Index wanted) {
    const Index read = C * depth.extent * rows.stride * columns.size(columns.out);
    const Index written = depth.between * rows.between * columns.results;
    const Index cached = static_cast<Index>(cached_bytes / static_cast<double>((read + written) * vector_bytes));
    const Index share = ceil_div(rows.out, ceil_div(wanted, depth.out));
    return {depth.out,  rows.out, columns.out, 1, std::max<Index>(1, std::min(std::max<Index>(4, cached), share)),
            columns.out};
}

} // namespace cuarzo
