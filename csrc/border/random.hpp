// The border of random numbers.
#pragma once
#include "../arrays.hpp"
#include "../kernels/random.hpp"

namespace cuarzo::border {

inline void philox_uniform(py::handle key, py::handle counter, py::handle u) {
    Border border("philox_uniform");
    const std::uint64_t k = border.word("key", key), first = border.word("counter", counter);
    for_dtype(border, "u", u, [&](auto zero) {
        using T = decltype(zero);
        const auto U = border.out<T>("u", u, -1);
        Index size = 1;
        for (const Index length : U.shape) size *= length;
        unlocked([&] { cuarzo::philox_uniform<T>(k, first, size, U.data); });
    });
}

} // namespace cuarzo::border
