// Maximum pooling of volumes, images and signals                                              See naive/pool.py
//
//   y[n, c, j] = max_t x[n, c, h],      h = j stride + t dilation - before   along each axis: slices, rows, columns
//
// Its gradient goes to the tap that won: the first maximum in row-major order, or the first NaN.
#pragma once
#include "pool_gradient.hpp"
#include <limits>

namespace cuarzo {

// A candidate wins over the best so far if it is larger, or the first NaN. !(v <= best) is true in both cases, and also
// when the best is a NaN, which nothing replaces.
template <class V> CUARZO_INLINE auto wins(V v, V best) { return !(v <= best) & (best == best); }

template <class T> CUARZO_INLINE Mask<T> wins(Vec<T> v, Vec<T> best) { return ~(v <= best) & (best == best); }

// Where each tap reads the volume, relative to stride times the window's number along each axis.
template <class T> struct Positions {
    const PoolSource<T> &source;
    Index *of;

    Positions(Scratch &scratch, const PoolSource<T> &source_)
        : source(source_),
          of(scratch.take<Index>(source.taps())) {
        Index *next = of;
        source.each_tap([&](Index e, Index r, Index s) { *next++ = place(e, r, s, &Reach::step, 1); });
    }
    Index place(Index e, Index r, Index s, Index Reach::*step, Index from) const {
        const auto along = [=](const Reach &axis, Index i) { return from * axis.from + i * axis.*step; };
        return (along(source.depth, e) * source.rows.in + along(source.rows, r)) * source.columns.in +
               along(source.columns, s);
    }
    Index window(Index o, Index p, Index q) const { return place(o, p, q, &Reach::stride, 0); }
};

// The winner of one window, tap by tap: its number, or -1 where the window sees nothing but padding.
template <class T> Index find_winner(const T *x, const Positions<T> &positions, Index o, Index p, Index q) {
    const auto inside = [](const Reach &axis, Index out, Index tap) {
        const Index position = axis.from + out * axis.stride + tap * axis.step;
        return position >= 0 && position < axis.in;
    };
    const PoolSource<T> &source = positions.source;
    const T *window = x + positions.window(o, p, q);
    Index winner = -1, t = 0;
    source.each_tap([&](Index e, Index r, Index s) {
        const Index tap = t++;
        if (!inside(source.depth, o, e) || !inside(source.rows, p, r) || !inside(source.columns, q, s)) return;
        if (winner < 0 || wins(window[positions.of[tap]], window[positions.of[winner]])) winner = tap;
    });
    return winner;
}

// The larger one; a NaN of v or of best. On x86 three instructions, of which one waits for `best`; `wins` and a choice are
// four that all wait: a 3 x 3 maximum took twice as long. (v + v: NaN too, and the compiler keeps its hands off the rest.)
template <class T> CUARZO_INLINE Vec<T> larger_or_nan(Vec<T> v, Vec<T> best) {
    const Vec<T> larger = v > best ? v : best;
    return v != v ? v + v : larger;
}

template <class T, class Reader> CUARZO_INLINE Vec<T> find_maxima(const Reader &reader) {
    Vec<T> best{};
    reader.each_tap([&](Index, Vec<T> v, bool first) { best = first ? v : larger_or_nan<T>(v, best); });
    return best;
}

// For `lanes` windows in a row the number of the tap that won.
template <class T> struct Winners {
    Vec<T> best, total;
    Mask<T> tap;
};

template <class T, class Reader, class Wins> CUARZO_INLINE Winners<T> winners_by(const Reader &reader, Wins wins) {
    Winners<T> found{};
    reader.each_tap([&](Index t, Vec<T> v, bool first) {
        const Mask<T> won = wins(v, found.best);
        found.best = first ? v : won ? v : found.best;
        found.tap = first ? found.tap : won ? Mask<T>{} + static_cast<Lane<T>>(t) : found.tap;
        found.total += v;
    });
    return found;
}

// The same where there are NaN, or maxima of -inf: then a tap in the padding may only seem to have won, for an -inf of the
// volume, if there is one, comes before it.
template <class T, class Reader>
__attribute__((noinline, cold)) Mask<T> find_rare_winners(const Positions<T> &positions, Reader reader, const T *x,
                                                          Index o, Place window) {
    Winners<T> found = winners_by<T>(reader, [](Vec<T> v, Vec<T> best) { return wins<T>(v, best); });
    if (!positions.source.in_place && any<T>(found.best == broadcast(-std::numeric_limits<T>::infinity())))
        for (Index i = 0; i < std::min(lanes<T>, positions.source.columns.out - window.q); ++i)
            found.tap[i] = static_cast<Lane<T>>(find_winner(x, positions, o, window.p, window.q + i));
    return found.tap;
}

// A plain comparison serves where there is no NaN: what the taps' sum shows.
template <class T, class Reader>
CUARZO_INLINE Mask<T> find_winners(const Positions<T> &positions, const Reader &reader, const T *x, Index o,
                                   Place window) {
    const Winners<T> found = winners_by<T>(reader, [](Vec<T> v, Vec<T> best) { return v > best; });
    const Mask<T> rare = (found.total != found.total) | (found.best == broadcast(-std::numeric_limits<T>::infinity()));
    return any<T>(rare) ? find_rare_winners(positions, reader, x, o, window) : found.tap;
}

template <class T> void max_pool_forward(const PoolShape &shape, const T *x, T *y, std::int64_t *indices) {
    const Index in = shape.inputs(), out = shape.outputs(), Q = shape.columns.out;
    if (shape.channels * out == 0) return;
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolSource<T> source(scratch, shape, slots);
    const Positions<T> positions(scratch, source);
    with_form(source, [&](auto form) {
        for_channels(shape, slots, [&](Index channel, Index slot) {
            const T *volume = x + channel * in;
            T *const to = y + channel * out, *const end = to + out;
            const auto view = source.view(volume, x + shape.channels * in, -std::numeric_limits<T>::infinity(), slot);
            for (Index o = 0; o < shape.depth.out; ++o) {
                source.each_vector(form, view, o, [=](const auto &reader, Place window) {
                    store_until(to + window.at, find_maxima<T>(reader), end);
                });
                if (!indices) continue;
                std::int64_t *index = indices + channel * out;
                source.each_vector(form, view, o, [=, &positions](const auto &reader, Place window) {
                    const Mask<T> winner = find_winners(positions, reader, volume, o, window);
                    const Index first = positions.window(o, window.p, window.q),
                                count = std::min(lanes<T>, Q - window.q);
                    for (Index i = 0; i < count; ++i)
                        index[window.at + i] =
                            winner[i] < 0 ? -1 : first + i * positions.source.columns.stride + positions.of[winner[i]];
                });
            }
        });
    });
}

template <class T> void scatter_gradient(const PoolShape &shape, const T *dy, const std::int64_t *indices, T *dx) {
    const Index in = shape.inputs(), out = shape.outputs();
    for_channels(shape, channel_slots(shape), [&](Index channel, Index) {
        T *to = dx + channel * in;
        std::fill_n(to, in, T{0});
        for (Index i = channel * out; i < (channel + 1) * out; ++i)
            if (indices[i] >= 0) to[indices[i]] += dy[i];
    });
}

// indices: where each window's maximum stands; null: they are found again in x. -1 sends nothing. Where the maxima are
// found again, windows that are apart write their share where they are; of others each row of dx gathers the shares of the
// windows that see it; and where very many do, or a window begins behind the first position, each adds its own.
template <class T>
void max_pool_backward(const PoolShape &shape, const T *dy, const T *x, const std::int64_t *indices, T *dx) {
    const Index in = shape.inputs(), out = shape.outputs(), Q = shape.columns.out;
    if (shape.channels * in == 0) return;
    if (indices || out == 0) return scatter_gradient(shape, dy, indices, dx);
    Scratch scratch;
    const Index slots = channel_slots(shape);
    const PoolSource<T> source(scratch, shape, slots);
    const Positions<T> positions(scratch, source);
    const Covers slices(scratch, source.depth), lines(scratch, source.rows);
    if (apart(source))
        return with_form(source, [&](auto form) {
            for_channels(shape, slots, [&](Index channel, Index slot) {
                const T *volume = x + channel * in, *gradient = dy + channel * out;
                const auto view = source.view(volume, x + shape.channels * in, T{0}, slot);
                for_slices(source, dx + channel * in, [&](Index o, T *slice) {
                    const GradientRows<T> to(source, slice);
                    source.each_vector(form, view, o, [=, &positions](const auto &reader, Place window) {
                        const Mask<T> winner = find_winners(positions, reader, volume, o, window);
                        const Vec<T> share = load_first(gradient + window.at, std::min(lanes<T>, Q - window.q));
                        to.put(form, window.p, window.q,
                               [=](Index t) { return keep<T>(winner == Mask<T>{} + static_cast<Lane<T>>(t), share); });
                    });
                });
            });
        });
    if (!gathers(source))
        return with_form(source, [&](auto form) {
            for_channels(shape, slots, [&](Index channel, Index slot) {
                const T *volume = x + channel * in, *gradient = dy + channel * out;
                T *const to = dx + channel * in;
                const auto view =
                    source.view(volume, x + shape.channels * in, -std::numeric_limits<T>::infinity(), slot);
                std::fill_n(to, in, T{0});
                for (Index o = 0; o < shape.depth.out; ++o)
                    source.each_vector(form, view, o, [=, &positions](const auto &reader, Place window) {
                        const Mask<T> winner = find_winners(positions, reader, volume, o, window);
                        for (Index i = 0; i < std::min(lanes<T>, Q - window.q); ++i)
                            if (winner[i] >= 0)
                                to[positions.window(o, window.p, window.q + i) + positions.of[winner[i]]] +=
                                    gradient[window.at + i];
                    });
            });
        });
    const ShareRows<T> shares(scratch, shape, source.columns, slots);
    const ShareRows<Lane<T>> winners(scratch, shape, source.columns, slots);
    with_form(source, [&](auto form) {
        for_channels(shape, slots, [&](Index channel, Index slot) {
            const T *volume = x + channel * in, *gradient = dy + channel * out;
            T *share = shares.slot(slot);
            Lane<T> *winner = winners.slot(slot);
            const Index pitch = shares.pitch, P = shape.rows.out;
            const auto view = source.view(volume, x + shape.channels * in, -std::numeric_limits<T>::infinity(), slot);
            for (Index o = 0; o < shape.depth.out; ++o)
                source.each_vector(form, view, o, [=, &positions](const auto &reader, Place window) {
                    const Index at = (o * P + window.p) * pitch + window.q;
                    const Mask<T> won = find_winners(positions, reader, volume, o, window);
                    std::memcpy(winner + at, &won, sizeof won);
                    store(share + at, load_first(gradient + window.at, std::min(lanes<T>, Q - window.q)));
                });
            gather_gradient(form, source, slices, lines, pitch, dx + channel * in, [=](Index at, Index t) {
                Mask<T> won;
                std::memcpy(&won, winner + at, sizeof won);
                return keep<T>(won == Mask<T>{} + static_cast<Lane<T>>(t), load(share + at));
            });
        });
    });
}

} // namespace cuarzo
