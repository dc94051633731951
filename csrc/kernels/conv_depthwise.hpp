// Convolution, rung depthwise: groups of one channel and one filter, without a stride. A vector holds neighbours in a row,
// read from a Copy (window.hpp) of a band of one channel; nothing is transposed.
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

// A channel's source, as the taps read it.
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
        // taps farther apart than a band is long: not one box of the image
        if (copy.rows.groups > 1 || copy.columns.groups > 1) return copy.fill(channel, 1, slice, row, 0, T{0}, to);
        if (clean)
            clear_outside(slice, row, to);
        else
            std::fill_n(to, copy.stride_of<T>(1), T{0});
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

    // Where dilation keeps them apart, each tap is a strip of its own.
    Strips(Scratch &scratch, const Copy &copy, const Reach &depth, const Reach &rows, const Reach &columns)
        : first(scratch.take<Strip>(depth.taps, rows.taps, columns.taps)),
          number_step(rows.number_step * columns.window) {
        const Index longest = rows.step == 1 ? strip_taps : 1;
        const auto numbered = [](const Reach &reach, Index tap) { return reach.number + tap * reach.number_step; };
        Strip *next = first;
        for (Index taps = strip_taps; taps > 0; --taps) {
            const Strip *begin = next;
            each_tap(depth, rows, columns, [&](Index e, Index r, Index s) {
                if (r % longest != 0 || std::min(longest, rows.taps - r) != taps) return;
                *next++ = {copy.depth.offset(e) * copy.slice_step + copy.rows.offset(r) * copy.row_step +
                               copy.columns.offset(s),
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

// What the items of a call share.
template <class T> struct DepthwiseCall {
    const Correlation<T> &p;
    const Source &source;
    const Strips &strips;
    Index band, bands; // rows of a band, bands of a slice

    Index units() const { return p.N * p.groups * p.depth.out * bands; }
    // A band of one slice of a channel.
    void run(Index unit, T *from, bool clean) const {
        const Range rows(unit % bands, band, p.rows.out);
        const Index slice = unit / bands % p.depth.out, channel = unit / bands / p.depth.out, g = channel % p.groups;
        source.fill(p.source + channel * p.depth.in * p.rows.in * p.columns.in, slice, rows.begin, from, clean);
        const Index step = source.copy.row_step, some = even_block(rows.end - rows.begin, strip_rows);
        const T *w = p.weight + g * p.weight_group, bias = p.bias ? p.bias[g] : T{0};
        T *result = p.result + channel * p.volume + slice * p.slice;
        for (Index row = rows.begin; row < rows.end; row += some)
            depthwise_rows_for<T>(std::min(some, rows.end - row))(strips, from + (row - rows.begin) * step, step, w,
                                                                  bias, p.columns.out, result + row * p.row, p.row);
    }
};

template <class T> void correlate_depthwise(const Correlation<T> &p) {
    if (p.N * p.groups * p.depth.out * p.rows.out * p.columns.out == 0) return;
    Scratch scratch;
    const Index band = depthwise_band<T>(p.depth, p.rows, p.columns);
    const Source source(p.depth, p.rows, p.columns, band);
    const Strips strips(scratch, source.copy, p.depth, p.rows, p.columns);
    const DepthwiseCall<T> call{p, source, strips, band, ceil_div(p.rows.out, band)};
    // A thread takes some microseconds of work at a time.
    const double work = static_cast<double>(p.depth.taps * p.rows.taps * p.columns.taps * band * p.columns.out);
    const Index together = std::clamp<Index>(static_cast<Index>(65536 / work), 1, call.units());
    const Index items = ceil_div(call.units(), together), slots = parallel_slots(items);
    const Index copy_step = source.copy.stride_of<T>(1);
    T *copies = scratch.take<T>(slots, copy_step);
    bool *clean = scratch.take<bool>(slots); // the slot's copy has its padding
    std::fill_n(clean, slots, false);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Range units(item, together, call.units());
        for (Index unit = units.begin; unit < units.end; ++unit, clean[slot] = true)
            call.run(unit, copies + slot * copy_step, clean[slot]);
    });
}

} // namespace cuarzo
