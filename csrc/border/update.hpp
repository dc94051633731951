// The border of the optimisers' updates.
#pragma once
#include "../kernels/update.hpp"
#include "number.hpp"

namespace cuarzo::border {

template <class T> Array<T> state(Border &border, const char *name, py::handle value, const std::vector<Index> &shape) {
    const auto array = border.out_or_none<T>(name, value, 1);
    if (!value.is_none()) border.shape(name, array, "(K,)", shape);
    return array;
}

inline void check_velocity(const Border &border, double momentum, py::handle velocity) {
    if ((momentum == 0) != velocity.is_none())
        border.refuse("momentum = ", std::to_string(momentum), " and velocity is ",
                      velocity.is_none() ? "None" : "an array", ", expected both or neither");
}

inline void sgd_update(py::handle gradient, py::handle lr, py::handle momentum, py::handle dampening,
                       py::handle weight_decay, py::handle nesterov, py::handle l1, py::handle first,
                       py::handle parameter, py::handle velocity) {
    Border border("sgd_update");
    for_dtype(border, "gradient", gradient, [&](auto zero) {
        using T = decltype(zero);
        const auto G = border.in<T>("gradient", gradient, 1);
        const auto P = border.out<T>("parameter", parameter, 1);
        border.shape("parameter", P, "(K,)", G.shape);
        const auto V = state<T>(border, "velocity", velocity, G.shape);
        const SgdOptions options{number(border, "lr", lr),
                                 number(border, "momentum", momentum),
                                 number(border, "dampening", dampening),
                                 number(border, "weight_decay", weight_decay),
                                 border.boolean("nesterov", nesterov),
                                 number(border, "l1", l1),
                                 border.boolean("first", first)};
        check_velocity(border, options.momentum, velocity);
        unlocked([&] { cuarzo::sgd_update<T>(options, G[0], G.data, P.data, V.data); });
    });
}

inline void rmsprop_update(py::handle gradient, py::handle lr, py::handle alpha, py::handle eps,
                           py::handle weight_decay, py::handle momentum, py::handle parameter, py::handle square,
                           py::handle mean, py::handle velocity) {
    Border border("rmsprop_update");
    for_dtype(border, "gradient", gradient, [&](auto zero) {
        using T = decltype(zero);
        const auto G = border.in<T>("gradient", gradient, 1);
        const auto P = border.out<T>("parameter", parameter, 1), S = border.out<T>("square", square, 1);
        border.shape("parameter", P, "(K,)", G.shape);
        border.shape("square", S, "(K,)", G.shape);
        const auto A = state<T>(border, "mean", mean, G.shape), V = state<T>(border, "velocity", velocity, G.shape);
        const RmspropOptions options{number(border, "lr", lr), number(border, "alpha", alpha),
                                     number(border, "eps", eps), number(border, "weight_decay", weight_decay),
                                     number(border, "momentum", momentum)};
        check_velocity(border, options.momentum, velocity);
        unlocked([&] { cuarzo::rmsprop_update<T>(options, G[0], G.data, P.data, S.data, A.data, V.data); });
    });
}

inline double beta(const Border &border, const char *name, py::handle value) {
    const double b = number_in(border, name, value, 0, 1, "0 <= beta < 1");
    if (b == 1) border.refuse(name, " = 1, expected 0 <= beta < 1");
    return b;
}

inline void adam_update(py::handle gradient, py::handle lr, py::handle beta1, py::handle beta2, py::handle eps,
                        py::handle weight_decay, py::handle decoupled, py::handle step, py::handle parameter,
                        py::handle mean, py::handle square, py::handle largest) {
    Border border("adam_update");
    for_dtype(border, "gradient", gradient, [&](auto zero) {
        using T = decltype(zero);
        const auto G = border.in<T>("gradient", gradient, 1);
        const auto P = border.out<T>("parameter", parameter, 1), A = border.out<T>("mean", mean, 1);
        const auto S = border.out<T>("square", square, 1);
        border.shape("parameter", P, "(K,)", G.shape);
        border.shape("mean", A, "(K,)", G.shape);
        border.shape("square", S, "(K,)", G.shape);
        const auto L = state<T>(border, "largest", largest, G.shape);
        const AdamOptions options{number(border, "lr", lr),
                                  beta(border, "beta1", beta1),
                                  beta(border, "beta2", beta2),
                                  number(border, "eps", eps),
                                  number(border, "weight_decay", weight_decay),
                                  border.boolean("decoupled", decoupled),
                                  border.integer("step", step, 1)};
        unlocked([&] { cuarzo::adam_update<T>(options, G[0], G.data, P.data, A.data, S.data, L.data); });
    });
}

} // namespace cuarzo::border
