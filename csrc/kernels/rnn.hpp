// The simple recurrent network                               See naive/rnn.py; recurrent_steps.hpp for how it is cut
#pragma once
#include "recurrent_steps.hpp"

namespace cuarzo {

// h = f(h + bias), in place
template <class T> void rnn_row(Index U, bool relu, const T *bias, T *h) {
    each_vector<T>(U, [&](Index u, auto part) {
        const Vec<T> a = part.load(h + u) + part.load(bias + u);
        part.store(h + u, relu ? keep<T>(~(a <= Vec<T>{}), a) : tanh(a)); // not `a > 0`: NaN goes through
    });
}

template <class T>
void rnn_forward(const Sequence &s, const T *x, const T *h0, const T *w_ih, const T *w_hh, const T *b_ih, const T *b_hh,
                 bool relu, T *h) {
    const Index U = s.U;
    Scratch scratch;
    const T *bias = bias_sum(scratch, U, b_ih, b_hh);
    const Index I = inputs_in_step<T>(s, 1), depth = I + U;
    const Step<T> step(scratch, U, {{Matrix<T>{w_ih, 1, s.I}, I}, {Matrix<T>{w_hh, 1, U}, U}});
    const Blocks<T> blocks(s, 1);
    T *scratch_rows = scratch.take<T>(blocks.slots, blocks.rows, depth);
    if (I == 0) input_products(s, x, w_ih, U, h, U); // pre-activations stand in h until their step comes
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin;
        const StepRows<T> xh{scratch_rows + slot * blocks.rows * depth, M, depth};
        for (Index t = 0; t < s.T; ++t) {
            const Index at = t * s.N + rows.begin;
            const T *before = t > 0 ? h + (at - s.N) * U : h0 ? h0 + rows.begin * U : nullptr;
            if (I > 0) xh.set(0, I, x + at * I, I);
            if (before) xh.set(I, U, before, U);
            step(xh, 0, before ? depth : I, h + at * U, U, I == 0);
            for (Index m = 0; m < M; ++m)
                if (s.runs(t, rows.begin + m))
                    rnn_row(U, relu, bias, h + (at + m) * U);
                else
                    std::copy_n(before + m * U, U, h + (at + m) * U);
        }
    });
}

// da from d + dh, the gradient by h
template <class T> void rnn_row_back(Index U, bool relu, const T *dh, const T *h, const T *d, T *da) {
    each_vector<T>(U, [&](Index u, auto part) {
        const Vec<T> y = part.load(h + u), dy = part.load(d + u) + part.load(dh + u);
        part.store(da + u, relu ? keep<T>(~(y <= Vec<T>{}), dy) : dy * (T{1} - y * y));
    });
}

template <class T>
void rnn_backward(const Sequence &s, const T *dh, const T *x, const T *h0, const T *w_ih, const T *w_hh, const T *h,
                  bool relu, T *dx, T *dh0, T *dw_ih, T *dw_hh, T *db_ih, T *db_hh) {
    const Index U = s.U;
    Scratch scratch;
    const Step<T> step(scratch, U, {{Matrix<T>{w_hh, U, 1}, U}});
    const Blocks<T> blocks(s, 1);
    T *scratch_rows = scratch.take<T>(blocks.slots, 3, blocks.rows, U), *da = scratch.take<T>(s.rows(), U);
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin, size = blocks.rows * U;
        T *d = scratch_rows + slot * 3 * size, *product = d + size;
        const StepRows<T> da_rows{product + size, M, U};
        std::fill_n(d, size, T{0});
        for (Index t = s.T - 1; t >= 0; --t) {
            const Index at = t * s.N + rows.begin;
            for (Index m = 0; m < M; ++m) {
                const Index row = (at + m) * U;
                if (s.runs(t, rows.begin + m))
                    rnn_row_back(U, relu, dh + row, h + row, d + m * U, da + row);
                else
                    wait(U, dh + row, d + m * U, U, da + row);
            }
            da_rows.set(0, U, da + at * U, U);
            step_back(s, t, rows, step, da_rows, false, product, d);
        }
        if (dh0) std::copy_n(d, M * U, dh0 + rows.begin * U);
    });
    input_gradient(s, da, U, U, w_ih, dx);
    weight_gradient(s.rows(), da, U, U, while_running(scratch, s, x, s.I), s.I, dw_ih);
    const States<T> states = previous_states(scratch, s, h0, h);
    weight_gradient(s.rows() - states.first, da + states.first * U, U, U, states.data, U, dw_hh);
    bias_gradients(s.rows(), da, U, db_ih, db_hh);
}

} // namespace cuarzo
