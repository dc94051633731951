// The border of convolution and pooling: along each axis image, window and output must fit each other.
#pragma once
#include "../arrays.hpp"
#include "../kernels/window.hpp"

namespace cuarzo {

struct Window {
    std::array<Index, 2> stride, dilation;
    std::array<std::array<Index, 2>, 2> padding; // (top, bottom), (left, right)
};

inline Window read_window(const Border &border, py::handle stride, py::handle padding, py::handle dilation) {
    Window window{border.pair("stride", stride, 1), {1, 1}, {}};
    if (dilation) window.dilation = border.pair("dilation", dilation, 1);
    const auto both = border.two("padding", padding, "((top, bottom), (left, right))");
    for (std::size_t axis = 0; axis < 2; ++axis) window.padding[axis] = border.pair("padding", both[axis], 0);
    return window;
}

// `output` names the array whose size `out` along `axis` says how many windows there are: as many as fit, or as many as
// ceil mode counts.
inline Axis read_axis(const Border &border, const Window &window, std::size_t axis, Index in, Index size,
                      const char *output, Index out, bool pooling) {
    const char *where = axis == 0 ? "rows" : "columns";
    Axis made{
        in, size, out, window.stride[axis], window.padding[axis][0], window.padding[axis][1], window.dilation[axis]};
    if (in > Border::limit || size > Border::limit || size < 1)
        border.refuse("a window of ", size, " ", where, " and an image of ", in, ": expected at least 1 and at most ",
                      Border::limit);
    const Index padded = in + made.before + made.after, extent = (size - 1) * made.dilation + 1;
    if (extent > padded)
        border.refuse("window = ", size, " with dilation = ", made.dilation, " covers ", extent, " ", where,
                      ", more than the padded image's ", padded);
    const Index fit = (padded - extent) / made.stride + 1, ceil = ceil_div(padded - extent, made.stride) + 1;
    // Ceil mode: one more where it begins inside the padded image; pooling has none that begins in the padding behind.
    const bool hangs = out == ceil && (ceil - 1) * made.stride < padded;
    const bool dropped = pooling && out == ceil - 1 && (ceil - 1) * made.stride >= in + made.before;
    if (out != fit && !hangs && !dropped)
        border.refuse(output, " has ", out, " ", where, ", expected ", fit, " (or ", ceil, " in ceil mode): image ", in,
                      ", window ", size, ", stride ", made.stride, ", padding ", made.before, " and ", made.after,
                      ", dilation ", made.dilation);
    if (out == 1) made.stride = 1; // a single window never takes a step; a huge one would only make large planes
    return made;
}

} // namespace cuarzo
