// Long short-term memory                                    See naive/lstm.py; recurrent_steps.hpp for how it is cut
#pragma once
#include "recurrent_steps.hpp"

namespace cuarzo {

// a holds the pre-activations without their bias, and then the gates (i, f, g, o).
template <class T> void lstm_row(Index U, const T *bias, const T *c_before, T *a, T *c, T *h) {
    each_vector<T>(U, [&](Index u, auto part) {
        const auto sum = [&](Index gate) { return part.load(a + gate * U + u) + part.load(bias + gate * U + u); };
        const Vec<T> i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = tanh(sum(2)), o = sigmoid(sum(3));
        const Vec<T> cell = f * part.load(c_before + u) + i * g;
        part.store(a + u, i);
        part.store(a + U + u, f);
        part.store(a + 2 * U + u, g);
        part.store(a + 3 * U + u, o);
        part.store(c + u, cell);
        part.store(h + u, o * tanh(cell));
    });
}

template <class T>
void lstm_forward(const Sequence &s, const T *x, const T *h0, const T *c0, const T *w_ih, const T *w_hh, const T *b_ih,
                  const T *b_hh, T *h, T *c, T *gates) {
    const Index U = s.U, G = 4 * U;
    Scratch scratch;
    const T *bias = bias_sum(scratch, G, b_ih, b_hh), *zero = zeros<T>(scratch, U);
    const Index I = inputs_in_step<T>(s, 4), depth = I + U;
    const Step<T> step(scratch, G, {{Matrix<T>{w_ih, 1, s.I}, I}, {Matrix<T>{w_hh, 1, U}, U}});
    const Blocks<T> blocks(s, 4);
    T *scratch_rows = scratch.take<T>(blocks.slots, blocks.rows, depth);
    if (I == 0) input_products(s, x, w_ih, G, gates, G); // pre-activations stand in gates until their step comes
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin;
        const StepRows<T> xh{scratch_rows + slot * blocks.rows * depth, M, depth};
        for (Index t = 0; t < s.T; ++t) {
            const Index at = t * s.N + rows.begin;
            const T *h_before = t > 0 ? h + (at - s.N) * U : h0 ? h0 + rows.begin * U : nullptr;
            if (I > 0) xh.set(0, I, x + at * I, I);
            if (h_before) xh.set(I, U, h_before, U);
            step(xh, 0, h_before ? depth : I, gates + at * G, G, I == 0);
            for (Index m = 0; m < M; ++m) {
                const Index n = rows.begin + m, row = (at + m) * U;
                const T *c_before = t > 0 ? c + row - s.N * U : c0 ? c0 + n * U : zero;
                if (s.runs(t, n)) {
                    lstm_row(U, bias, c_before, gates + row * 4, c + row, h + row);
                } else {
                    std::copy_n(h_before + m * U, U, h + row);
                    std::copy_n(c_before, U, c + row);
                    std::fill_n(gates + row * 4, G, T{0});
                }
            }
        }
    });
}

// da from d + dh and d_cell, the gradients by h and c; d_cell leaves as the gradient by c_before.
template <class T>
void lstm_row_back(Index U, const T *dh, const T *c_before, const T *c, const T *gates, const T *d, T *d_cell, T *da) {
    each_vector<T>(U, [&](Index u, auto part) {
        const Vec<T> i = part.load(gates + u), f = part.load(gates + U + u), g = part.load(gates + 2 * U + u),
                     o = part.load(gates + 3 * U + u);
        const Vec<T> dy = part.load(d + u) + part.load(dh + u), squashed = tanh(part.load(c + u));
        const Vec<T> cell = part.load(d_cell + u) + dy * o * (T{1} - squashed * squashed);
        part.store(da + u, cell * g * i * (T{1} - i));
        part.store(da + U + u, cell * part.load(c_before + u) * f * (T{1} - f));
        part.store(da + 2 * U + u, cell * i * (T{1} - g * g));
        part.store(da + 3 * U + u, dy * squashed * o * (T{1} - o));
        part.store(d_cell + u, cell * f);
    });
}

template <class T>
void lstm_backward(const Sequence &s, const T *dh, const T *dc, const T *x, const T *h0, const T *c0, const T *w_ih,
                   const T *w_hh, const T *h, const T *c, const T *gates, T *dx, T *dh0, T *dc0, T *dw_ih, T *dw_hh,
                   T *db_ih, T *db_hh) {
    const Index U = s.U, G = 4 * U;
    Scratch scratch;
    const T *zero = zeros<T>(scratch, U);
    const Step<T> step(scratch, U, {{Matrix<T>{w_hh, U, 1}, G}});
    const Blocks<T> blocks(s, 4);
    T *scratch_rows = scratch.take<T>(blocks.slots, 7, blocks.rows, U), *da = scratch.take<T>(s.rows(), G);
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin, size = blocks.rows * U;
        T *d = scratch_rows + slot * 7 * size, *d_cell = d + size, *product = d_cell + size;
        const StepRows<T> da_rows{product + size, M, G};
        std::fill_n(d, size, T{0});
        if (dc)
            std::copy_n(dc + rows.begin * U, M * U, d_cell);
        else
            std::fill_n(d_cell, size, T{0});
        for (Index t = s.T - 1; t >= 0; --t) {
            const Index at = t * s.N + rows.begin;
            for (Index m = 0; m < M; ++m) {
                const Index n = rows.begin + m, row = (at + m) * U;
                const T *c_before = t > 0 ? c + row - s.N * U : c0 ? c0 + n * U : zero;
                if (s.runs(t, n))
                    lstm_row_back(U, dh + row, c_before, c + row, gates + row * 4, d + m * U, d_cell + m * U,
                                  da + row * 4);
                else
                    wait(U, dh + row, d + m * U, G, da + row * 4);
            }
            da_rows.set(0, G, da + at * G, G);
            step_back(s, t, rows, step, da_rows, false, product, d);
        }
        if (dh0) std::copy_n(d, M * U, dh0 + rows.begin * U);
        if (dc0) std::copy_n(d_cell, M * U, dc0 + rows.begin * U);
    });
    input_gradient(s, da, G, G, w_ih, dx);
    weight_gradient(s.rows(), da, G, G, while_running(scratch, s, x, s.I), s.I, dw_ih);
    const States<T> states = previous_states(scratch, s, h0, h);
    weight_gradient(s.rows() - states.first, da + states.first * G, G, G, states.data, U, dw_hh);
    bias_gradients(s.rows(), da, G, db_ih, db_hh);
}

} // namespace cuarzo
