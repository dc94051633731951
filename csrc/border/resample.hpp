// The border of resampling.
#pragma once
#include "../arrays.hpp"
#include "../kernels/resample.hpp"

namespace cuarzo::border {

// long (M, H, K), short (M, P, K): neither axis may be empty; products of two such lengths stay within 64 bits.
template <class Long, class Short>
ResampleShape resample_shape(const Border &border, const char *long_name, const Long &x, const char *short_name,
                             const Short &y) {
    border.shape(short_name, y, "(M, P, K)", {x[0], y[1], x[2]});
    for (const auto &[name, length] : {std::pair(long_name, x[1]), std::pair(short_name, y[1])})
        if (length < 1 || length > Border::limit)
            border.refuse(name, " has ", length, " elements along axis 1, expected 1 to ", Border::limit);
    return {x[0], x[1], y[1], x[2]};
}

// An index outside would be read or written: all are looked at before anything is.
inline void check_inside(const Border &border, const Array<const std::int64_t> &indices, Index least, Index stop) {
    Index count = 1;
    for (const Index size : indices.shape) count *= size;
    for (Index i = 0; i < count; ++i)
        if (indices.data[i] < least || indices.data[i] >= stop)
            border.refuse("indices holds ", static_cast<Index>(indices.data[i]), ", expected ", least, " to ",
                          stop - 1);
}

// Kernels of x and y alone: run(shape, x, y).
template <class Run> void resample_forward(const char *kernel, py::handle x, py::handle y, Run run) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 3);
        const auto Y = border.out<T>("y", y, 3);
        const ResampleShape shape = resample_shape(border, "x", X, "y", Y);
        unlocked([&] { run(shape, X.data, Y.data); });
    });
}

template <class Run> void resample_backward(const char *kernel, py::handle dy, py::handle dx, Run run) {
    Border border(kernel);
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 3);
        const auto DX = border.out<T>("dx", dx, 3);
        const ResampleShape shape = resample_shape(border, "dx", DX, "dy", DY);
        unlocked([&] { run(shape, DY.data, DX.data); });
    });
}

inline void adaptive_avg_pool_forward(py::handle x, py::handle y) {
    resample_forward("adaptive_avg_pool_forward", x, y,
                     [](auto... rest) { cuarzo::adaptive_avg_pool_forward(rest...); });
}

inline void adaptive_avg_pool_backward(py::handle dy, py::handle dx) {
    resample_backward("adaptive_avg_pool_backward", dy, dx,
                      [](auto... rest) { cuarzo::adaptive_avg_pool_backward(rest...); });
}

inline void adaptive_max_pool_forward(py::handle x, py::handle y, py::handle indices) {
    Border border("adaptive_max_pool_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 3);
        const auto Y = border.out<T>("y", y, 3);
        const auto I = border.out<std::int64_t>("indices", indices, 3);
        const ResampleShape shape = resample_shape(border, "x", X, "y", Y);
        border.shape("indices", I, "(M, P, K)", Y.shape);
        unlocked([&] { cuarzo::adaptive_max_pool_forward<T>(shape, X.data, Y.data, I.data); });
    });
}

inline void adaptive_max_pool_backward(py::handle dy, py::handle indices, py::handle dx) {
    Border border("adaptive_max_pool_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 3);
        const auto I = border.in<std::int64_t>("indices", indices, 3);
        const auto DX = border.out<T>("dx", dx, 3);
        const ResampleShape shape = resample_shape(border, "dx", DX, "dy", DY);
        border.shape("indices", I, "(M, P, K)", DY.shape);
        check_inside(border, I, 0, shape.in);
        unlocked([&] { cuarzo::adaptive_max_pool_backward<T>(shape, DY.data, I.data, DX.data); });
    });
}

inline void upsample_nearest_forward(py::handle x, py::handle y) {
    resample_forward("upsample_nearest_forward", x, y, [](auto... rest) { cuarzo::upsample_nearest_forward(rest...); });
}

inline void upsample_nearest_backward(py::handle dy, py::handle dx) {
    resample_backward("upsample_nearest_backward", dy, dx,
                      [](auto... rest) { cuarzo::upsample_nearest_backward(rest...); });
}

inline void upsample_linear_forward(py::handle x, py::handle align_corners, py::handle y) {
    const bool aligned = Border("upsample_linear_forward").boolean("align_corners", align_corners);
    resample_forward("upsample_linear_forward", x, y, [&](const ResampleShape &shape, auto... rest) {
        cuarzo::upsample_linear_forward(shape, aligned, rest...);
    });
}

inline void upsample_linear_backward(py::handle dy, py::handle align_corners, py::handle dx) {
    const bool aligned = Border("upsample_linear_backward").boolean("align_corners", align_corners);
    resample_backward("upsample_linear_backward", dy, dx, [&](const ResampleShape &shape, auto... rest) {
        cuarzo::upsample_linear_backward(shape, aligned, rest...);
    });
}

// short (M, Q), indices (M, Q) into rows of long (M, K)
template <class Short, class Long>
UnpoolShape unpool_shape(const Border &border, const Short &x, const Array<const std::int64_t> &indices,
                         const char *long_name, const Long &y) {
    border.shape("indices", indices, "(M, Q)", x.shape);
    border.shape(long_name, y, "(M, K)", {x[0], y[1]});
    check_inside(border, indices, -1, y[1]);
    return {x[0], x[1], y[1]};
}

inline void max_unpool_forward(py::handle x, py::handle indices, py::handle y) {
    Border border("max_unpool_forward");
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        const auto X = border.in<T>("x", x, 2);
        const auto I = border.in<std::int64_t>("indices", indices, 2);
        const auto Y = border.out<T>("y", y, 2);
        const UnpoolShape shape = unpool_shape(border, X, I, "y", Y);
        unlocked([&] { cuarzo::max_unpool_forward<T>(shape, X.data, I.data, Y.data); });
    });
}

inline void max_unpool_backward(py::handle dy, py::handle indices, py::handle dx) {
    Border border("max_unpool_backward");
    for_dtype(border, "dy", dy, [&](auto zero) {
        using T = decltype(zero);
        const auto DY = border.in<T>("dy", dy, 2);
        const auto I = border.in<std::int64_t>("indices", indices, 2);
        const auto DX = border.out<T>("dx", dx, 2);
        const UnpoolShape shape = unpool_shape(border, DX, I, "dy", DY);
        unlocked([&] { cuarzo::max_unpool_backward<T>(shape, DY.data, I.data, DX.data); });
    });
}

} // namespace cuarzo::border
