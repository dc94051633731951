#include "../border/activation.hpp"
#include "define.hpp"

namespace cuarzo {

using py::handle;

// Without options; the gradient is a function of y.
template <template <class> class F> void define_plain(py::module_ &m, const char *forward, const char *backward) {
    const auto make = [](const Border &, auto zero) { return F<decltype(zero)>{}; };
    define(m, forward, [=](handle x, handle y) { border::activation_forward(forward, x, y, make); }, "x", "y");
    define(
        m, backward,
        [=](handle dy, handle y, handle dx) { border::activation_backward(backward, dy, "y", y, dx, make); }, "dy", "y",
        "dx");
}

// With one number as option; the gradient is a function of x.
template <template <class> class F>
void define_with_number(py::module_ &m, const char *forward, const char *backward, const char *option) {
    const auto with = [option](handle value) {
        return [=](const Border &border, auto zero) {
            using T = decltype(zero);
            return F<T>{static_cast<T>(border::number(border, option, value))};
        };
    };
    define(
        m, forward, [=](handle x, handle value, handle y) { border::activation_forward(forward, x, y, with(value)); },
        "x", option, "y");
    define(
        m, backward,
        [=](handle dy, handle x, handle value, handle dx) {
            border::activation_backward(backward, dy, "x", x, dx, with(value));
        },
        "dy", "x", option, "dx");
}

static void define_silu(py::module_ &m) {
    const auto make = [](const Border &, auto zero) { return Silu<decltype(zero)>{}; };
    define(
        m, "silu_forward", [=](handle x, handle y) { border::activation_forward("silu_forward", x, y, make); }, "x",
        "y");
    define(
        m, "silu_backward",
        [=](handle dy, handle x, handle dx) { border::activation_backward("silu_backward", dy, "x", x, dx, make); },
        "dy", "x", "dx");
}

// Two functions under one name.
template <template <class> class F> struct MakeGelu {
    template <class T> auto operator()(const Border &, T) const { return F<T>{}; }
};

static bool is_approximate(const char *kernel, handle approximate) {
    return Border(kernel).boolean("approximate", approximate);
}

static void gelu_forward(handle x, handle approximate, handle y) {
    if (is_approximate("gelu_forward", approximate))
        border::activation_forward("gelu_forward", x, y, MakeGelu<ApproximateGelu>{});
    else
        border::activation_forward("gelu_forward", x, y, MakeGelu<Gelu>{});
}

static void gelu_backward(handle dy, handle x, handle approximate, handle dx) {
    if (is_approximate("gelu_backward", approximate))
        border::activation_backward("gelu_backward", dy, "x", x, dx, MakeGelu<ApproximateGelu>{});
    else
        border::activation_backward("gelu_backward", dy, "x", x, dx, MakeGelu<Gelu>{});
}

static auto softplus(handle beta, handle threshold) {
    return [=](const Border &border, auto zero) {
        using T = decltype(zero);
        const double b = border::not_negative(border, "beta", beta);
        if (b == 0) border.refuse("beta = 0, expected a positive number");
        return Softplus<T>{static_cast<T>(b), static_cast<T>(border::number(border, "threshold", threshold))};
    };
}

static void softplus_forward(handle x, handle beta, handle threshold, handle y) {
    border::activation_forward("softplus_forward", x, y, softplus(beta, threshold));
}

static void softplus_backward(handle dy, handle x, handle beta, handle threshold, handle dx) {
    border::activation_backward("softplus_backward", dy, "x", x, dx, softplus(beta, threshold));
}

void define_activation(py::module_ &m) {
    define_plain<Relu>(m, "relu_forward", "relu_backward");
    define_plain<Sigmoid>(m, "sigmoid_forward", "sigmoid_backward");
    define_plain<Tanh>(m, "tanh_forward", "tanh_backward");
    define_with_number<LeakyRelu>(m, "leaky_relu_forward", "leaky_relu_backward", "slope");
    define_with_number<Elu>(m, "elu_forward", "elu_backward", "alpha");
    define_silu(m);
    define(m, "gelu_forward", gelu_forward, "x", "approximate", "y");
    define(m, "gelu_backward", gelu_backward, "dy", "x", "approximate", "dx");
    define(m, "softplus_forward", softplus_forward, "x", "beta", "threshold", "y");
    define(m, "softplus_backward", softplus_backward, "dy", "x", "beta", "threshold", "dx");
}

} // namespace cuarzo
