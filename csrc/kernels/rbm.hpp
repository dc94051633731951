// Restricted Boltzmann machine                                                              See naive/rbm.py
//
//   mean = sigmoid(b + v w^T),   sample = u < mean          and the same the other way: a + h w
//   F(v) = -a.v - sum_j softplus(b_j + (v w^T)_j)
//
// The sums over the other layer are the product of gemm.hpp, written where the means will stand. One pass over them then
// adds the bias, takes the sigmoid, draws and compares, while each group of elements is in registers: random numbers
// never go to memory. A group is the numbers of 16 Philox blocks, wherever a row ends; threads take groups, and no
// element depends on who computed it.
#pragma once
#include "../parallel.hpp"
#include "../scratch.hpp"
#include "../simd/vecmath.hpp"
#include "gemm.hpp"
#include "random.hpp"
#include <cmath>

namespace cuarzo {

struct Draw { // where in which stream of random numbers
    std::uint64_t key, counter;
};

template <class T> inline constexpr Index group_numbers = philox_lanes * 16 / sizeof(T);

// Numbers first ... first + group_numbers - 1 of a draw; first is a multiple of that.
template <class T> void draw_group(const Draw &draw, Index first, T *u) {
    std::uint32_t words[4][philox_lanes];
    philox_blocks(draw.key, draw.counter + static_cast<std::uint64_t>(first / (16 / sizeof(T))), words);
    philox_convert(words, u);
}

// What follows a draw of so many numbers: it begins with the next block.
template <class T> Draw after(const Draw &draw, Index numbers) {
    return {draw.key, draw.counter + static_cast<std::uint64_t>(ceil_div(numbers, Index{16 / sizeof(T)}))};
}

// The bias once and once more, as far as a group that begins with the last unit reads: a group's biases are consecutive
// in it, though its elements run over the ends of rows.
template <class T> const T *repeated_bias(Scratch &scratch, const T *bias, Index units) {
    T *repeated = scratch.take<T>(units + group_numbers<T>);
    for (Index i = 0; i < units + group_numbers<T>; ++i) repeated[i] = bias[i % units];
    return repeated;
}

// Calls group(first, count) for each group of `numbers` elements.
template <class Group> void for_groups(Index size, Index numbers, Group group) {
    constexpr Index groups_per_item = 32;
    const Index items = ceil_div(size, numbers * groups_per_item);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range range(item, numbers * groups_per_item, size);
        for (Index i = range.begin; i < range.end; i += numbers) group(i, std::min(numbers, range.end - i));
    });
}

// mean: sums over the other layer in, means out; sample: may be null
template <class T> void bernoulli_layer(Index rows, Index units, const T *bias, const Draw &draw, T *mean, T *sample) {
    if (rows * units == 0) return;
    Scratch scratch;
    const T *biases = repeated_bias(scratch, bias, units);
    const Vec<T> on = broadcast(T{1}), off{};
    for_groups(rows * units, group_numbers<T>, [&](Index first, Index count) {
        T u[group_numbers<T>];
        if (sample) draw_group(draw, first, u);
        for (Index i = 0; i < count; i += lanes<T>) {
            const Index n = std::min(lanes<T>, count - i);
            const Vec<T> p = sigmoid(load_first(mean + first + i, n) + load(biases + first % units + i));
            store_first(mean + first + i, p, n);
            if (sample) store_first(sample + first + i, load(u + i) < p ? on : off, n);
        }
    });
}

// Two numbers make a normal one: sqrt(-2 log(1 - u)) cos(2 pi u'), Box and Muller.
template <class T> void gaussian_layer(Index rows, Index units, const T *bias, const Draw &draw, T *mean, T *sample) {
    if (rows * units == 0) return;
    Scratch scratch;
    const T *biases = repeated_bias(scratch, bias, units);
    for_groups(rows * units, group_numbers<T> / 2, [&](Index first, Index count) {
        T u[group_numbers<T>];
        if (sample) draw_group(draw, 2 * first, u);
        for (Index i = 0; i < count; ++i) {
            const T center = mean[first + i] + biases[first % units + i];
            mean[first + i] = center;
            if (!sample) continue;
            const T radius = std::sqrt(-2 * std::log(1 - u[2 * i]));
            sample[first + i] = center + radius * std::cos(T(6.28318530717958647693) * u[2 * i + 1]);
        }
    });
}

