// Batch norm: each channel is a group                                            See naive/norm.py, norm_group.hpp
//
// A batch of single elements (K = 1, after a linear layer) has its channels in columns: there a vector takes a channel
// in each lane. Else it takes neighbours of one row, and channel follows channel.
#pragma once
#include "norm_group.hpp"

namespace cuarzo {

struct NormShape {
    Index rows, channels, columns; // N, C, K
};

// body(channel): as many channels to an item as hold `elements_per_item` elements
template <class Body> void for_channels(const NormShape &shape, Body body) {
    for_rows(shape.channels, shape.rows * shape.columns, body);
}

template <class T>
void batch_norm_rows(const NormShape &shape, const T *x, const T *weight, const T *bias, double eps, T *y, T *mean,
                     T *variance) {
    const Group group{shape.rows, shape.columns, shape.channels * shape.columns};
    const bool streamed = goes_past_caches<T>(shape.rows * group.stride);
    for_channels(shape, [=](Index c) {
        const T *from = x + c * shape.columns;
        moments(group, from, mean + c, variance + c);
        const T m = mean[c], inverse = inverse_deviation<T>(variance[c], eps);
        const T scale = weight ? weight[c] * inverse : inverse, shift = bias ? bias[c] : T{0};
        write_group<T>(group, y + c * shape.columns, streamed,
                       [=](Index i, auto part) { return (get(from + i, part) - m) * scale + shift; });
    });
}

template <class T>
void batch_norm_backward_rows(const NormShape &shape, const T *dy, const T *x, const T *weight, const T *mean,
                              const T *variance, double eps, T *dx, T *dweight, T *dbias) {
    const Group group{shape.rows, shape.columns, shape.channels * shape.columns};
    const bool streamed = goes_past_caches<T>(shape.rows * group.stride);
    const T *none = nullptr;
    for_channels(shape, [=](Index c) {
        const T *d = dy + c * shape.columns, *from = x + c * shape.columns;
        const T m = mean[c], inverse = inverse_deviation<T>(variance[c], eps);
        const auto sums = gradient_sums(group, d, from, none, m, inverse);
        if (dbias) dbias[c] = static_cast<T>(sums[0]);
        if (dweight) dweight[c] = static_cast<T>(sums[1]);
        const T mean_dy = static_cast<T>(sums[0] / group.count()), mean_dy_z = static_cast<T>(sums[1] / group.count());
        const T scale = weight ? weight[c] * inverse : inverse;
        write_group<T>(group, dx + c * shape.columns, streamed, [=](Index i, auto part) {
            const Vec<T> z = (get(from + i, part) - m) * inverse;
            return (get(d + i, part) - mean_dy - z * mean_dy_z) * scale;
        });
    });
}

// body(first, part): `part` columns of the matrix (N, C) from column `first` on, a channel in each lane
template <class T, class Body> void for_column_blocks(const NormShape &shape, Body body) {
    for_rows(ceil_div(shape.channels, lanes<T>), shape.rows * lanes<T>, [=](Index block) {
        const Range columns(block, lanes<T>, shape.channels);
        body(columns.begin, Part{columns.end - columns.begin});
    });
}

template <class T> Vec<T> lane_means(const double (&totals)[lanes<T>], Index rows) {
    Vec<T> mean;
    for (Index i = 0; i < lanes<T>; ++i) mean[i] = static_cast<T>(totals[i] / std::max(1.0, static_cast<double>(rows)));
    return mean;
}

template <class T> Vec<T> inverse_deviations(Vec<T> variance, double eps) {
    Vec<T> inverse;
    for (Index i = 0; i < lanes<T>; ++i) inverse[i] = inverse_deviation<T>(variance[i], eps);
    return inverse;
}

template <class T>
void batch_norm_columns(const NormShape &shape, const T *x, const T *weight, const T *bias, double eps, T *y, T *mean,
                        T *variance) {
    const Index N = shape.rows, C = shape.channels;
    for_column_blocks<T>(shape, [=](Index c, Part part) {
        double totals[1][lanes<T>];
        column_sums<1, T>(N, totals, [=](Index n, Vec<T> *sum) { *sum += get(x + n * C + c, part); });
        const Vec<T> m = lane_means<T>(totals[0], N);
        column_sums<1, T>(N, totals, [=](Index n, Vec<T> *sum) {
            const Vec<T> deviation = get(x + n * C + c, part) - m;
            *sum += deviation * deviation;
        });
        const Vec<T> v = lane_means<T>(totals[0], N), inverse = inverse_deviations<T>(v, eps);
        put<T>(mean + c, m, part);
        put<T>(variance + c, v, part);
        const Vec<T> scale = weight ? get<T>(weight + c, part) * inverse : inverse;
        const Vec<T> shift = bias ? get<T>(bias + c, part) : Vec<T>{};
        for (Index n = 0; n < N; ++n) put<T>(y + n * C + c, (get(x + n * C + c, part) - m) * scale + shift, part);
    });
}

template <class T>
void batch_norm_backward_columns(const NormShape &shape, const T *dy, const T *x, const T *weight, const T *mean,
                                 const T *variance, double eps, T *dx, T *dweight, T *dbias) {
    const Index N = shape.rows, C = shape.channels;
    for_column_blocks<T>(shape, [=](Index c, Part part) {
        const Vec<T> m = get(mean + c, part), inverse = inverse_deviations<T>(get(variance + c, part), eps);
        double totals[2][lanes<T>];
        column_sums<2, T>(N, totals, [=](Index n, Vec<T> *sum) {
            const Vec<T> d = get(dy + n * C + c, part);
            sum[0] += d;
            sum[1] += d * ((get(x + n * C + c, part) - m) * inverse);
        });
        for (Index i = 0; i < part.count; ++i) {
            if (dbias) dbias[c + i] = static_cast<T>(totals[0][i]);
            if (dweight) dweight[c + i] = static_cast<T>(totals[1][i]);
        }
        const Vec<T> mean_dy = lane_means<T>(totals[0], N), mean_dy_z = lane_means<T>(totals[1], N);
        const Vec<T> scale = weight ? get<T>(weight + c, part) * inverse : inverse;
        for (Index n = 0; n < N; ++n) {
            const Vec<T> z = (get(x + n * C + c, part) - m) * inverse;
            put<T>(dx + n * C + c, (get(dy + n * C + c, part) - mean_dy - z * mean_dy_z) * scale, part);
        }
    });
}

template <class T>
void batch_norm_forward(const NormShape &shape, const T *x, const T *weight, const T *bias, double eps, T *y, T *mean,
                        T *variance) {
    const auto run = shape.columns == 1 ? batch_norm_columns<T> : batch_norm_rows<T>;
    run(shape, x, weight, bias, eps, y, mean, variance);
}

template <class T>
void batch_norm_backward(const NormShape &shape, const T *dy, const T *x, const T *weight, const T *mean,
                         const T *variance, double eps, T *dx, T *dweight, T *dbias) {
    const auto run = shape.columns == 1 ? batch_norm_backward_columns<T> : batch_norm_backward_rows<T>;
    run(shape, dy, x, weight, mean, variance, eps, dx, dweight, dbias);
}

} // namespace cuarzo
