// The border of convolution and pooling: along each axis image, window and output must fit each other. Signals and
// images have one or two axes and become volumes here: the axes that they lack have size 1.
#pragma once
#include "../arrays.hpp"
#include "../kernels/window.hpp"

namespace cuarzo::border {

// What a kernel of n axes is given for each of them.
template <int n> struct Window {
    std::array<Index, n> stride, dilation;
    std::array<std::array<Index, 2>, n> padding; // (before, after)
};

inline const char *padding_form(int n) {
    return n == 1   ? "((left, right),)"
           : n == 2 ? "((top, bottom), (left, right))"
                    : "((front, back), (top, bottom), (left, right))";
}

template <int n>
Window<n> read_window(const Border &border, py::handle stride, py::handle padding, py::handle dilation) {
    Window<n> window{border.integers<n>("stride", stride, 1), {}, {}};
    window.dilation.fill(1);
    if (dilation) window.dilation = border.integers<n>("dilation", dilation, 1);
    const auto sides = border.items<n>("padding", padding, padding_form(n));
    for (std::size_t axis = 0; axis < n; ++axis) window.padding[axis] = border.integers<2>("padding", sides[axis], 0);
    return window;
}

// `where` names the axis; `output` the array whose size `out` says how many windows there are: as many as fit, or as
// many as ceil mode counts.
inline Axis checked_axis(const Border &border, const char *where, Axis axis, const char *output, bool pooling) {
    const Index size = axis.window, in = axis.in, out = axis.out;
    if (in > Border::limit || size > Border::limit || size < 1)
        border.refuse("a window of ", size, " ", where, " and an image of ", in, ": expected at least 1 and at most ",
                      Border::limit);
    const Index padded = in + axis.before + axis.after, extent = (size - 1) * axis.dilation + 1;
    if (extent > padded)
        border.refuse("window = ", size, " with dilation = ", axis.dilation, " covers ", extent, " ", where,
                      ", more than the padded image's ", padded);
    const Index fit = (padded - extent) / axis.stride + 1, ceil = ceil_div(padded - extent, axis.stride) + 1;
    // Ceil mode: one more where it begins inside the padded image; pooling has none that begins in the padding behind.
    const bool hangs = out == ceil && (ceil - 1) * axis.stride < padded;
    const bool dropped = pooling && out == ceil - 1 && (ceil - 1) * axis.stride >= in + axis.before;
    if (out != fit && !hangs && !dropped)
        border.refuse(output, " has ", out, " ", where, ", expected ", fit, " (or ", ceil, " in ceil mode): image ", in,
                      ", window ", size, ", stride ", axis.stride, ", padding ", axis.before, " and ", axis.after,
                      ", dilation ", axis.dilation);
    if (out == 1) axis.stride = 1; // a single window never takes a step
    return axis;
}

// The axes of a volume, of which the last n are given: in the shapes of image, window and output, from position `at`
// on.
template <int n, class In, class Size, class Out>
std::array<Axis, 3> read_axes(const Border &border, const Window<n> &window, const In &in, const Size &size,
                              const char *output, const Out &out, std::size_t at_size, bool pooling) {
    static constexpr const char *names[] = {"slices", "rows", "columns"};
    std::array<Axis, 3> axes;
    axes.fill({1, 1, 1, 1, 0, 0, 1});
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t axis = 3 - n + i;
        const Axis given{in[i + 2],         size[i + at_size],    out[i + 2],
                         window.stride[i],  window.padding[i][0], window.padding[i][1],
                         window.dilation[i]};
        axes[axis] = checked_axis(border, names[axis], given, output, pooling);
    }
    return axes;
}

} // namespace cuarzo::border
