// Layer norm: each row is a group; a weight and a bias for each column          See naive/norm.py, norm_group.hpp
#pragma once
#include "../scratch.hpp"
#include "norm_group.hpp"

namespace cuarzo {

template <class T>
void layer_norm_forward(Index rows, Index n, const T *x, const T *weight, const T *bias, double eps, T *y, T *mean,
                        T *variance) {
    for_rows(rows, n, [=](Index row) {
        const T *from = x + row * n;
        T *to = y + row * n;
        moments({1, n, n}, from, mean + row, variance + row);
        const T m = mean[row], inverse = inverse_deviation<T>(variance[row], eps);
        for_vectors<T>(n, [=](Index i, auto part) {
            Vec<T> z = (get(from + i, part) - m) * inverse;
            if (weight) z *= get<T>(weight + i, part);
            if (bias) z += get<T>(bias + i, part);
            put<T>(to + i, z, part);
        });
    });
}

// dweight = sum dy z and dbias = sum dy down the columns, a vector of columns at a time
template <class T>
void layer_norm_parameters(Index rows, Index n, const T *dy, const T *x, const T *mean, const T *inverse, T *dweight,
                           T *dbias) {
    const Index items = ceil_div(n, lanes<T>);
    parallel_for(items, parallel_slots(rows * n > elements_per_item ? items : 1), [=](Index item, Index) {
        const Range columns(item, lanes<T>, n);
        const Part part{columns.end - columns.begin};
        double totals[2][lanes<T>];
        column_sums<2, T>(rows, totals, [=](Index row, Vec<T> *sum) {
            const Vec<T> d = get(dy + row * n + columns.begin, part);
            sum[0] += d;
            sum[1] += d * ((get(x + row * n + columns.begin, part) - mean[row]) * inverse[row]);
        });
        for (Index i = 0; i < part.count; ++i) {
            if (dbias) dbias[columns.begin + i] = static_cast<T>(totals[0][i]);
            if (dweight) dweight[columns.begin + i] = static_cast<T>(totals[1][i]);
        }
    });
}

template <class T>
void layer_norm_backward(Index rows, Index n, const T *dy, const T *x, const T *weight, const T *mean,
                         const T *variance, double eps, T *dx, T *dweight, T *dbias) {
    Scratch scratch;
    T *inverse = scratch.take<T>(rows);
    for (Index row = 0; row < rows; ++row) inverse[row] = inverse_deviation<T>(variance[row], eps);
    for_rows(rows, n, [=](Index row) {
        const T *d = dy + row * n, *from = x + row * n, m = mean[row], scale = inverse[row];
        const Group group{1, n, n};
        const auto sums = gradient_sums(group, d, from, weight, m, scale);
        const T mean_dz = static_cast<T>(sums[0] / group.count()), mean_dz_z = static_cast<T>(sums[1] / group.count());
        T *to = dx + row * n;
        for_vectors<T>(n, [=](Index i, auto part) {
            const Vec<T> z = (get(from + i, part) - m) * scale;
            const Vec<T> dz = weight ? get(d + i, part) * get<T>(weight + i, part) : get(d + i, part);
            put<T>(to + i, (dz - mean_dz - z * mean_dz_z) * scale, part);
        });
    });
    if (dweight || dbias) layer_norm_parameters(rows, n, dy, x, mean, inverse, dweight, dbias);
}

} // namespace cuarzo
