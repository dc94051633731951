// Pooling                                                                                     See naive/pool.py
//
//   y[n, c, p, q] = max_{r, s} x[n, c, h, k]            h = p su + r du - top,  k = q sv + s dv - left
//   y[n, c, p, q] = sum_{r, s} x[n, c, h, k] / D[p, q]  over the taps in the image
//
// Each channel of each image by itself, in parallel. Forwards a channel is copied into a Plane (window.hpp), whose padding
// holds -inf or 0: one vector then serves `lanes` windows, whatever the stride. Backwards each window sends its gradient
// to where it came from, in row-major order.
#pragma once
#include "window.hpp"
#include <limits>

namespace cuarzo {

struct PoolShape {
    Index planes; // N C
    Axis rows, columns;
};

// Planes that a thread takes at a time: some microseconds of work, a function of the shape.
inline Index planes_per_item(const PoolShape &shape) {
    const double plane = static_cast<double>(shape.rows.in) * shape.columns.in +
                         static_cast<double>(shape.rows.out) * shape.columns.out * shape.rows.window;
    return std::clamp<Index>(static_cast<Index>(16384 / (plane + 1)), 1, std::max<Index>(1, shape.planes));
}

// work(plane, slot) for all planes
template <class Work> void for_planes(const PoolShape &shape, Index slots, Work work) {
    const Index size = planes_per_item(shape);
    parallel_for(ceil_div(shape.planes, size), slots, [&](Index item, Index slot) {
        const Range range(item, size, shape.planes);
        for (Index plane = range.begin; plane < range.end; ++plane) work(plane, slot);
    });
}

inline Index plane_slots(const PoolShape &shape) {
    return parallel_slots(ceil_div(shape.planes, planes_per_item(shape)));
}

// The taps of one axis of window `out` that lie in the image: begin ... end - 1.
inline Range taps_inside(const Axis &axis, Index out) {
    const Index start = out * axis.stride - axis.before;
    Range range(0, 0, 0);
    range.begin = start < 0 ? std::min(axis.window, ceil_div(-start, axis.dilation)) : 0;
    range.end = start < axis.in ? std::min(axis.window, ceil_div(axis.in - start, axis.dilation)) : 0;
    range.end = std::max(range.begin, range.end);
    return range;
}

// A candidate wins over the best so far if it is larger, or the first NaN. !(v <= best) is true in both cases, and also
// when the best is a NaN, which nothing replaces.
template <class V> CUARZO_INLINE auto wins(V v, V best) { return !(v <= best) & (best == best); }

template <class T> CUARZO_INLINE Mask<T> wins(Vec<T> v, Vec<T> best) { return ~(v <= best) & (best == best); }

// The winner of one window, tap by tap: its position in the image, or -1 where the window sees nothing but padding.
template <class T> Index find_winner(const T *x, const PoolShape &shape, Index p, Index q) {
    const Range rows = taps_inside(shape.rows, p), columns = taps_inside(shape.columns, q);
    Index winner = -1;
    for (Index r = rows.begin; r < rows.end; ++r)
        for (Index s = columns.begin; s < columns.end; ++s) {
            const Index h = p * shape.rows.stride - shape.rows.before + r * shape.rows.dilation;
            const Index k = q * shape.columns.stride - shape.columns.before + s * shape.columns.dilation;
            const Index at = h * shape.columns.in + k;
            if (winner < 0 || wins(x[at], x[winner])) winner = at;
        }
    return winner;
}

// Plane, taps and offsets of a pooling window, and a copy for each slot.
template <class T> struct PoolPlane {
    Index count, *offsets, *positions; // of the taps: in the plane; in the image, relative to the window's output
    Plane plane;
    T *copies;
    Index copy;

    PoolPlane(Scratch &scratch, const PoolShape &shape, Index slots)
        : PoolPlane(scratch, shape, slots, window_taps(scratch, shape.rows, shape.columns)) {}

    const T *fill(const T *image, T padding, Index slot) const {
        plane.fill(image, 1, 0, padding, copies + slot * copy);
        return copies + slot * copy;
    }

  private:
    PoolPlane(Scratch &scratch, const PoolShape &shape, Index slots, const Tap *taps)
        : count(shape.rows.window * shape.columns.window),
          offsets(scratch.take<Index>(count)),
          positions(scratch.take<Index>(count)),
          plane(taps, count, shape.rows.in, shape.columns.in, shape.rows.stride, shape.columns.stride, shape.rows.out,
                shape.columns.out),
          copies(plane.take<T>(scratch, slots, 1)),
          copy(plane.stride_of<T>(1)) {
        for (Index t = 0; t < count; ++t) {
            offsets[t] = plane.offset(taps[t]);
            positions[t] = taps[t].row * shape.columns.in + taps[t].column;
        }
    }
};

// The maxima of `lanes` windows in a row, and where the tap that won each reads, relative to the window's first output.
// A lane of float32 counts to 2^31: in larger images `locate` looks again.
template <class T> struct Winners {
    Vec<T> best;
    Mask<T> position;
};

template <class T> CUARZO_INLINE Winners<T> find_winners(const PoolPlane<T> &pool, const T *from) {
    const auto position = [&](Index t) { return Mask<T>{} + static_cast<Lane<T>>(pool.positions[t]); };
    Winners<T> found{load(from + pool.offsets[0]), position(0)};
    for (Index t = 1; t < pool.count; ++t) {
        const Vec<T> v = load(from + pool.offsets[t]);
        const Mask<T> won = wins<T>(v, found.best);
        found.best = won ? v : found.best;
        found.position = won ? position(t) : found.position;
    }
    return found;
}

// Where each of `count` winners stands in the image. A tap in the padding may only seem to have won, where the maximum
// is -inf: an -inf of the image, if there is one, comes before it.
template <class T>
CUARZO_INLINE void locate(const PoolShape &shape, const T *x, Index p, Index q, Index count, const Winners<T> &winners,
                          Index *positions) {
    const bool large = shape.rows.in * shape.columns.in > std::numeric_limits<Lane<T>>::max();
    if (large || any<T>(winners.best == broadcast(-std::numeric_limits<T>::infinity()))) {
        for (Index i = 0; i < count; ++i) positions[i] = find_winner(x, shape, p, q + i);
        return;
    }
    Lane<T> position[lanes<T>];
    std::memcpy(position, &winners.position, sizeof position);
    const Index first = p * shape.rows.stride * shape.columns.in + q * shape.columns.stride;
    for (Index i = 0; i < lanes<T>; ++i) positions[i] = first + i * shape.columns.stride + position[i];
}

// Calls found(p, q, count, winners) for each vector of windows in a channel.
template <class T, class Found>
CUARZO_INLINE void scan_windows(const PoolPlane<T> &pool, const PoolShape &shape, const T *copy, Found found) {
    for (Index p = 0; p < shape.rows.out; ++p)
        for (Index q = 0; q < shape.columns.out; q += lanes<T>)
            found(p, q, std::min(lanes<T>, shape.columns.out - q),
                  find_winners(pool, copy + p * pool.plane.row_step() + q));
}

template <class T> void max_pool2d_forward(const PoolShape &shape, const T *x, T *y, std::int64_t *indices) {
    const Index in = shape.rows.in * shape.columns.in, out = shape.rows.out * shape.columns.out;
    if (shape.planes * out == 0) return;
    Scratch scratch;
    const Index slots = plane_slots(shape);
    const PoolPlane<T> pool(scratch, shape, slots);
    for_planes(shape, slots, [&](Index plane, Index slot) {
        const T *image = x + plane * in, *copy = pool.fill(image, -std::numeric_limits<T>::infinity(), slot);
        T *y_plane = y + plane * out;
        scan_windows(pool, shape, copy, [&](Index p, Index q, Index count, const Winners<T> &winners) {
            const Index at = p * shape.columns.out + q;
            store_first(y_plane + at, winners.best, count);
            if (!indices) return;
            Index winner[lanes<T>];
            locate(shape, image, p, q, count, winners, winner);
            std::copy(winner, winner + count, indices + plane * out + at);
        });
    });
}

// indices: where each window's maximum stands; null: they are found again in x. -1 sends nothing.
template <class T>
void max_pool2d_backward(const PoolShape &shape, const T *dy, const T *x, const std::int64_t *indices, T *dx) {
    const Index in = shape.rows.in * shape.columns.in, out = shape.rows.out * shape.columns.out;
    if (shape.planes * in == 0) return;
    Scratch scratch;
    const Index slots = plane_slots(shape);
    if (indices || out == 0) {
        for_planes(shape, slots, [&](Index plane, Index) {
            T *dx_plane = dx + plane * in;
            std::fill_n(dx_plane, in, T{0});
            for (Index i = plane * out; i < (plane + 1) * out; ++i)
                if (indices[i] >= 0) dx_plane[indices[i]] += dy[i];
        });
        return;
    }
    const PoolPlane<T> pool(scratch, shape, slots);
    for_planes(shape, slots, [&](Index plane, Index slot) {
        const T *image = x + plane * in, *copy = pool.fill(image, -std::numeric_limits<T>::infinity(), slot);
        const T *dy_plane = dy + plane * out;
        T *dx_plane = dx + plane * in;
        std::fill_n(dx_plane, in, T{0});
        scan_windows(pool, shape, copy, [&](Index p, Index q, Index count, const Winners<T> &winners) {
            Index winner[lanes<T>];
            locate(shape, image, p, q, count, winners, winner);
            for (Index i = 0; i < count; ++i)
                if (winner[i] >= 0) dx_plane[winner[i]] += dy_plane[p * shape.columns.out + q + i];
        });
    });
}

// How many positions of window `out` count along one axis: those in the image, or in the padded image.
inline Index positions_counted(const Axis &axis, Index out, bool count_include_pad) {
    const Index low = out * axis.stride - axis.before, high = std::min(low + axis.window, axis.in + axis.after);
    return count_include_pad ? high - low : std::min(high, axis.in) - std::max<Index>(low, 0);
}

// Divisors along the columns; the rows' factor is multiplied in as each row comes.
template <class T> T *column_divisors(Scratch &scratch, const Axis &columns, bool count_include_pad) {
    T *divisors = scratch.take<T>(round_up(columns.out, lanes<T>));
    for (Index q = 0; q < round_up(columns.out, lanes<T>); ++q)
        divisors[q] = q < columns.out ? static_cast<T>(positions_counted(columns, q, count_include_pad)) : T{1};
    return divisors;
}

template <class T> void avg_pool2d_forward(const PoolShape &shape, bool count_include_pad, const T *x, T *y) {
    const Index in = shape.rows.in * shape.columns.in, out = shape.rows.out * shape.columns.out;
    if (shape.planes * out == 0) return;
    Scratch scratch;
    const Index slots = plane_slots(shape);
    const PoolPlane<T> pool(scratch, shape, slots);
    const T *divisors = column_divisors<T>(scratch, shape.columns, count_include_pad);
    for_planes(shape, slots, [&](Index plane, Index slot) {
        const T *copy = pool.fill(x + plane * in, T{0}, slot);
        for (Index p = 0; p < shape.rows.out; ++p) {
            const Vec<T> counted = broadcast(static_cast<T>(positions_counted(shape.rows, p, count_include_pad)));
            for (Index q = 0; q < shape.columns.out; q += lanes<T>) {
                const T *from = copy + p * pool.plane.row_step() + q;
                Vec<T> total{};
                for (Index t = 0; t < pool.count; ++t) total += load(from + pool.offsets[t]);
                store_first(y + plane * out + p * shape.columns.out + q, total / (counted * load(divisors + q)),
                            std::min(lanes<T>, shape.columns.out - q));
            }
        }
    });
}

// row[q stride + s] += shares[q] for each s of the window
template <class T> void spread(const Axis &columns, const T *shares, T *row) {
    if (columns.window == 2 && columns.stride == 2) // the common case: the compiler makes vectors of it
        for (Index q = 0; q < columns.out; ++q) row[2 * q] = row[2 * q + 1] = shares[q];
    else
        for (Index q = 0; q < columns.out; ++q)
            for (Index s = 0; s < columns.window; ++s) row[q * columns.stride + s] += shares[q];
}

// A row of windows gives the same to each of the image rows that it covers: `row`, as wide as the padded image.
template <class T> void avg_pool2d_backward(const PoolShape &shape, bool count_include_pad, const T *dy, T *dx) {
    const Index in = shape.rows.in * shape.columns.in, out = shape.rows.out * shape.columns.out;
    const Axis &rows = shape.rows, &columns = shape.columns;
    if (shape.planes * in == 0) return;
    Scratch scratch;
    const T *divisors = column_divisors<T>(scratch, columns, count_include_pad);
    const Index slots = plane_slots(shape), last = (columns.out - 1) * columns.stride + columns.window;
    const Index width = round_up(std::max(last, columns.before + columns.in), 64);
    T *all_rows = scratch.take<T>(slots, width), *all_shares = scratch.take<T>(slots, round_up(columns.out, 64));
    for_planes(shape, slots, [&](Index plane, Index slot) {
        T *to = dx + plane * in, *row = all_rows + slot * width,
          *shares = all_shares + slot * round_up(columns.out, 64);
        const T *from = dy + plane * out;
        std::fill_n(to, in, T{0});
        for (Index p = 0; p < rows.out; ++p, from += columns.out) {
            const T counted = static_cast<T>(positions_counted(rows, p, count_include_pad));
            for (Index q = 0; q < columns.out; ++q) shares[q] = from[q] / (counted * divisors[q]);
            std::fill_n(row, width, T{0});
            spread(columns, shares, row);
            const Range inside = taps_inside(rows, p);
            for (Index r = inside.begin; r < inside.end; ++r) {
                T *image = to + (p * rows.stride - rows.before + r) * columns.in;
                for (Index k = 0; k < columns.in; ++k) image[k] += row[columns.before + k];
            }
        }
    });
}

} // namespace cuarzo
