// Convolution, rung depthwise: groups of one channel and one filter. A vector holds neighbours in a row, read from a Copy
// (window.hpp) of a band of one channel; nothing is transposed.
//
// A tile is a vector of results in each of some consecutive rows. Taps one below the other read rows one below the other
// (a strip), so that each vector of the source is loaded once and serves as many rows of results as the strip has taps:
//
//   rows of the source     0   1   2   3   4   5
//   taps of a strip       0   01  012 012 12  2          four rows of results, a strip of three taps: 6 loads, 12 products
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

inline constexpr int strip_taps = 3;                       // at most
inline constexpr int strip_rows = tile_rows >= 8 ? 14 : 8; // of results at most: they and the taps stay in registers
inline constexpr double strip_bytes = 16 << 10;            // of a Copy, so that it stays in the first cache

struct Strip {
    Index from, number; // of its first tap: in the Copy, relative to the result, and in the window
};

// What several correlations without a stride read along an axis, as one.
inline Reach hull(const Reach &a, const Reach &b) {
    Reach all = a;
    const auto end = [](const Reach &r) { return r.from + (r.taps - 1) * r.step + 1; };
    all.from = std::min(a.from, b.from), all.step = 1, all.out = std::max(a.out, b.out);
    all.taps = std::max(end(a), end(b)) - all.from;
    return all;
}

// A channel's source, as all the taps read it.
struct Source {
    Reach depth, rows, columns;
    Copy copy; // for one slice of `band` rows
    Source(const Reach &depth_, const Reach &rows_, const Reach &columns_, Index band)
        : depth(depth_),
          rows(rows_),
          columns(columns_),
          copy(depth, rows, columns, 1, band, columns.out) {}

    // What a band reads, from a slice and a row on. `clean`: `to` was filled before, and the columns of padding, which are
    // the same in all bands, are there still.
    template <class T> void fill(const T *channel, Index slice, Index row, T *to, bool clean) const {
        if (clean)
            clear_outside(slice, row, to);
        else
            std::fill_n(to, copy.stride_of<T>(1), T{0});
        if (rows.stride > 1 || columns.stride > 1) return copy.fill(channel, 1, slice, row, 0, T{0}, to, true);
        const Index pitch = copy.row_step, top = rows.from + row, W = columns.in;
        const Index first = std::clamp<Index>(-top, 0, copy.rows.pitch),
                    left = std::clamp<Index>(-columns.from, 0, pitch);
        const Index count = std::clamp<Index>(rows.in - top, first, copy.rows.pitch) - first;
        const Index width = std::clamp<Index>(W - columns.from, left, pitch) - left;
        to += first * pitch + left;
        copy.depth.each(slice, [&](Index d) {
            if (copy.depth.inside(d))
                copy_rows(channel + (d * rows.in + top + first) * W + columns.from + left, W, count, width, to, pitch);
            to += copy.slice_step;
        });
    }

  private:
    template <class T> void clear_outside(Index slice, Index row, T *to) const {
        copy.depth.each(slice, [&](Index d) {
            copy.rows.each(row, [&](Index h) {
                if (!copy.depth.inside(d) || !copy.rows.inside(h)) std::fill_n(to, copy.row_step, T{0});
                to += copy.row_step;
            });
        });
    }
    template <class T> static void copy_rows(const T *from, Index step, Index rows, Index width, T *to, Index to_step) {
        const Index whole = width / lanes<T> * lanes<T>, rest = width - whole;
        for (; rows > 0; --rows, from += step, to += to_step) {
            for (Index i = 0; i < whole; i += lanes<T>) store(to + i, load(from + i));
            if (rest) store_first(to + whole, load_first(from + whole, rest), rest);
        }
    }
};

// The taps of a window as strips, those of most taps first.
struct Strips {
    Strip *first;
    Index count[strip_taps + 1]; // of strips of so many taps
    Index number_step;           // from tap to tap

