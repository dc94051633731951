// The border of convolution along n = 1, 2, 3 axes.
#pragma once
#include "../kernels/conv.hpp"
#include "window.hpp"

namespace cuarzo::border {

inline const char *weight_letters(int n) {
    return n == 1 ? "(F, C/groups, S)" : n == 2 ? "(F, C/groups, R, S)" : "(F, C/groups, E, R, S)";
}

// image (N, C, ...), weights (F, C/groups, ...), output (N, F, ...), bias (F,) or none: by the names they have in the
// kernel at hand.
template <int n, class Image, class Weights, class Output, class Bias>
ConvShape conv_shape(const Border &border, const char *image_name, const Image &image, const char *weights_name,
                     const Weights &weights, const char *output_name, const Output &output, const char *bias_name,
                     const Bias &bias, const Window<n> &window, py::handle groups_) {
    const Index N = image[0], C = image[1], F = weights[0], groups = border.integer("groups", groups_, 1);
    if (C < 1 || F < 1)
        border.refuse(weights_name, " has ", F, " filters of ", C, " channels, expected at least 1 of each");
    if (C % groups || F % groups)
        border.refuse("groups = ", groups, " does not divide the channels of ", image_name, ", ", C,
                      ", and the filters of ", weights_name, ", ", F);
    auto weights_shape = weights.shape, output_shape = output.shape;
    weights_shape[1] = C / groups, output_shape[0] = N, output_shape[1] = F;
    border.shape(weights_name, weights, weight_letters(n), weights_shape);
    border.shape(output_name, output, "(N, F, ...)", output_shape);
    if (bias.data || !bias.shape.empty()) border.shape(bias_name, bias, "(F,)", {F});
    const auto axes = read_axes<n>(border, window, image, weights, output_name, output, 2, false);
    return {N, C, F, groups, axes[0], axes[1], axes[2]};
}

// A rung by name serves what it can, and nothing else does in its place.
inline void check_rung(const Border &border, const Rung *rung, const ConvShape &shape) {
    if (rung && *rung == Rung::depthwise && !serves_depthwise(shape))
        border.refuse("depthwise serves groups of one channel and one filter without a stride, got ", shape.groups,
                      " groups of ", shape.C, " channels and ", shape.F, " filters, stride ",
                      text({shape.depth.stride, shape.rows.stride, shape.columns.stride}));
    if (!rung || *rung != Rung::winograd) return;
    for (const Axis *a : {&shape.rows, &shape.columns})
        if (!serves_winograd(*a))
            border.refuse("winograd serves windows of 3 x 3 with a stride and a dilation of 1, got a window of ",
                          a->window, ", a stride of ", a->stride, " and a dilation of ", a->dilation);
}

template <int n>
void conv_forward(const char *name, const Rung *rung, py::handle x, py::handle w, py::handle b, py::handle stride,
                  py::handle padding, py::handle dilation, py::handle groups, py::handle y) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, n + 2), W = border.in<T>("w", w, n + 2);
        const auto B = border.in_or_none<T>("b", b, 1);
        const auto Y = border.out<T>("y", y, n + 2);
        const auto window = read_window<n>(border, stride, padding, dilation);
        const ConvShape shape = conv_shape<n>(border, "x", X, "w", W, "y", Y, "b", B, window, groups);
        check_rung(border, rung, shape);
        unlocked([&] { cuarzo::conv_forward<T>(shape, X.data, W.data, B.data, Y.data, rung); });
    });
}

template <int n>
void conv_backward_input(const char *name, const Rung *rung, py::handle dy, py::handle w, py::handle stride,
                         py::handle padding, py::handle dilation, py::handle groups, py::handle dx) {
    Border border(name);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, n + 2), W = border.in<T>("w", w, n + 2);
        const auto DX = border.out<T>("dx", dx, n + 2);
        const auto window = read_window<n>(border, stride, padding, dilation);
        const ConvShape shape = conv_shape<n>(border, "dx", DX, "w", W, "dy", DY, "", Array<T>{}, window, groups);
        check_rung(border, rung, shape);
        unlocked([&] { cuarzo::conv_backward_input<T>(shape, DY.data, W.data, DX.data, rung); });
    });
}

template <int n>
void conv_backward_weight(const char *name, const Rung *rung, py::handle x, py::handle dy, py::handle stride,
                          py::handle padding, py::handle dilation, py::handle groups, py::handle dw, py::handle db) {
    Border border(name);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, n + 2), DY = border.in<T>("dy", dy, n + 2);
        const auto DW = border.out<T>("dw", dw, n + 2), DB = border.out_or_none<T>("db", db, 1);
        const auto window = read_window<n>(border, stride, padding, dilation);
        const ConvShape shape = conv_shape<n>(border, "x", X, "dw", DW, "dy", DY, "db", DB, window, groups);
        check_rung(border, rung, shape);
        unlocked([&] { cuarzo::conv_backward_weight<T>(shape, X.data, DY.data, DW.data, DB.data, rung); });
    });
}

} // namespace cuarzo::border
