// The border of pooling.
#pragma once
#include "../kernels/pool.hpp"
#include "window.hpp"

namespace cuarzo::border {

// image (N, C, H, W), output (N, C, P, Q)
template <class Image, class Output>
PoolShape pool_shape(const Border &border, const Image &image, const char *output_name, const Output &output,
                     py::handle window_, const Window &window) {
    const auto size = border.pair("window", window_, 1);
    border.shape(output_name, output, "(N, C, P, Q)", {image[0], image[1], output[2], output[3]});
    return {image[0] * image[1], read_axis(border, window, 0, image[2], size[0], output_name, output[2], true),
            read_axis(border, window, 1, image[3], size[1], output_name, output[3], true)};
}

inline void max_pool2d_forward(py::handle x, py::handle window, py::handle stride, py::handle padding,
                               py::handle dilation, py::handle y, py::handle indices) {
    Border border("max_pool2d_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 4);
        const auto Y = border.out<T>("y", y, 4);
        const auto I = border.out_or_none<std::int64_t>("indices", indices, 4);
        const PoolShape shape = pool_shape(border, X, "y", Y, window, read_window(border, stride, padding, dilation));
        if (!indices.is_none()) border.shape("indices", I, "(N, C, P, Q)", Y.shape);
        unlocked([&] { cuarzo::max_pool2d_forward<T>(shape, X.data, Y.data, I.data); });
    });
}

// An index outside its plane would be written to: all are looked at before anything is.
inline void check_indices(const Border &border, const Array<const std::int64_t> &indices, Index count, Index plane) {
    for (Index i = 0; i < count; ++i)
        if (indices.data[i] < -1 || indices.data[i] >= plane)
            border.refuse("indices holds ", static_cast<Index>(indices.data[i]), ", expected -1 to ", plane - 1);
}

inline void max_pool2d_backward(py::handle dy, py::handle x, py::handle indices, py::handle window, py::handle stride,
                                py::handle padding, py::handle dilation, py::handle dx) {
    Border border("max_pool2d_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 4), X = border.in_or_none<T>("x", x, 4);
        const auto I = border.in_or_none<std::int64_t>("indices", indices, 4);
        const auto DX = border.out<T>("dx", dx, 4);
        if (x.is_none() && indices.is_none()) border.refuse("x and indices are both None, expected one of them");
        const PoolShape shape =
            pool_shape(border, DX, "dy", DY, window, read_window(border, stride, padding, dilation));
        if (!x.is_none()) border.shape("x", X, "(N, C, H, W)", DX.shape);
        if (!indices.is_none()) {
            border.shape("indices", I, "(N, C, P, Q)", DY.shape);
            check_indices(border, I, shape.planes * DY[2] * DY[3], DX[2] * DX[3]);
        }
        unlocked([&] { cuarzo::max_pool2d_backward<T>(shape, DY.data, X.data, I.data, DX.data); });
    });
}

inline void avg_pool2d_forward(py::handle x, py::handle window, py::handle stride, py::handle padding,
                               py::handle count_include_pad, py::handle y) {
    Border border("avg_pool2d_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 4);
        const auto Y = border.out<T>("y", y, 4);
        const PoolShape shape = pool_shape(border, X, "y", Y, window, read_window(border, stride, padding, {}));
        const bool counted = border.boolean("count_include_pad", count_include_pad);
        unlocked([&] { cuarzo::avg_pool2d_forward<T>(shape, counted, X.data, Y.data); });
    });
}

inline void avg_pool2d_backward(py::handle dy, py::handle window, py::handle stride, py::handle padding,
                                py::handle count_include_pad, py::handle dx) {
    Border border("avg_pool2d_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 4);
        const auto DX = border.out<T>("dx", dx, 4);
        const PoolShape shape = pool_shape(border, DX, "dy", DY, window, read_window(border, stride, padding, {}));
        const bool counted = border.boolean("count_include_pad", count_include_pad);
        unlocked([&] { cuarzo::avg_pool2d_backward<T>(shape, counted, DY.data, DX.data); });
    });
}

} // namespace cuarzo::border
