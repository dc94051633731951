// The border of restricted Boltzmann machines.
#pragma once
#include "../arrays.hpp"
#include "../kernels/rbm.hpp"
#include "../kernels/rbm_gradient.hpp"

namespace cuarzo::border {

inline Draw read_draw(const Border &border, py::handle key, py::handle counter) {
    return {border.word("key", key), border.word("counter", counter)};
}

inline void rbm_hidden(py::handle v, py::handle w, py::handle b, py::handle key, py::handle counter, py::handle mean,
                       py::handle sample) {
    Border border("rbm_hidden");
    for_dtype(border, "v", v, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("v", v, 2), W = border.in<T>("w", w, 2), B = border.in<T>("b", b, 1);
        const auto M = border.out<T>("mean", mean, 2), S = border.out_or_none<T>("sample", sample, 2);
        const RbmShape shape{X[0], X[1], W[0]};
        border.shape("w", W, "(U, V)", {shape.hidden, shape.visible});
        border.shape("b", B, "(U,)", {shape.hidden});
        border.shape("mean", M, "(N, U)", {shape.rows, shape.hidden});
        if (!sample.is_none()) border.shape("sample", S, "(N, U)", M.shape);
        const Draw draw = read_draw(border, key, counter);
        unlocked([&] { cuarzo::rbm_hidden<T>(shape, X.data, W.data, B.data, draw, M.data, S.data); });
    });
}

inline void rbm_visible(py::handle h, py::handle w, py::handle a, py::handle gaussian, py::handle key,
                        py::handle counter, py::handle mean, py::handle sample) {
    Border border("rbm_visible");
    for_dtype(border, "h", h, [&](auto zero) {
        using T = decltype(zero);
        const auto H = border.in<T>("h", h, 2), W = border.in<T>("w", w, 2), A = border.in<T>("a", a, 1);
        const auto M = border.out<T>("mean", mean, 2), S = border.out_or_none<T>("sample", sample, 2);
        const RbmShape shape{H[0], W[1], H[1]};
        border.shape("w", W, "(U, V)", {shape.hidden, shape.visible});
        border.shape("a", A, "(V,)", {shape.visible});
        border.shape("mean", M, "(N, V)", {shape.rows, shape.visible});
        if (!sample.is_none()) border.shape("sample", S, "(N, V)", M.shape);
        const bool real = border.boolean("gaussian", gaussian);
        const Draw draw = read_draw(border, key, counter);
        unlocked([&] { cuarzo::rbm_visible<T>(shape, H.data, W.data, A.data, real, draw, M.data, S.data); });
    });
}

inline void rbm_gibbs(py::handle h, py::handle w, py::handle a, py::handle b, py::handle gaussian, py::handle steps,
                      py::handle key, py::handle counter, py::handle v_mean, py::handle v_sample, py::handle h_mean,
                      py::handle h_sample) {
    Border border("rbm_gibbs");
    for_dtype(border, "h", h, [&](auto zero) {
        using T = decltype(zero);
        const auto H = border.in<T>("h", h, 2), W = border.in<T>("w", w, 2);
        const auto A = border.in<T>("a", a, 1), B = border.in<T>("b", b, 1);
        const auto VM = border.out<T>("v_mean", v_mean, 2), VS = border.out<T>("v_sample", v_sample, 2);
        const auto HM = border.out<T>("h_mean", h_mean, 2), HS = border.out<T>("h_sample", h_sample, 2);
        const RbmShape shape{H[0], W[1], H[1]};
        border.shape("w", W, "(U, V)", {shape.hidden, shape.visible});
        border.shape("a", A, "(V,)", {shape.visible});
        border.shape("b", B, "(U,)", {shape.hidden});
        border.shape("v_mean", VM, "(N, V)", {shape.rows, shape.visible});
        border.shape("v_sample", VS, "(N, V)", VM.shape);
        border.shape("h_mean", HM, "(N, U)", H.shape);
        border.shape("h_sample", HS, "(N, U)", H.shape);
        const bool real = border.boolean("gaussian", gaussian);
        const Index count = border.integer("steps", steps, 1);
        const Draw draw = read_draw(border, key, counter);
        unlocked([&] {
            cuarzo::rbm_gibbs<T>(shape, H.data, W.data, A.data, B.data, real, count, draw, VM.data, VS.data, HM.data,
                                 HS.data);
        });
    });
}

inline void rbm_free_energy(py::handle v, py::handle w, py::handle a, py::handle b, py::handle gaussian, py::handle f) {
    Border border("rbm_free_energy");
    for_dtype(border, "v", v, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("v", v, 2), W = border.in<T>("w", w, 2);
        const auto A = border.in<T>("a", a, 1), B = border.in<T>("b", b, 1);
        const auto F = border.out<T>("f", f, 1);
        const RbmShape shape{X[0], X[1], W[0]};
        border.shape("w", W, "(U, V)", {shape.hidden, shape.visible});
        border.shape("a", A, "(V,)", {shape.visible});
        border.shape("b", B, "(U,)", {shape.hidden});
        border.shape("f", F, "(N,)", {shape.rows});
        const bool real = border.boolean("gaussian", gaussian);
        unlocked([&] { cuarzo::rbm_free_energy<T>(shape, X.data, W.data, A.data, B.data, real, F.data); });
    });
}

inline void rbm_gradient(py::handle v, py::handle h, py::handle v_chain, py::handle h_chain, py::handle dw,
                         py::handle da, py::handle db) {
    Border border("rbm_gradient");
    for_dtype(border, "v", v, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("v", v, 2), H = border.in<T>("h", h, 2);
        const auto XC = border.in<T>("v_chain", v_chain, 2), HC = border.in<T>("h_chain", h_chain, 2);
        const auto DW = border.out<T>("dw", dw, 2), DA = border.out<T>("da", da, 1), DB = border.out<T>("db", db, 1);
        const Index V = X[1], U = H[1];
        border.shape("h", H, "(N, U)", {X[0], U});
        border.shape("v_chain", XC, "(M, V)", {XC[0], V});
        border.shape("h_chain", HC, "(M, U)", {XC[0], U});
        border.shape("dw", DW, "(U, V)", {U, V});
        border.shape("da", DA, "(V,)", {V});
        border.shape("db", DB, "(U,)", {U});
        const Samples<T> data{X[0], X.data, H.data, 0}, chains{XC[0], XC.data, HC.data, 0};
        unlocked([&] { cuarzo::rbm_gradient<T>(V, U, data, chains, DW.data, DA.data, DB.data); });
    });
}

} // namespace cuarzo::border
