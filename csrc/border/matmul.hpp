// The border of the matrix product.
#pragma once
#include "../arrays.hpp"
#include "../kernels/gemm.hpp"

namespace cuarzo::border {

inline void matmul(py::handle a, py::handle b, py::handle transpose_a, py::handle transpose_b, py::handle c) {
    Border border("matmul");
    for_dtype(border, "a", a, [&](auto zero) {
        using T = decltype(zero);
        const auto A = border.in<T>("a", a, 2), B = border.in<T>("b", b, 2);
        const auto C = border.out<T>("c", c, 2);
        const bool ta = border.boolean("transpose_a", transpose_a), tb = border.boolean("transpose_b", transpose_b);
        const Index M = A[ta ? 1 : 0], K = A[ta ? 0 : 1], N = B[tb ? 0 : 1];
        if (tb)
            border.shape("b", B, "(N, K)", {N, K});
        else
            border.shape("b", B, "(K, N)", {K, N});
        border.shape("c", C, "(M, N)", {M, N});
        unlocked([&] { cuarzo::matmul<T>(M, N, K, A.data, ta, B.data, tb, C.data); });
    });
}

} // namespace cuarzo::border
