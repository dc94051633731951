// The border of the embedding.
#pragma once
#include "../kernels/embedding.hpp"
#include "indices.hpp"

namespace cuarzo::border {

inline void embedding_forward(py::handle indices, py::handle weight, py::handle y) {
    Border border("embedding_forward");
    for_dtype(border, "weight", weight, [&](auto zero) {
        using T = decltype(zero);
        const auto I = border.in<std::int64_t>("indices", indices, 1);
        const auto W = border.in<T>("weight", weight, 2);
        const auto Y = border.out<T>("y", y, 2);
        border.shape("y", Y, "(M, K)", {I[0], W[1]});
        check_range(border, "indices", I, 0, W[0]);
        unlocked([&] { cuarzo::embedding_forward<T>(I[0], W[1], I.data, W.data, Y.data); });
    });
}

inline void embedding_backward(py::handle dy, py::handle indices, py::handle padding_index, py::handle dweight) {
    Border border("embedding_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto dY = border.in<T>("dy", dy, 2);
        const auto I = border.in<std::int64_t>("indices", indices, 1);
        const auto dW = border.out<T>("dweight", dweight, 2);
        border.shape("indices", I, "(M,)", {dY[0]});
        border.shape("dweight", dW, "(V, K)", {dW[0], dY[1]});
        check_range(border, "indices", I, 0, dW[0]);
        const Index padding = border.integer("padding_index", padding_index, -1);
        if (padding >= std::max<Index>(1, dW[0]))
            border.refuse("padding_index = ", padding, ", expected -1 ... ", dW[0] - 1);
        unlocked([&] { cuarzo::embedding_backward<T>(I[0], dY[1], dW[0], dY.data, I.data, padding, dW.data); });
    });
}

} // namespace cuarzo::border
