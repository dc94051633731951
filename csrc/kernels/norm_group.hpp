// What batch norm and layer norm share                                                            See naive/norm.py
//
//   y  = (x - mean) / sqrt(variance + eps) weight + bias        mean and variance in two passes
//   dx = (dz - mean dz - z mean(dz z)) / sqrt(variance + eps)   dz = dy weight
//
// What shares a mean is a group: of batch norm a channel, N rows of K elements; of layer norm one row. Groups are what
// threads share out.
#pragma once
#include "row_sums.hpp"
#include "streams.hpp"

namespace cuarzo {

// One group: rows of n elements, `stride` apart.
struct Group {
    Index rows, n, stride;
    // The rows lie so far apart that the hardware does not expect the next one: it is asked for two rows ahead.
    Index ahead(Index row) const { return std::min(row + 2, rows - 1) * stride; }
    double count() const { return std::max(1.0, static_cast<double>(rows) * static_cast<double>(n)); }
};

// add(i, ahead, part, sum)
template <int count, class T, class Add> CUARZO_INLINE Sums<count> group_sums(const Group &group, Add add) {
    return sums_of_rows<count, T>(group.rows, group.n, [=](Index row, Index i, auto part, Vec<T> *sum) {
        add(row * group.stride + i, group.ahead(row) + i, part, sum);
    });
}

// to[i] = value(i, part) for all i of a group
template <class T, class Value> void write_group(const Group &group, T *to, bool streamed, Value value) {
    for (Index row = 0; row < group.rows; ++row) {
        const Index start = row * group.stride, ahead = group.ahead(row);
        write_row<T>(to + start, group.n, streamed, [=](Index i, auto part) {
            if (!streamed) __builtin_prefetch(to + ahead + i, 1);
            return value(start + i, part);
        });
    }
    if (streamed) streams_done();
}

template <class T> T inverse_deviation(double variance, double eps) {
    return static_cast<T>(1 / std::sqrt(variance + eps));
}

template <class T> CUARZO_INLINE void moments(const Group &group, const T *x, T *mean, T *variance) {
    const auto total = group_sums<1, T>(group, [=](Index i, Index ahead, auto part, Vec<T> *sum) {
        if (group.rows > 1) __builtin_prefetch(x + ahead);
        *sum += get(x + i, part);
    });
    const T m = static_cast<T>(total[0] / group.count());
    const auto squares = group_sums<1, T>(group, [=](Index i, Index, auto part, Vec<T> *sum) {
        const Vec<T> deviation = inside<T>(get(x + i, part), m, part) - m;
        *sum += deviation * deviation;
    });
    *mean = m;
    *variance = static_cast<T>(squares[0] / group.count());
}

// sum dz and sum dz z, with dz = dy weight[i], or dy where there is no weight for each element
template <class T>
CUARZO_INLINE Sums<2> gradient_sums(const Group &group, const T *dy, const T *x, const T *weight, T mean, T inverse) {
    return group_sums<2, T>(group, [=](Index i, Index ahead, auto part, Vec<T> *sum) {
        if (group.rows > 1) {
            __builtin_prefetch(dy + ahead);
            __builtin_prefetch(x + ahead);
        }
        const Vec<T> dz = weight ? get(dy + i, part) * get<T>(weight + i, part) : get(dy + i, part);
        sum[0] += dz;
        sum[1] += inside<T>(dz * ((get(x + i, part) - mean) * inverse), T{0}, part);
    });
}

} // namespace cuarzo
