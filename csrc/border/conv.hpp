// The border of convolution.
#pragma once
#include "../kernels/conv.hpp"
#include "window.hpp"

namespace cuarzo::border {

// image (N, C, H, W), weights (F, C/groups, R, S), output (N, F, P, Q), bias (F,) or none: by the names they have in the
// kernel at hand.
template <class Image, class Weights, class Output, class Bias>
ConvShape conv_shape(const Border &border, const char *image_name, const Image &image, const char *weights_name,
                     const Weights &weights, const char *output_name, const Output &output, const char *bias_name,
                     const Bias &bias, const Window &window, py::handle groups_) {
    const Index N = image[0], C = image[1], F = weights[0], groups = border.integer("groups", groups_, 1);
    if (C % groups || F % groups)
        border.refuse("groups = ", groups, " does not divide the channels of ", image_name, ", ", C,
                      ", and the filters of ", weights_name, ", ", F);
    border.shape(weights_name, weights, "(F, C/groups, R, S)", {F, C / groups, weights[2], weights[3]});
    border.shape(output_name, output, "(N, F, P, Q)", {N, F, output[2], output[3]});
    if (bias.data || !bias.shape.empty()) border.shape(bias_name, bias, "(F,)", {F});
    return {N,
            C,
            F,
            groups,
            read_axis(border, window, 0, image[2], weights[2], output_name, output[2], false),
            read_axis(border, window, 1, image[3], weights[3], output_name, output[3], false)};
}

inline void conv2d_forward(const char *name, const Rung *rung, py::handle x, py::handle w, py::handle b,
                           py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                           py::handle y) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 4), W = border.in<T>("w", w, 4), B = border.in_or_none<T>("b", b, 1);
        const auto Y = border.out<T>("y", y, 4);
        const Window window = read_window(border, stride, padding, dilation);
        const ConvShape shape = conv_shape(border, "x", X, "w", W, "y", Y, "b", B, window, groups);
        unlocked([&] { cuarzo::conv2d_forward<T>(shape, X.data, W.data, B.data, Y.data, rung); });
    });
}

inline void conv2d_backward_input(const char *name, const Rung *rung, py::handle dy, py::handle w, py::handle stride,
                                  py::handle padding, py::handle dilation, py::handle groups, py::handle dx) {
    Border border(name);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 4), W = border.in<T>("w", w, 4);
        const auto DX = border.out<T>("dx", dx, 4);
        const Window window = read_window(border, stride, padding, dilation);
        const ConvShape shape = conv_shape(border, "dx", DX, "w", W, "dy", DY, "", Array<T>{}, window, groups);
        unlocked([&] { cuarzo::conv2d_backward_input<T>(shape, DY.data, W.data, DX.data, rung); });
    });
}

inline void conv2d_backward_weight(const char *name, const Rung *rung, py::handle x, py::handle dy, py::handle stride,
                                   py::handle padding, py::handle dilation, py::handle groups, py::handle dw,
                                   py::handle db) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 4), DY = border.in<T>("dy", dy, 4);
        const auto DW = border.out<T>("dw", dw, 4), DB = border.out_or_none<T>("db", db, 1);
        const Window window = read_window(border, stride, padding, dilation);
        const ConvShape shape = conv_shape(border, "x", X, "dw", DW, "dy", DY, "db", DB, window, groups);
        unlocked([&] { cuarzo::conv2d_backward_weight<T>(shape, X.data, DY.data, DW.data, DB.data, rung); });
    });
}

} // namespace cuarzo::border
