// What maximum and average pooling share: the windows of a channel, and the copy that they are read from.
//
// Each channel of each volume by itself, in parallel. Forwards a channel is copied (window.hpp), with padding that
// holds -inf or 0: one vector then serves `lanes` windows, whatever the stride. Backwards each window sends its
// gradient to where it came from, in row-major order.
#pragma once
#include "window.hpp"

namespace cuarzo {

struct PoolShape {
    Index channels; // N C
    Axis depth, rows, columns;
    Index inputs() const { return depth.in * rows.in * columns.in; }
    Index outputs() const { return depth.out * rows.out * columns.out; }
};

// Channels that a thread takes at a time: some microseconds of work, a function of the shape.
inline Index channels_per_item(const PoolShape &shape) {
    const double lines = static_cast<double>(shape.depth.window) * static_cast<double>(shape.rows.window);
    const double work = static_cast<double>(shape.inputs()) + static_cast<double>(shape.outputs()) * lines;
    return std::clamp<Index>(static_cast<Index>(16384 / (work + 1)), 1, std::max<Index>(1, shape.channels));
}

// work(channel, slot) for all channels
template <class Work> void for_channels(const PoolShape &shape, Index slots, Work work) {
    const Index size = channels_per_item(shape);
    parallel_for(ceil_div(shape.channels, size), slots, [&](Index item, Index slot) {
        const Range range(item, size, shape.channels);
        for (Index channel = range.begin; channel < range.end; ++channel) work(channel, slot);
    });
}

inline Index channel_slots(const PoolShape &shape) {
    return parallel_slots(ceil_div(shape.channels, channels_per_item(shape)));
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

// The copies of a channel, one for each slot, and where a window's taps read.
template <class T> struct PoolCopy {
    Reach depth, rows, columns;
    Copy copy;
    Taps taps;
    T *copies;
    Index step;

    PoolCopy(Scratch &scratch, const PoolShape &shape, Index slots)
        : depth(window_reach(shape.depth)),
          rows(window_reach(shape.rows)),
          columns(window_reach(shape.columns)),
          copy(depth, rows, columns, depth.out, rows.out, columns.out),
          taps(scratch, copy, depth, rows, columns),
          copies(copy.take<T>(scratch, slots, 1)),
          step(copy.stride_of<T>(1)) {}

    const T *fill(const T *channel, T padding, Index slot) const {
        copy.fill(channel, 1, 0, 0, 0, padding, copies + slot * step);
        return copies + slot * step;
    }

    // Where each tap reads the volume, relative to stride times the window's number along each axis.
    Index *positions(Scratch &scratch) const {
        Index *positions = scratch.take<Index>(taps.count), *position = positions;
        each_tap(depth, rows, columns, [&](Index e, Index r, Index s) {
            *position++ = ((depth.from + e * depth.step) * rows.in + rows.from + r * rows.step) * columns.in +
                          columns.from + s * columns.step;
        });
        return positions;
    }
};

// Calls visit(o, p, q, count, from) for each vector of windows (o, p, q), ..., (o, p, q + count - 1); tap t of them is
// the vector at  from + taps.offset[t].
template <class T, class Visit> CUARZO_INLINE void each_vector(const PoolCopy<T> &pool, const T *copied, Visit visit) {
    for (Index o = 0; o < pool.depth.out; ++o)
        for (Index p = 0; p < pool.rows.out; ++p)
            for (Index q = 0; q < pool.columns.out; q += lanes<T>)
                visit(o, p, q, std::min(lanes<T>, pool.columns.out - q),
                      copied + o * pool.copy.slice_step + p * pool.copy.row_step + q);
}

} // namespace cuarzo
