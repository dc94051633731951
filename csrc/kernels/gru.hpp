// The gated recurrent unit                                   See naive/gru.py; recurrent_steps.hpp for how it is cut
//
// The gates' four columns (r, z, n, m) hold, before the activations: both sides' sum for r and z, the input's side for
// n, the state's side for m. Backwards da has the same columns: the input's side is (r, z, n), the state's (r, z, m).
#pragma once
#include "recurrent_steps.hpp"

namespace cuarzo {

// a holds the pre-activations without their bias, and then the gates.
template <class T> void gru_row(Index U, const T *bias, const T *before, T *a, T *h) {
    each_vector<T>(U, [&](Index u, auto part) {
        const auto sum = [&](Index gate) { return part.load(a + gate * U + u) + part.load(bias + gate * U + u); };
        const Vec<T> r = sigmoid(sum(0)), z = sigmoid(sum(1)), m = sum(3), n = tanh(sum(2) + r * m);
        part.store(a + u, r);
        part.store(a + U + u, z);
        part.store(a + 2 * U + u, n);
        part.store(a + 3 * U + u, m);
        part.store(h + u, (T{1} - z) * n + z * part.load(before + u));
    });
}

// The biases of the four columns.
template <class T> const T *gru_bias(Scratch &scratch, Index U, const T *b_ih, const T *b_hh) {
    T *bias = scratch.take<T>(4 * U);
    for (Index k = 0; k < 4 * U; ++k) {
        const bool input = k < 3 * U, state = k < 2 * U || !input;
        bias[k] = (b_ih && input ? b_ih[k] : T{0}) + (b_hh && state ? b_hh[input ? k : k - U] : T{0});
    }
    return bias;
}

template <class T>
void gru_forward(const Sequence &s, const T *x, const T *h0, const T *w_ih, const T *w_hh, const T *b_ih, const T *b_hh,
                 T *h, T *gates) {
    const Index U = s.U, G = 4 * U;
    Scratch scratch;
    const T *bias = gru_bias(scratch, U, b_ih, b_hh), *zero = zeros<T>(scratch, U);
    const Index I = inputs_in_step<T>(s, 3), depth = I + U;
    const Step<T> step_rz(scratch, 2 * U, {{Matrix<T>{w_ih, 1, s.I}, I}, {Matrix<T>{w_hh, 1, U}, U}}),
        step_n(scratch, U, {{Matrix<T>{w_ih + 2 * U * s.I, 1, s.I}, I}}),
        step_m(scratch, U, {{Matrix<T>{w_hh + 2 * U * U, 1, U}, U}});
    const Blocks<T> blocks(s, 3);
    T *scratch_rows = scratch.take<T>(blocks.slots, blocks.rows, depth);
    if (I == 0) input_products(s, x, w_ih, 3 * U, gates, G);
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin;
        const StepRows<T> xh{scratch_rows + slot * blocks.rows * depth, M, depth};
        for (Index t = 0; t < s.T; ++t) {
            const Index at = t * s.N + rows.begin;
            const T *before = t > 0 ? h + (at - s.N) * U : h0 ? h0 + rows.begin * U : nullptr;
            T *a = gates + at * G;
            if (I > 0) xh.set(0, I, x + at * I, I);
            if (before) xh.set(I, U, before, U);
            step_rz(xh, 0, before ? depth : I, a, G, I == 0);
            if (I > 0) step_n(xh, 0, I, a + 2 * U, G, false);
            step_m(xh, I, before ? U : 0, a + 3 * U, G, false);
            for (Index m = 0; m < M; ++m) {
                const Index row = (at + m) * U;
                if (s.runs(t, rows.begin + m)) {
                    gru_row(U, bias, before ? before + m * U : zero, gates + row * 4, h + row);
                } else {
                    std::copy_n(before + m * U, U, h + row);
                    std::fill_n(gates + row * 4, G, T{0});
                }
            }
        }
    });
}

// da from d + dh, the gradient by h; d leaves as the part of the gradient by `before` that goes past the gates.
template <class T> void gru_row_back(Index U, const T *dh, const T *before, const T *gates, T *d, T *da) {
    each_vector<T>(U, [&](Index u, auto part) {
        const Vec<T> r = part.load(gates + u), z = part.load(gates + U + u), n = part.load(gates + 2 * U + u),
                     m = part.load(gates + 3 * U + u);
        const Vec<T> dy = part.load(d + u) + part.load(dh + u), dn = dy * (T{1} - z) * (T{1} - n * n);
        part.store(da + u, dn * m * r * (T{1} - r));
        part.store(da + U + u, dy * (part.load(before + u) - n) * z * (T{1} - z));
        part.store(da + 2 * U + u, dn);
        part.store(da + 3 * U + u, dn * r);
        part.store(d + u, dy * z);
    });
}

template <class T>
void gru_backward(const Sequence &s, const T *dh, const T *x, const T *h0, const T *w_ih, const T *w_hh, const T *h,
                  const T *gates, T *dx, T *dh0, T *dw_ih, T *dw_hh, T *db_ih, T *db_hh) {
    const Index U = s.U, G = 4 * U;
    Scratch scratch;
    const T *zero = zeros<T>(scratch, U);
    const Step<T> step(scratch, U, {{Matrix<T>{w_hh, U, 1}, 3 * U}});
    const Blocks<T> blocks(s, 3);
    T *scratch_rows = scratch.take<T>(blocks.slots, 5, blocks.rows, U), *da = scratch.take<T>(s.rows(), G);
    blocks.each([&](Range rows, Index slot) {
        const Index M = rows.end - rows.begin, size = blocks.rows * U;
        T *d = scratch_rows + slot * 5 * size, *product = d + size;
        const StepRows<T> da_rows{product + size, M, 3 * U};
        std::fill_n(d, size, T{0});
        for (Index t = s.T - 1; t >= 0; --t) {
            const Index at = t * s.N + rows.begin;
            for (Index m = 0; m < M; ++m) {
                const Index n = rows.begin + m, row = (at + m) * U;
                const T *before = t > 0 ? h + row - s.N * U : h0 ? h0 + n * U : zero;
                if (s.runs(t, n))
                    gru_row_back(U, dh + row, before, gates + row * 4, d + m * U, da + row * 4);
                else
                    wait(U, dh + row, d + m * U, G, da + row * 4);
            }
            da_rows.set(0, 2 * U, da + at * G, G);
            da_rows.set(2 * U, U, da + at * G + 3 * U, G);
            step_back(s, t, rows, step, da_rows, true, product, d);
        }
        if (dh0) std::copy_n(d, M * U, dh0 + rows.begin * U);
    });
    input_gradient(s, da, G, 3 * U, w_ih, dx);
    weight_gradient(s.rows(), da, G, 3 * U, while_running(scratch, s, x, s.I), s.I, dw_ih);
    bias_gradient(s.rows(), da, G, 3 * U, db_ih);
    const States<T> states = previous_states(scratch, s, h0, h);
    const T *met = da + states.first * G;
    weight_gradient(s.rows() - states.first, met, G, 2 * U, states.data, U, dw_hh);
    weight_gradient(s.rows() - states.first, met + 3 * U, G, U, states.data, U, dw_hh + 2 * U * U);
    bias_gradient(s.rows(), da, G, 2 * U, db_hh);
    bias_gradient(s.rows(), da + 3 * U, G, U, db_hh ? db_hh + 2 * U : nullptr);
}

} // namespace cuarzo