    // With a stride, row r and row r + turn are neighbours in the Copy. Where dilation keeps them apart, each tap is a
    // strip of its own.
    Strips(Scratch &scratch, const Source &source, const Reach &depth, const Reach &rows, const Reach &columns)
        : first(scratch.take<Strip>(depth.taps, rows.taps, columns.taps)) {
        const Copy &copy = source.copy;
        const Index turn = copy.rows.jump == 1 && rows.step == source.rows.step ? copy.rows.groups : rows.taps;
        number_step = turn * rows.number_step * columns.window;
        const auto numbered = [](const Reach &reach, Index tap) { return reach.number + tap * reach.number_step; };
        const auto place = [](const Reach &own, const Reach &all, const Sorted &sorted, Index tap) {
            return sorted.offset((own.from + tap * own.step - all.from) / all.step);
        };
        Strip *next = first;
        for (Index taps = strip_taps; taps > 0; --taps) {
            const Strip *begin = next;
            each_tap(depth, rows, columns, [&](Index e, Index r, Index s) {
                const Index left = ceil_div(rows.taps - r, turn);
                if (r / turn % strip_taps != 0 || std::min<Index>(strip_taps, left) != taps) return;
                *next++ = {place(depth, source.depth, copy.depth, e) * copy.slice_step +
                               place(rows, source.rows, copy.rows, r) * copy.row_step +
                               place(columns, source.columns, copy.columns, s),
                           (numbered(depth, e) * rows.window + numbered(rows, r)) * columns.window +
                               numbered(columns, s)};
            });
            count[taps] = next - begin;
        }
    }
};

// body(M, strips of M taps) for all M
template <int M = strip_taps, class Body>
CUARZO_INLINE void each_strips(const Strips &strips, const Strip *first, Body body) {
    body(std::integral_constant<int, M>{}, first, first + strips.count[M]);
    if constexpr (M > 1) each_strips<M - 1>(strips, first + strips.count[M], body);
}

// R rows of results.
template <class T, int R>
void depthwise_rows(const Strips &strips, const T *source, Index row_step, const T *w, T bias, Index columns, T *to,
                    Index to_step) {
    const Index number_step = strips.number_step;
    for (Index j = 0; j < columns; j += lanes<T>) {
        Vec<T> sum[R];
        CUARZO_UNROLL
        for (int r = 0; r < R; ++r) sum[r] = broadcast(bias);
        each_strips(strips, strips.first, [&](auto taps, const Strip *strip, const Strip *end) {
            constexpr int M = taps;
            for (; strip != end; ++strip) {
                Vec<T> factor[M];
                CUARZO_UNROLL
                for (int m = 0; m < M; ++m) factor[m] = broadcast(w[strip->number + m * number_step]);
                const T *row = source + strip->from + j;
                CUARZO_UNROLL
                for (int k = 0; k < R + M - 1; ++k, row += row_step) {
                    const Vec<T> v = keep_loaded<T>(load(row));
                    CUARZO_UNROLL
                    for (int m = 0; m < M; ++m)
                        if (k - m >= 0 && k - m < R) sum[k - m] += factor[m] * v;
                }
            }
        });
        const Index some = std::min(lanes<T>, columns - j);
        CUARZO_UNROLL
        for (int r = 0; r < R; ++r) store_first(to + r * to_step + j, sum[r], some);
    }
}

template <class T>
using DepthwiseFunction = void (*)(const Strips &, const T *, Index, const T *, T, Index, T *, Index);

template <class T, int R = strip_rows> DepthwiseFunction<T> depthwise_rows_for(Index rows) {
    if constexpr (R > 1)
        if (rows < R) return depthwise_rows_for<T, R - 1>(rows);
    return depthwise_rows<T, R>;
}

// Rows of a band: as many as stay in the first cache, in whole tiles.
template <class T> Index depthwise_band(const Reach &depth, const Reach &rows, const Reach &columns) {
    const double row_bytes = copied_bytes<T>(depth, rows, columns, 1) * static_cast<double>(depth.taps);
    return even_block(rows.out, std::max<Index>(strip_rows, static_cast<Index>(strip_bytes / row_bytes)));
}

// Bands of one channel, of which a thread takes some microseconds at a time.
struct DepthwiseUnits {
    Index channels, slices, bands, band; // band: its rows
    Index together;
    DepthwiseUnits(Index channels_, Index slices_, Index rows, Index band_, double work)
        : channels(channels_),
          slices(slices_),
          bands(ceil_div(rows, band_)),
          band(band_),
          together(std::clamp<Index>(static_cast<Index>(65536 / (work + 1)), 1, count())) {}
    Index count() const { return channels * slices * bands; }
};

