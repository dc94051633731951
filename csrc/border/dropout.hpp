// The border of dropout.
#pragma once
#include "../kernels/dropout.hpp"
#include "number.hpp"

namespace cuarzo::border {

inline void dropout(py::handle x, py::handle p, py::handle key, py::handle counter, py::handle y) {
    Border border("dropout");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 1);
        const auto Y = border.out<T>("y", y, 1);
        border.shape("y", Y, "(K,)", X.shape);
        const double probability = number_in(border, "p", p, 0, 1, "a probability between 0 and 1");
        const std::uint64_t k = border.word("key", key), first = border.word("counter", counter);
        unlocked([&] { cuarzo::dropout<T>(X[0], X.data, probability, k, first, Y.data); });
    });
}

} // namespace cuarzo::border
