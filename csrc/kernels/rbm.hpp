// Restricted Boltzmann machine                                                              See naive/rbm.py
//
//   mean = sigmoid(b + v w^T),   sample = u < mean          and the same the other way: a + h w
//   F(v) = -a.v - sum_j softplus(b_j + (v w^T)_j)
//
// Samples are zeros and ones, so the sums over the other layer are those of binary_product.hpp, where rows are many
// enough and the weights finite; else, and where the given layer is real, those of gemm.hpp. As soon as some columns
// of some rows are summed up, a pass over them adds the bias, takes the sigmoid, draws and compares while they are in
// the cache: random numbers never go to memory. Within a chain the states stay bits from layer to layer; only the last
// step writes means and samples.
#pragma once
#include "../simd/vecmath.hpp"
#include "binary_product.hpp"
#include "random.hpp"
#include <cmath>

namespace cuarzo {

struct Draw { // where in which stream of random numbers
    std::uint64_t key, counter;
};

// What follows a draw of so many numbers: it begins with the next block.
template <class T> Draw after(const Draw &draw, Index numbers) {
    return {draw.key, draw.counter + static_cast<std::uint64_t>(ceil_div(numbers, Index{16 / sizeof(T)}))};
}

// Numbers first ... first + count - 1 of a draw, at most philox_group<T>: where in the buffer they begin. They begin
// within a block where a row's length is no multiple of a block's.
template <class T> CUARZO_INLINE const T *draw_numbers(const Draw &draw, Index first, Index count, T *buffer) {
    constexpr Index per_block = 16 / sizeof(T);
    const std::uint64_t block = draw.counter + static_cast<std::uint64_t>(first / per_block);
    const Index begin = first % per_block;
    philox_numbers(draw.key, block, buffer);
    if (begin + count > philox_group<T>) philox_numbers(draw.key, block + philox_lanes, buffer + philox_group<T>);
    return buffer + begin;
}

// A layer to be found from its sums, a piece of a row at a time. mean, sample, bits: where they are wanted
template <class T> struct Layer {
    Index rows, units;
    const T *bias;
    Draw draw;
    T *mean, *sample;
    std::uint32_t *bits;
};

// Units j ... j + count - 1 of row n
template <class T> void bernoulli_units(const Layer<T> &layer, Index n, Index j, Index count, const T *sums) {
    const Index first = n * layer.units + j;
    const Vec<T> on = broadcast(T{1}), off{};
    T numbers[2 * philox_group<T>];
    const bool draws = layer.sample || layer.bits;
    const T *u = draws ? draw_numbers(layer.draw, first, count, numbers) : numbers;
    std::uint64_t bits = 0;
    for (Index i = 0; i < count; i += lanes<T>) {
        const Index some = std::min(lanes<T>, count - i);
        const Vec<T> p = sigmoid(load_first(sums + i, some) + load_first(layer.bias + j + i, some));
        if (layer.mean) store_first(layer.mean + first + i, p, some);
        if (!draws) continue;
        const Mask<T> chosen = (load(u + i) < p) & first_lanes<T>(some);
        if (layer.sample) store_first(layer.sample + first + i, chosen ? on : off, some);
        bits |= static_cast<std::uint64_t>(lane_bits<T>(chosen)) << i;
    }
    if (layer.bits) put_bits(bits, n, j, count, layer.rows, layer.bits);
}

// Two numbers make a normal one: sqrt(-2 log(1 - u)) cos(2 pi u'), Box and Muller.
template <class T> void gaussian_units(const Layer<T> &layer, Index n, Index j, Index count, const T *sums) {
    const Index first = n * layer.units + j;
    T numbers[2 * philox_group<T>];
    for (Index i = 0; i < count; i += philox_group<T> / 2) {
        const Index some = std::min(philox_group<T> / 2, count - i);
        const T *u = layer.sample ? draw_numbers(layer.draw, 2 * (first + i), 2 * some, numbers) : numbers;
        for (Index k = 0; k < some; ++k) {
            const T center = sums[i + k] + layer.bias[j + i + k];
            layer.mean[first + i + k] = center;
            if (!layer.sample) continue;
            const T radius = std::sqrt(-2 * std::log(1 - u[2 * k]));
            layer.sample[first + i + k] = center + radius * std::cos(T(6.28318530717958647693) * u[2 * k + 1]);
        }
    }
}

template <class T> void find_units(const Layer<T> &layer, bool gaussian, Index n, Index j, Index count, const T *sums) {
    (gaussian ? gaussian_units<T> : bernoulli_units<T>)(layer, n, j, count, sums);
}

// The layer given the other one as bits, w (inputs, units); false where a weight is not finite.
template <class T>
bool layer_of_bits(const Layer<T> &layer, bool gaussian, Index inputs, const std::uint32_t *bits, Matrix<T> w) {
    return multiply_binary<T>(layer.rows, layer.units, {{bits, inputs, w}},
                              [&](Range rows, Range columns, const T *sums, Index width) {
                                  for (Index n = rows.begin; n < rows.end; ++n, sums += width)
                                      find_units(layer, gaussian, n, columns.begin, columns.end - columns.begin, sums);
                              });
}

// The layer given the other one as any numbers; the sums stand where the means will.
template <class T> void layer_of_any(const Layer<T> &layer, bool gaussian, Index inputs, const T *x, Matrix<T> w) {
    gemm<T>(layer.rows, layer.units, inputs, Matrix<T>{x, inputs, 1}, w, layer.mean, layer.units);
    const Index across = ceil_div(layer.units, binary_columns<T>),
                few = std::max<Index>(1, 32 / std::max<Index>(1, across));
    const Index items = ceil_div(layer.rows, few);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range rows(item, few, layer.rows);
        for (Index n = rows.begin; n < rows.end; ++n)
            for (Index j = 0; j < layer.units; j += binary_columns<T>)
                find_units(layer, gaussian, n, j, std::min(binary_columns<T>, layer.units - j),
                           layer.mean + n * layer.units + j);
    });
}

