// What batch norm and layer norm share                                                            See naive/norm.py
//
//   y  = (x - mean) / sqrt(variance + eps) weight + bias        mean and variance in two passes
//   dx = (dz - mean dz - z mean(dz z)) / sqrt(variance + eps)   dz = dy weight
//
// What shares a mean is a group: of batch norm a channel, N rows of K elements; of layer norm one row. Groups are what
// threads share out.
#pragma once
#include "row_sums.hpp"

namespace cuarzo {

// One group: rows of n elements, `stride` apart.
struct Group {
    Index rows, n, stride;
    double count() const { return std::max(1.0, static_cast<double>(rows) * static_cast<double>(n)); }
};

template <int count, class T, class Add> Sums<count> group_sums(const Group &group, Add add) {
    Sums<count> total{};
    for (Index row = 0; row < group.rows; ++row) {
        const Sums<count> sums = row_sums<count, T>(
            group.n, [=](Index i, auto part, Vec<T> *sum) { add(row * group.stride + i, part, sum); });
        for (int k = 0; k < count; ++k) total[k] += sums[k];
    }
    return total;
}

template <class T, class Body> void for_group(const Group &group, Body body) {
    for (Index row = 0; row < group.rows; ++row)
        for_vectors<T>(group.n, [=](Index i, auto part) { body(row * group.stride + i, part); });
}

template <class T> T inverse_deviation(double variance, double eps) {
    return static_cast<T>(1 / std::sqrt(variance + eps));
}

template <class T> void moments(const Group &group, const T *x, T *mean, T *variance) {
    const T m = static_cast<T>(
        group_sums<1, T>(group, [=](Index i, auto part, Vec<T> *sum) { *sum += get(x + i, part); })[0] / group.count());
    const auto squares = group_sums<1, T>(group, [=](Index i, auto part, Vec<T> *sum) {
        const Vec<T> deviation = inside<T>(get(x + i, part), m, part) - m;
        *sum += deviation * deviation;
    });
    *mean = m;
    *variance = static_cast<T>(squares[0] / group.count());
}

// sum dz and sum dz z, with dz = dy weight[i], or dy where there is no weight for each element
template <class T>
Sums<2> gradient_sums(const Group &group, const T *dy, const T *x, const T *weight, T mean, T inverse) {
    return group_sums<2, T>(group, [=](Index i, auto part, Vec<T> *sum) {
        const Vec<T> dz = weight ? get(dy + i, part) * get<T>(weight + i, part) : get(dy + i, part);
        sum[0] += dz;
        sum[1] += inside<T>(dz * ((get(x + i, part) - mean) * inverse), T{0}, part);
    });
}

} // namespace cuarzo
