// What convolution and pooling share: where a window's taps fall, and a copy of the image in which they are easy to read.
//
// Output (i, j) reads, at tap t, the image at row i stride + tap.row and column j stride + tap.column, where the image
// has padding all around. A Plane is the part of an image that a band of output rows reads, copied so that
//   * the padding is there: no bounds are asked in the inner loop
//   * the columns are sorted by their remainder modulo the stride: what neighbouring outputs read stands side by side,
//     and one vector load at  offset(tap) + j  serves `lanes` outputs, whatever the stride and the dilation.
//
//       a row of the image, stride 2      0 1 2 3 4 5 6 7
//       the same row in the Plane         0 2 4 6 | 1 3 5 7      tap 0 of outputs 0 1 2 3 is one load, tap 1 the next
#pragma once
#include "../parallel.hpp"
#include "../scratch.hpp"
#include "../simd/vec.hpp"

namespace cuarzo {

// One axis, as the caller gave it: sizes of image, window and output.
struct Axis {
    Index in, window, out, stride, before, after, dilation;
};

struct Tap {
    Index row, column; // where it reads, relative to the window's first output
    Index index;       // its position in the window, row by row
};

// The taps of a window, in row-major order.
inline Tap *window_taps(Scratch &scratch, const Axis &rows, const Axis &columns) {
    Tap *taps = scratch.take<Tap>(rows.window, columns.window), *tap = taps;
    for (Index r = 0; r < rows.window; ++r)
        for (Index s = 0; s < columns.window; ++s)
            *tap++ = {r * rows.dilation - rows.before, s * columns.dilation - columns.before, r * columns.window + s};
    return taps;
}

struct Plane {
    Index H, W, stride; // the image, and the step of the columns
    Index row_stride;   // the step of the rows
    Index top, left;    // the first row, relative to the band, and the first column that are read
    Index rows, pitch;  // rows of the copy; elements between two columns' groups: a row has `stride` groups
    Index size;         // elements of a channel

    // For `out_rows` x `out_columns` outputs.
    Plane(const Tap *taps, Index count, Index H_, Index W_, Index row_stride_, Index stride_, Index out_rows,
          Index out_columns)
        : H(H_),
          W(W_),
          stride(stride_),
          row_stride(row_stride_),
          top(taps[0].row),
          left(taps[0].column) {
        Index bottom = top, right = left;
        for (Index t = 0; t < count; ++t) {
            top = std::min(top, taps[t].row), bottom = std::max(bottom, taps[t].row);
            left = std::min(left, taps[t].column), right = std::max(right, taps[t].column);
        }
        rows = (out_rows - 1) * row_stride + bottom - top + 1;
        pitch = ceil_div((out_columns - 1) * stride + right - left + 1, stride);
        size = element_count(rows, pitch, stride);
    }

    // Channels stand one after the other. A vector that begins at the last output of the last row ends behind them.
    template <class T> T *take(Scratch &scratch, Index slots, Index channels) const {
        return scratch.take<T>(slots, stride_of<T>(channels));
    }
    // Elements between two slots: whole cache lines, so that two threads never share one.
    template <class T> Index stride_of(Index channels) const {
        return round_up(element_count(channels, size) + lanes<T>, 64 / sizeof(T));
    }

    Index row_step() const { return row_stride * stride * pitch; }
    Index offset(const Tap &tap) const {
        const Index column = tap.column - left;
        return ((tap.row - top) * stride + column % stride) * pitch + column / stride;
    }

    // Copies `channels` channels of an image (H * W apart) for the band that begins at output row `first`.
    template <class T> void fill(const T *image, Index channels, Index first, T padding, T *out) const {
        for (Index c = 0; c < channels; ++c, image += H * W)
            for (Index i = 0; i < rows; ++i) {
                const Index h = first * row_stride + top + i;
                for (Index group = 0; group < stride; ++group, out += pitch) {
                    if (h < 0 || h >= H)
                        std::fill_n(out, pitch, padding);
                    else
                        fill_row(image + h * W, left + group, padding, out);
                }
            }
        std::fill_n(out, lanes<T>, padding);
    }

  private:
    // out[i] = row[column + i stride] where that is in the image, else padding
    template <class T> void fill_row(const T *row, Index column, T padding, T *out) const {
        const Index begin = std::min(pitch, column < 0 ? ceil_div(-column, stride) : 0);
        const Index end = std::max(begin, std::min(pitch, W > column ? ceil_div(W - column, stride) : 0));
        for (Index i = 0; i < begin; ++i) out[i] = padding;
        row += column + begin * stride;
        T *to = out + begin;
        const Index n = end - begin;
        if (stride == 1) {
            Index i = 0;
            for (; i + lanes<T> <= n; i += lanes<T>) store(to + i, load(row + i));
            if (i < n) store_first(to + i, load_first(row + i, n - i), n - i);
        } else if (stride == 2) {
            for (Index i = 0; i < n; i += lanes<T>) {
                const Index rest = 2 * (n - i) - 1; // elements up to the last that is taken
                const T *from = row + 2 * i;
                const Vec<T> low = load_first(from, std::min(lanes<T>, rest));
                const Vec<T> high =
                    rest > lanes<T> ? load_first(from + lanes<T>, std::min(lanes<T>, rest - lanes<T>)) : low;
                store_first(to + i, evens<T>(low, high), std::min(lanes<T>, n - i));
            }
        } else {
            for (Index i = 0; i < n; ++i) to[i] = row[i * stride];
        }
        for (Index i = end; i < pitch; ++i) out[i] = padding;
    }
};

} // namespace cuarzo
