// The border of the activations.
#pragma once
#include "../kernels/activation.hpp"
#include "number.hpp"

namespace cuarzo::border {

// make(border, zero): the activation with its options, for the type of zero
template <class Make> void activation_forward(const char *kernel, py::handle x, py::handle y, Make make) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 1);
        const auto Y = border.out<T>("y", y, 1);
        border.shape("y", Y, "(K,)", X.shape);
        const auto f = make(border, zero);
        unlocked([&] { cuarzo::activation_forward<T>(f, X[0], X.data, Y.data); });
    });
}

// x_name: "x", or "y" where the gradient is a function of that
template <class Make>
void activation_backward(const char *kernel, py::handle dy, const char *x_name, py::handle x, py::handle dx,
                         Make make) {
    Border border(kernel);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 1);
        const auto X = border.in<T>(x_name, x, 1);
        const auto dX = border.out<T>("dx", dx, 1);
        border.shape(x_name, X, "(K,)", dY.shape);
        border.shape("dx", dX, "(K,)", dY.shape);
        const auto f = make(border, zero);
        unlocked([&] { cuarzo::activation_backward<T>(f, dY[0], dY.data, X.data, dX.data); });
    });
}

} // namespace cuarzo::border