template <class T> void find_layer(const Layer<T> &layer, bool gaussian, Index inputs, const T *x, Matrix<T> w) {
    if (layer.rows >= least_binary_rows) {
        Scratch scratch;
        std::uint32_t *bits = scratch.take<std::uint32_t>(bit_words(inputs), layer.rows);
        if (pack_bits(x, layer.rows, inputs, bits) && layer_of_bits(layer, gaussian, inputs, bits, w)) return;
    }
    layer_of_any(layer, gaussian, inputs, x, w);
}

struct RbmShape { // rows N, visible units V, hidden units U; w is (U, V)
    Index rows, visible, hidden;
};

template <class T>
void rbm_hidden(const RbmShape &shape, const T *v, const T *w, const T *b, const Draw &draw, T *mean, T *sample) {
    find_layer(Layer<T>{shape.rows, shape.hidden, b, draw, mean, sample, nullptr}, false, shape.visible, v,
               Matrix<T>{w, 1, shape.visible});
}

template <class T>
void rbm_visible(const RbmShape &shape, const T *h, const T *w, const T *a, bool gaussian, const Draw &draw, T *mean,
                 T *sample) {
    find_layer(Layer<T>{shape.rows, shape.visible, a, draw, mean, sample, nullptr}, gaussian, shape.hidden, h,
               Matrix<T>{w, shape.visible, 1});
}

// A chain whose states are bits until the last step; false where h is not binary, or a weight not finite.
template <class T>
bool binary_gibbs(const RbmShape &shape, const T *h, const T *w, const T *a, const T *b, Index steps, Draw draw,
                  T *v_mean, T *v_sample, T *h_mean, T *h_sample) {
    if (shape.rows < least_binary_rows) return false;
    Scratch scratch;
    std::uint32_t *visible = scratch.take<std::uint32_t>(bit_words(shape.visible), shape.rows);
    std::uint32_t *hidden = scratch.take<std::uint32_t>(bit_words(shape.hidden), shape.rows);
    if (!pack_bits(h, shape.rows, shape.hidden, hidden)) return false;
    for (Index step = 1; step <= steps; ++step) {
        Layer<T> v{shape.rows, shape.visible, a, draw, nullptr, nullptr, visible};
        draw = after<T>(draw, shape.rows * shape.visible);
        Layer<T> next{shape.rows, shape.hidden, b, draw, nullptr, nullptr, hidden};
        draw = after<T>(draw, shape.rows * shape.hidden);
        if (step == steps) v.mean = v_mean, v.sample = v_sample, next.mean = h_mean, next.sample = h_sample;
        if (!layer_of_bits(v, false, shape.hidden, hidden, Matrix<T>{w, shape.visible, 1})) return false;
        if (!layer_of_bits(next, false, shape.visible, visible, Matrix<T>{w, 1, shape.visible})) return false;
    }
    return true;
}

template <class T>
void rbm_gibbs(const RbmShape &shape, const T *h, const T *w, const T *a, const T *b, bool gaussian, Index steps,
               Draw draw, T *v_mean, T *v_sample, T *h_mean, T *h_sample) {
    if (!gaussian && binary_gibbs(shape, h, w, a, b, steps, draw, v_mean, v_sample, h_mean, h_sample)) return;
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
