// The border of softmax and cross-entropy.
#pragma once
#include "../kernels/softmax.hpp"
#include "indices.hpp"

namespace cuarzo::border {

inline void softmax_forward(const char *kernel, bool log, py::handle x, py::handle y) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 2);
        const auto Y = border.out<T>("y", y, 2);
        border.shape("y", Y, "(M, K)", X.shape);
        const auto run = log ? cuarzo::log_softmax_forward<T> : cuarzo::softmax_forward<T>;
        unlocked([&] { run(X[0], X[1], X.data, Y.data); });
    });
}

inline void softmax_backward(const char *kernel, bool log, py::handle dy, py::handle y, py::handle dx) {
    Border border(kernel);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 2), Y = border.in<T>("y", y, 2);
        const auto dX = border.out<T>("dx", dx, 2);
        border.shape("y", Y, "(M, K)", dY.shape);
        border.shape("dx", dX, "(M, K)", dY.shape);
        const auto run = log ? cuarzo::log_softmax_backward<T> : cuarzo::softmax_backward<T>;
        unlocked([&] { run(dY[0], dY[1], dY.data, Y.data, dX.data); });
    });
}

inline void cross_entropy_forward(py::handle x, py::handle labels, py::handle loss, py::handle probability) {
    Border border("cross_entropy_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 2);
        const auto L = border.in<std::int64_t>("labels", labels, 1);
        const auto loss_ = border.out<T>("loss", loss, 1);
        const auto P = border.out<T>("probability", probability, 2);
        border.shape("labels", L, "(M,)", {X[0]});
        border.shape("loss", loss_, "(M,)", {X[0]});
        border.shape("probability", P, "(M, K)", X.shape);
        check_range(border, "labels", L, 0, X[1]);
        unlocked([&] { cuarzo::cross_entropy_forward<T>(X[0], X[1], X.data, L.data, loss_.data, P.data); });
    });
}

inline void cross_entropy_backward(py::handle dloss, py::handle probability, py::handle labels, py::handle dx) {
    Border border("cross_entropy_backward");
    for_dtype(border, "dloss", dloss, [&](auto zero) {
        using T = decltype(zero);
        const auto dL = border.in<T>("dloss", dloss, 1);
        const auto P = border.in<T>("probability", probability, 2);
        const auto L = border.in<std::int64_t>("labels", labels, 1);
        const auto dX = border.out<T>("dx", dx, 2);
        border.shape("dloss", dL, "(M,)", {P[0]});
        border.shape("labels", L, "(M,)", {P[0]});
        border.shape("dx", dX, "(M, K)", P.shape);
        check_range(border, "labels", L, 0, P[1]);
        unlocked([&] { cuarzo::cross_entropy_backward<T>(P[0], P[1], dL.data, P.data, L.data, dX.data); });
    });
}

} // namespace cuarzo::border
