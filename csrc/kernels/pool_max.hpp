// Maximum pooling of volumes, images and signals                                              See naive/pool.py
//
//   y[n, c, j] = max_t x[n, c, h],      h = j stride + t dilation - before   along each axis: slices, rows, columns
//
// Its gradient goes to the tap that won: the first maximum in row-major order, or the first NaN.
#pragma once
#include "pool_window.hpp"
#include <limits>

namespace cuarzo {

// A candidate wins over the best so far if it is larger, or the first NaN. !(v <= best) is true in both cases, and also
// when the best is a NaN, which nothing replaces.
template <class V> CUARZO_INLINE auto wins(V v, V best) { return !(v <= best) & (best == best); }

template <class T> CUARZO_INLINE Mask<T> wins(Vec<T> v, Vec<T> best) { return ~(v <= best) & (best == best); }

// The winner of one window, tap by tap: its position in the volume, or -1 where the window sees nothing but padding.
template <class T> Index find_winner(const T *x, const PoolShape &shape, Index o, Index p, Index q) {
    const auto position = [](const Axis &axis, Index out, Index tap) {
        return out * axis.stride - axis.before + tap * axis.dilation;
    };
    const Range slices = taps_inside(shape.depth, o), rows = taps_inside(shape.rows, p);
    const Range columns = taps_inside(shape.columns, q);
    Index winner = -1;
    for (Index e = slices.begin; e < slices.end; ++e)
        for (Index r = rows.begin; r < rows.end; ++r) {
            const Index row = position(shape.depth, o, e) * shape.rows.in + position(shape.rows, p, r);
            for (Index s = columns.begin; s < columns.end; ++s) {
                const Index at = row * shape.columns.in + position(shape.columns, q, s);
                if (winner < 0 || wins(x[at], x[winner])) winner = at;
            }
        }
    return winner;
}

// The maxima of `lanes` windows in a row, and where the tap that won each reads, relative to the window's place. A lane
// of float32 counts to 2^31: in larger volumes `locate` looks again.
template <class T> struct Winners {
    Vec<T> best;
    Mask<T> position;
};

template <class T> CUARZO_INLINE Winners<T> find_winners(const Taps &taps, const Index *positions, const T *from) {
    const auto position = [&](Index t) { return Mask<T>{} + static_cast<Lane<T>>(positions[t]); };
    Winners<T> found{load(from + taps.offset[0]), position(0)};
    for (Index t = 1; t < taps.count; ++t) {
        const Vec<T> v = load(from + taps.offset[t]);
        const Mask<T> won = wins<T>(v, found.best);
        found.best = won ? v : found.best;
        found.position = won ? position(t) : found.position;
    }
    return found;
}

// Where each of `count` winners stands in the volume. A tap in the padding may only seem to have won, where the maximum
// is -inf: an -inf of the volume, if there is one, comes before it.
template <class T>
CUARZO_INLINE void locate(const PoolShape &shape, const T *x, Index o, Index p, Index q, Index count,
                          const Winners<T> &winners, Index *positions) {
    const bool large = shape.inputs() > std::numeric_limits<Lane<T>>::max();
    if (large || any<T>(winners.best == broadcast(-std::numeric_limits<T>::infinity()))) {
        for (Index i = 0; i < count; ++i) positions[i] = find_winner(x, shape, o, p, q + i);
        return;
    }
    Lane<T> position[lanes<T>];
    std::memcpy(position, &winners.position, sizeof position);
    const Index row = o * shape.depth.stride * shape.rows.in + p * shape.rows.stride;
    const Index first = row * shape.columns.in + q * shape.columns.stride;
    for (Index i = 0; i < lanes<T>; ++i) positions[i] = first + i * shape.columns.stride + position[i];
}

template <class T> void max_pool_forward(const PoolShape &shape, const T *x, T *y, std::int64_t *indices) {
    const Index in = shape.inputs(), out = shape.outputs();
    if (shape.channels * out == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolCopy<T> pool(scratch, shape, slots);
    const Index *positions = pool.positions(scratch);
    for_channels(shape, slots, [&](Index channel, Index slot) {
        const T *volume = x + channel * in, *copied = pool.fill(volume, -std::numeric_limits<T>::infinity(), slot);
        Index at = channel * out;
        each_vector(pool, copied, [&](Index o, Index p, Index q, Index count, const T *from) {
            const Winners<T> winners = find_winners(pool.taps, positions, from);
            store_first(y + at, winners.best, count);
            if (indices) {
                Index winner[lanes<T>];
                locate(shape, volume, o, p, q, count, winners, winner);
                std::copy(winner, winner + count, indices + at);
            }
            at += count;
        });
    });
}

// indices: where each window's maximum stands; null: they are found again in x. -1 sends nothing.
template <class T>
void max_pool_backward(const PoolShape &shape, const T *dy, const T *x, const std::int64_t *indices, T *dx) {
    const Index in = shape.inputs(), out = shape.outputs();
    if (shape.channels * in == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    if (indices || out == 0) {
        for_channels(shape, slots, [&](Index channel, Index) {
            T *to = dx + channel * in;
            std::fill_n(to, in, T{0});
            for (Index i = channel * out; i < (channel + 1) * out; ++i)
                if (indices[i] >= 0) to[indices[i]] += dy[i];
        });
        return;
    }
    const PoolCopy<T> pool(scratch, shape, slots);
    const Index *positions = pool.positions(scratch);
    for_channels(shape, slots, [&](Index channel, Index slot) {
        const T *volume = x + channel * in, *copied = pool.fill(volume, -std::numeric_limits<T>::infinity(), slot);
        const T *gradient = dy + channel * out;
        T *to = dx + channel * in;
        std::fill_n(to, in, T{0});
        each_vector(pool, copied, [&](Index o, Index p, Index q, Index count, const T *from) {
            Index winner[lanes<T>];
            locate(shape, volume, o, p, q, count, find_winners(pool.taps, positions, from), winner);
            for (Index i = 0; i < count; ++i, ++gradient)
                if (winner[i] >= 0) to[winner[i]] += *gradient;
        });
    });
}

} // namespace cuarzo
