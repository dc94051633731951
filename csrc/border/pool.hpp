// The border of pooling along n = 1, 2, 3 axes.
#pragma once
#include "../kernels/pool_avg.hpp"
#include "../kernels/pool_max.hpp"
#include "window.hpp"

namespace cuarzo::border {

// image (N, C, ...), output (N, C, ...)
template <int n, class Image, class Output>
PoolShape pool_shape(const Border &border, const Image &image, const char *output_name, const Output &output,
                     py::handle size_, const Window<n> &window) {
    const auto size = border.integers<n>("window", size_, 1);
    auto expected = output.shape;
    expected[0] = image[0], expected[1] = image[1];
    border.shape(output_name, output, "(N, C, ...)", expected);
    const auto axes = read_axes<n>(border, window, image, size, output_name, output, 0, true);
    return {image[0] * image[1], axes[0], axes[1], axes[2]};
}

template <int n>
void max_pool_forward(const char *name, py::handle x, py::handle size, py::handle stride, py::handle padding,
                      py::handle dilation, py::handle y, py::handle indices) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, n + 2);
        const auto Y = border.out<T>("y", y, n + 2);
        const auto I = border.out_or_none<std::int64_t>("indices", indices, n + 2);
        const auto window = read_window<n>(border, stride, padding, dilation);
        const PoolShape shape = pool_shape<n>(border, X, "y", Y, size, window);
        if (!indices.is_none()) border.shape("indices", I, "that of y", Y.shape);
        unlocked([&] { cuarzo::max_pool_forward<T>(shape, X.data, Y.data, I.data); });
    });
}

// An index outside its volume would be written to: all are looked at before anything is.
inline void check_indices(const Border &border, const Array<const std::int64_t> &indices, Index count, Index volume) {
    for (Index i = 0; i < count; ++i)
        if (indices.data[i] < -1 || indices.data[i] >= volume)
            border.refuse("indices holds ", static_cast<Index>(indices.data[i]), ", expected -1 to ", volume - 1);
}

template <int n>
void max_pool_backward(const char *name, py::handle dy, py::handle x, py::handle indices, py::handle size,
                       py::handle stride, py::handle padding, py::handle dilation, py::handle dx) {
    Border border(name);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, n + 2), X = border.in_or_none<T>("x", x, n + 2);
        const auto I = border.in_or_none<std::int64_t>("indices", indices, n + 2);
        const auto DX = border.out<T>("dx", dx, n + 2);
        if (x.is_none() && indices.is_none()) border.refuse_type("x and indices are both None, expected one of them");
        const auto window = read_window<n>(border, stride, padding, dilation);
        const PoolShape shape = pool_shape<n>(border, DX, "dy", DY, size, window);
        if (!x.is_none()) border.shape("x", X, "that of dx", DX.shape);
        if (!indices.is_none()) {
            border.shape("indices", I, "that of dy", DY.shape);
            check_indices(border, I, shape.channels * shape.outputs(), shape.inputs());
        }
        unlocked([&] { cuarzo::max_pool_backward<T>(shape, DY.data, X.data, I.data, DX.data); });
    });
}

template <int n>
void avg_pool_forward(const char *name, py::handle x, py::handle size, py::handle stride, py::handle padding,
                      py::handle count_include_pad, py::handle y) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, n + 2);
        const auto Y = border.out<T>("y", y, n + 2);
        const auto window = read_window<n>(border, stride, padding, {});
        const PoolShape shape = pool_shape<n>(border, X, "y", Y, size, window);
        const bool counted = border.boolean("count_include_pad", count_include_pad);
        unlocked([&] { cuarzo::avg_pool_forward<T>(shape, counted, X.data, Y.data); });
    });
}

template <int n>
void avg_pool_backward(const char *name, py::handle dy, py::handle size, py::handle stride, py::handle padding,
                       py::handle count_include_pad, py::handle dx) {
    Border border(name);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, n + 2);
        const auto DX = border.out<T>("dx", dx, n + 2);
        const auto window = read_window<n>(border, stride, padding, {});
        const PoolShape shape = pool_shape<n>(border, DX, "dy", DY, size, window);
        const bool counted = border.boolean("count_include_pad", count_include_pad);
        unlocked([&] { cuarzo::avg_pool_backward<T>(shape, counted, DY.data, DX.data); });
    });
}

} // namespace cuarzo::border