// Writes rows of the results of `count` correlations that interleave along columns; each has `part` elements for its own,
// rows of `pitch`. The two of stride 2 are merged in registers.
template <class T>
void interleave_rows(const T *from, Index part, Index pitch, const Correlation<T> *p, Index count, Index rows, T *to) {
    if (count == 2 && p->column == 2) {
        const Index early = p[0].start < p[1].start ? 0 : 1;
        const T *even = from + early * part, *odd = from + (1 - early) * part;
        const Index length = p[0].columns.out + p[1].columns.out;
        to += p[early].start;
        for (Index row = 0; row < rows; ++row, to += p->row, even += pitch, odd += pitch)
            for (Index j = 0; j < length; j += 2 * lanes<T>) {
                const Vec<T> a = load(even + j / 2), b = load(odd + j / 2);
                const Index left = length - j;
                store_first(to + j, zip_low<T>(a, b), std::min(lanes<T>, left));
                if (left > lanes<T>)
                    store_first(to + j + lanes<T>, zip_high<T>(a, b), std::min(lanes<T>, left - lanes<T>));
            }
        return;
    }
    for (Index i = 0; i < count; ++i, from += part)
        for (Index row = 0; row < rows; ++row)
            for (Index j = 0; j < p[i].columns.out; ++j)
                to[p[i].start + row * p[i].row + j * p[i].column] = from[row * pitch + j];
}

// The correlations p[0] ... p[count - 1], each of one channel and one filter a group, share their source.
// `across` of them at a time interleave along columns.
template <class T> void correlate_depthwise(const Correlation<T> *p, Index count, Index across) {
    const Correlation<T> &one = p[0];
    Reach depth = one.depth, rows = one.rows, columns = one.columns;
    for (Index i = 1; i < count; ++i)
        depth = hull(depth, p[i].depth), rows = hull(rows, p[i].rows), columns = hull(columns, p[i].columns);
    if (one.N * one.groups * depth.out * rows.out * columns.out == 0) return;
    Scratch scratch;
    const Index band = depthwise_band<T>(depth, rows, columns), bands = ceil_div(rows.out, band);
    const Source source(depth, rows, columns, band);
    auto *strips = scratch.take<Strips>(count);
    double work = 0;
    for (Index i = 0; i < count; ++i) {
        new (strips + i) Strips(scratch, source, p[i].depth, p[i].rows, p[i].columns);
        work += static_cast<double>(p[i].depth.taps * p[i].rows.taps * p[i].columns.taps * band * p[i].columns.out);
    }
    const Index units = one.N * one.groups * depth.out * bands;
    const Index together = std::clamp<Index>(static_cast<Index>(65536 / (work + 1)), 1, units);
    const Index items = ceil_div(units, together), slots = parallel_slots(items);
    const Copy &copy = source.copy;
    const Index copy_step = copy.stride_of<T>(1), pitch = round_up(columns.out, lanes<T>), part = strip_rows * pitch;
    T *copies = scratch.take<T>(slots, copy_step), *parts = scratch.take<T>(slots, across, part);
    bool *clean = scratch.take<bool>(slots); // the slot's copy has its padding
    std::fill_n(clean, slots, false);
    const Index source_size = one.depth.in * one.rows.in * one.columns.in;
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Range range(item, together, units);
        T *const from = copies + slot * copy_step, *const own = parts + slot * across * part;
        for (Index unit = range.begin; unit < range.end; ++unit) {
            const Index first = unit % bands * band, slice = unit / bands % depth.out,
                        channel = unit / bands / depth.out;
            const Index g = channel % one.groups;
            const T *w = one.weight + g * one.weight_group, bias = one.bias ? one.bias[g] : T{0};
            source.fill(one.source + channel * source_size, slice, first, from, clean[slot]);
            clean[slot] = true;
            const Index end = std::min(first + band, rows.out), some = even_block(end - first, strip_rows);
            T *result = one.result + channel * one.volume + slice * one.slice;
            for (Index row = first; row < end; row += some)
                for (Index i = 0; i < count; i += across) {
                    const Index R = std::min(some, std::min(end, p[i].rows.out) - row);
                    if (slice >= p[i].depth.out || R <= 0) continue;
                    T *to = result + row * one.row;
                    for (Index s = 0; s < across; ++s)
                        depthwise_rows_for<T>(R)(strips[i + s], from + (row - first) * copy.row_step, copy.row_step, w,
                                                 bias, p[i + s].columns.out,
                                                 one.column == 1 ? to + p[i].start : own + s * part,
                                                 one.column == 1 ? one.row : pitch);
                    if (one.column > 1) interleave_rows(own, part, pitch, p + i, across, R, to);
                }
        }
    });
}

} // namespace cuarzo