struct RbmShape { // rows N, visible units V, hidden units U; w is (U, V)
    Index rows, visible, hidden;
};

template <class T>
void rbm_hidden(const RbmShape &shape, const T *v, const T *w, const T *b, const Draw &draw, T *mean, T *sample) {
    matmul<T>(shape.rows, shape.hidden, shape.visible, v, false, w, true, mean);
    bernoulli_layer(shape.rows, shape.hidden, b, draw, mean, sample);
}

template <class T>
void rbm_visible(const RbmShape &shape, const T *h, const T *w, const T *a, bool gaussian, const Draw &draw, T *mean,
                 T *sample) {
    matmul<T>(shape.rows, shape.visible, shape.hidden, h, false, w, false, mean);
    (gaussian ? gaussian_layer<T> : bernoulli_layer<T>)(shape.rows, shape.visible, a, draw, mean, sample);
}

template <class T>
void rbm_gibbs(const RbmShape &shape, const T *h, const T *w, const T *a, const T *b, bool gaussian, Index steps,
               Draw draw, T *v_mean, T *v_sample, T *h_mean, T *h_sample) {
    for (Index step = 0; step < steps; ++step, h = h_sample) {
        rbm_visible(shape, h, w, a, gaussian, draw, v_mean, v_sample);
        draw = after<T>(draw, shape.rows * shape.visible * (gaussian ? 2 : 1));
        rbm_hidden(shape, v_sample, w, b, draw, h_mean, h_sample);
        draw = after<T>(draw, shape.rows * shape.hidden);
    }
}

// sum_j log(1 + e^(x_j + b_j))
template <class T> T softplus_sum(const T *x, const T *b, Index count) {
    Vec<T> total{};
    for (Index j = 0; j < count; j += lanes<T>) {
        const Index n = std::min(lanes<T>, count - j);
        const Vec<T> y = load_first(x + j, n) + load_first(b + j, n), zero{};
        total += keep<T>(first_lanes<T>(n), (y > 0 ? y : zero) + log1p(exp(-absolute<T>(y))));
    }
    return sum<T>(total);
}

// The visible units' own part of the energy. What lies beyond a row's end is 0 and adds nothing.
template <class T> T own_energy(const T *v, const T *a, Index count, bool gaussian) {
    Vec<T> total{};
    for (Index i = 0; i < count; i += lanes<T>) {
        const Index n = std::min(lanes<T>, count - i);
        const Vec<T> x = load_first(v + i, n), center = load_first(a + i, n);
        total += gaussian ? (x - center) * (x - center) : x * center;
    }
    return gaussian ? sum<T>(total) / 2 : -sum<T>(total);
}

template <class T>
void rbm_free_energy(const RbmShape &shape, const T *v, const T *w, const T *a, const T *b, bool gaussian, T *f) {
    const Index block = std::min<Index>(shape.rows, 1024); // bounds the scratch
    Scratch scratch;
    T *sums = scratch.take<T>(block, shape.hidden);
    for (Index begin = 0; begin < shape.rows; begin += block) {
        const Index rows = std::min(block, shape.rows - begin);
        const T *from = v + begin * shape.visible;
        matmul<T>(rows, shape.hidden, shape.visible, from, false, w, true, sums);
        parallel_for(rows, parallel_slots(rows), [&](Index n, Index) {
            f[begin + n] = own_energy(from + n * shape.visible, a, shape.visible, gaussian) -
                           softplus_sum(sums + n * shape.hidden, b, shape.hidden);
        });
    }
}

} // namespace cuarzo
