// The border of the norms.
#pragma once
#include "../kernels/batch_norm.hpp"
#include "../kernels/layer_norm.hpp"
#include "../kernels/response_norm.hpp"
#include "number.hpp"

namespace cuarzo::border {

// An array that may be None: one element for each channel or column.
template <class Element>
void check_optional(const Border &border, const char *name, py::handle value, const Array<Element> &array,
                    const char *letters, Index size) {
    if (!value.is_none()) border.shape(name, array, letters, {size});
}

inline void batch_norm_forward(py::handle x, py::handle weight, py::handle bias, py::handle eps, py::handle y,
                               py::handle mean, py::handle variance) {
    Border border("batch_norm_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 3);
        const auto W = border.in_or_none<T>("weight", weight, 1), B = border.in_or_none<T>("bias", bias, 1);
        const auto Y = border.out<T>("y", y, 3);
        const auto M = border.out<T>("mean", mean, 1), V = border.out<T>("variance", variance, 1);
        check_optional(border, "weight", weight, W, "(C,)", X[1]);
        check_optional(border, "bias", bias, B, "(C,)", X[1]);
        border.shape("y", Y, "(N, C, K)", X.shape);
        border.shape("mean", M, "(C,)", {X[1]});
        border.shape("variance", V, "(C,)", {X[1]});
        const double e = not_negative(border, "eps", eps);
        const NormShape shape{X[0], X[1], X[2]};
        unlocked([&] { cuarzo::batch_norm_forward<T>(shape, X.data, W.data, B.data, e, Y.data, M.data, V.data); });
    });
}

inline void batch_norm_backward(py::handle dy, py::handle x, py::handle weight, py::handle mean, py::handle variance,
                                py::handle eps, py::handle dx, py::handle dweight, py::handle dbias) {
    Border border("batch_norm_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 3), X = border.in<T>("x", x, 3);
        const auto W = border.in_or_none<T>("weight", weight, 1);
        const auto M = border.in<T>("mean", mean, 1), V = border.in<T>("variance", variance, 1);
        const auto dX = border.out<T>("dx", dx, 3);
        const auto dW = border.out_or_none<T>("dweight", dweight, 1), dB = border.out_or_none<T>("dbias", dbias, 1);
        border.shape("x", X, "(N, C, K)", dY.shape);
        check_optional(border, "weight", weight, W, "(C,)", X[1]);
        border.shape("mean", M, "(C,)", {X[1]});
        border.shape("variance", V, "(C,)", {X[1]});
        border.shape("dx", dX, "(N, C, K)", X.shape);
        check_optional(border, "dweight", dweight, dW, "(C,)", X[1]);
        check_optional(border, "dbias", dbias, dB, "(C,)", X[1]);
        const double e = not_negative(border, "eps", eps);
        const NormShape shape{X[0], X[1], X[2]};
        unlocked([&] {
            cuarzo::batch_norm_backward<T>(shape, dY.data, X.data, W.data, M.data, V.data, e, dX.data, dW.data,
                                           dB.data);
        });
    });
}

inline void layer_norm_forward(py::handle x, py::handle weight, py::handle bias, py::handle eps, py::handle y,
                               py::handle mean, py::handle variance) {
    Border border("layer_norm_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 2);
        const auto W = border.in_or_none<T>("weight", weight, 1), B = border.in_or_none<T>("bias", bias, 1);
        const auto Y = border.out<T>("y", y, 2);
        const auto M = border.out<T>("mean", mean, 1), V = border.out<T>("variance", variance, 1);
        check_optional(border, "weight", weight, W, "(K,)", X[1]);
        check_optional(border, "bias", bias, B, "(K,)", X[1]);
        border.shape("y", Y, "(M, K)", X.shape);
        border.shape("mean", M, "(M,)", {X[0]});
        border.shape("variance", V, "(M,)", {X[0]});
        const double e = not_negative(border, "eps", eps);
        unlocked([&] { cuarzo::layer_norm_forward<T>(X[0], X[1], X.data, W.data, B.data, e, Y.data, M.data, V.data); });
    });
}

inline void layer_norm_backward(py::handle dy, py::handle x, py::handle weight, py::handle mean, py::handle variance,
                                py::handle eps, py::handle dx, py::handle dweight, py::handle dbias) {
    Border border("layer_norm_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 2), X = border.in<T>("x", x, 2);
        const auto W = border.in_or_none<T>("weight", weight, 1);
        const auto M = border.in<T>("mean", mean, 1), V = border.in<T>("variance", variance, 1);
        const auto dX = border.out<T>("dx", dx, 2);
        const auto dW = border.out_or_none<T>("dweight", dweight, 1), dB = border.out_or_none<T>("dbias", dbias, 1);
        border.shape("x", X, "(M, K)", dY.shape);
        check_optional(border, "weight", weight, W, "(K,)", X[1]);
        border.shape("mean", M, "(M,)", {X[0]});
        border.shape("variance", V, "(M,)", {X[0]});
        border.shape("dx", dX, "(M, K)", X.shape);
        check_optional(border, "dweight", dweight, dW, "(K,)", X[1]);
        check_optional(border, "dbias", dbias, dB, "(K,)", X[1]);
        const double e = not_negative(border, "eps", eps);
        unlocked([&] {
            cuarzo::layer_norm_backward<T>(X[0], X[1], dY.data, X.data, W.data, M.data, V.data, e, dX.data, dW.data,
                                           dB.data);
        });
    });
}

template <class X> ResponseShape response_shape(const Border &border, const Array<X> &x, py::handle size) {
    return {x[0], x[1], x[2], border.integer("size", size, 1)};
}

inline ResponseOptions response_options(const Border &border, py::handle alpha, py::handle beta, py::handle k) {
    return {not_negative(border, "alpha", alpha), number(border, "beta", beta), not_negative(border, "k", k)};
}

inline void local_response_norm_forward(py::handle x, py::handle size, py::handle alpha, py::handle beta, py::handle k,
                                        py::handle y, py::handle scale) {
    Border border("local_response_norm_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 3);
        const auto Y = border.out<T>("y", y, 3), S = border.out<T>("scale", scale, 3);
        border.shape("y", Y, "(N, C, K)", X.shape);
        border.shape("scale", S, "(N, C, K)", X.shape);
        const ResponseShape shape = response_shape(border, X, size);
        const ResponseOptions options = response_options(border, alpha, beta, k);
        unlocked([&] { cuarzo::local_response_norm_forward<T>(shape, options, X.data, Y.data, S.data); });
    });
}

inline void local_response_norm_backward(py::handle dy, py::handle x, py::handle scale, py::handle size,
                                         py::handle alpha, py::handle beta, py::handle k, py::handle dx) {
    Border border("local_response_norm_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 3), X = border.in<T>("x", x, 3), S = border.in<T>("scale", scale, 3);
        const auto dX = border.out<T>("dx", dx, 3);
        border.shape("x", X, "(N, C, K)", dY.shape);
        border.shape("scale", S, "(N, C, K)", dY.shape);
        border.shape("dx", dX, "(N, C, K)", dY.shape);
        const ResponseShape shape = response_shape(border, X, size);
        const ResponseOptions options = response_options(border, alpha, beta, k);
        unlocked([&] { cuarzo::local_response_norm_backward<T>(shape, options, dY.data, X.data, S.data, dX.data); });
    });
}

} // namespace cuarzo::border
