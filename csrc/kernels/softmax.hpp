// Softmax and cross-entropy                                                                See naive/softmax.py
//
//   y[k] = e^(x[k] - X) / S,   X = max x,   S = sum e^(x[k] - X)
//
// A row at a time, which stays in the cache for its three passes: maximum, exponentials and their sum, quotients.
#pragma once
#include "row_sums.hpp"
#include <limits>

namespace cuarzo {

// A NaN may be passed over here: it comes back in the sum.
template <class T> T row_maximum(const T *x, Index n) {
    constexpr T least = -std::numeric_limits<T>::infinity();
    Vec<T> best = broadcast(least);
    for_vectors<T>(n, [&](Index i, auto part) { best = larger<T>(inside<T>(get(x + i, part), least, part), best); });
    T lane[lanes<T>];
    store(lane, best);
    return *std::max_element(lane, lane + lanes<T>);
}

// y = e^(x - maximum); returns the sum
template <class T> T row_exponentials(const T *x, T maximum, Index n, T *y) {
    return static_cast<T>(row_sums<1, T>(n, [=](Index i, auto part, Vec<T> *sum) {
        const Vec<T> e = exp_of<T>(get(x + i, part) - maximum);
        put<T>(y + i, e, part);
        *sum += inside<T>(e, T{0}, part);
    })[0]);
}

template <class T> T row_exponential_sum(const T *x, T maximum, Index n) {
    return static_cast<T>(row_sums<1, T>(n, [=](Index i, auto part, Vec<T> *sum) {
        *sum += inside<T>(exp_of<T>(get(x + i, part) - maximum), T{0}, part);
    })[0]);
}

template <class T> void divide_row(T *y, T total, Index n) {
    for_vectors<T>(n, [=](Index i, auto part) { put<T>(y + i, get(y + i, part) / total, part); });
}

template <class T> void softmax_forward(Index rows, Index n, const T *x, T *y) {
    for_rows(rows, n, [=](Index row) {
        const T *from = x + row * n;
        T *to = y + row * n;
        divide_row(to, row_exponentials(from, row_maximum(from, n), n, to), n);
    });
}

template <class T> void softmax_backward(Index rows, Index n, const T *dy, const T *y, T *dx) {
    for_rows(rows, n, [=](Index row) {
        const T *d = dy + row * n, *p = y + row * n;
        const T mean = static_cast<T>(row_sums<1, T>(
            n, [=](Index i, auto part, Vec<T> *sum) { *sum += get(d + i, part) * get(p + i, part); })[0]);
        T *to = dx + row * n;
        for_vectors<T>(n,
                       [=](Index i, auto part) { put<T>(to + i, get(p + i, part) * (get(d + i, part) - mean), part); });
    });
}

template <class T> void log_softmax_forward(Index rows, Index n, const T *x, T *y) {
    for_rows(rows, n, [=](Index row) {
        const T *from = x + row * n;
        const T maximum = row_maximum(from, n), log_total = std::log(row_exponential_sum(from, maximum, n));
        T *to = y + row * n;
        for_vectors<T>(n,
                       [=](Index i, auto part) { put<T>(to + i, (get(from + i, part) - maximum) - log_total, part); });
    });
}

template <class T> void log_softmax_backward(Index rows, Index n, const T *dy, const T *y, T *dx) {
    for_rows(rows, n, [=](Index row) {
        const T *d = dy + row * n, *log_p = y + row * n;
        const T total =
            static_cast<T>(row_sums<1, T>(n, [=](Index i, auto part, Vec<T> *sum) { *sum += get(d + i, part); })[0]);
        T *to = dx + row * n;
        for_vectors<T>(n, [=](Index i, auto part) {
            put<T>(to + i, get(d + i, part) - exp_of<T>(get(log_p + i, part)) * total, part);
        });
    });
}

template <class T>
void cross_entropy_forward(Index rows, Index n, const T *x, const std::int64_t *labels, T *loss, T *probability) {
    for_rows(rows, n, [=](Index row) {
        const T *from = x + row * n;
        const T maximum = row_maximum(from, n);
        const T total = row_exponentials(from, maximum, n, probability + row * n);
        loss[row] = std::log(total) - (from[labels[row]] - maximum);
        divide_row(probability + row * n, total, n);
    });
}

template <class T>
void cross_entropy_backward(Index rows, Index n, const T *dloss, const T *probability, const std::int64_t *labels,
                            T *dx) {
    for_rows(rows, n, [=](Index row) {
        const T *p = probability + row * n, d = dloss[row];
        T *to = dx + row * n;
        for_vectors<T>(n, [=](Index i, auto part) { put<T>(to + i, d * get(p + i, part), part); });
        to[labels[row]] = d * (p[labels[row]] - 1);
    });
}

} // namespace cuarzo
