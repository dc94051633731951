// What the recurrent networks share                                                  See naive/recurrent.py
//
//   blocks     Rows of the batch do not meet: a block of rows, as many as a register tile has, goes through all T steps
//              on one thread. The threads meet at the end of the sequence only, not at each step.
//   products   Only h w_hh' has to wait for the step before. w_hh is packed once per call (Step), and stays in the
//              cache while a block walks over it; the products with w_ih are one large product before the steps.
//   backwards  The steps leave the gradients by all pre-activations, da; x's and the weights' are large products of it.
//
// The blocks follow from the shape and the build, never from the number of threads.
#pragma once
#include "../simd/vecmath.hpp"
#include "gemm.hpp"

namespace cuarzo {

struct Sequence {
    Index T, N, I, U;
    const std::int64_t *lengths; // steps of each row; null: T for all
    Index rows() const { return T * N; }
    bool runs(Index t, Index n) const { return !lengths || t < lengths[n]; }
};

// body(i, part) for each vector of n elements: part.load and part.store reach no further than the last of them.
template <class T> struct Whole {
    Vec<T> load(const T *p) const { return cuarzo::load(p); }
    void store(T *p, Vec<T> v) const { cuarzo::store(p, v); }
};
template <class T> struct First {
    Index count;
    Vec<T> load(const T *p) const { return load_first(p, count); }
    void store(T *p, Vec<T> v) const { store_first(p, v, count); }
};
template <class T, class Body> CUARZO_INLINE void each_vector(Index n, Body body) {
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) body(i, Whole<T>{});
    if (i < n) body(i, First<T>{n - i});
}

// The rows of the batch in blocks. A sequence so small that it is over before a second thread has woken stays on one.
template <class T> struct Blocks {
    Index N, rows, count, slots;
    Blocks(const Sequence &s, Index outputs)
        : N(s.N),
          rows(s.N > 0 ? even_rows(s.N) : 1),
          count(ceil_div(s.N, rows)),
          slots(s.rows() * s.U * outputs < 65536 ? 1 : parallel_slots(count)) {}

    // body(rows of the block, slot)
    template <class Body> void each(Body body) const {
        parallel_for(count, slots, [&](Index block, Index slot) { body(Range(block, rows, N), slot); });
    }
};

// The product of a step: rows (M, depth) with a matrix (depth, columns) that is packed once for all steps.
template <class T> class Step {
  public:
    Step(Scratch &scratch, Matrix<T> matrix, Index depth, Index columns)
        : panels_(column_panels(matrix, columns)),
          depth_(depth) {
        T *packed = scratch.take<T>(columns + tile_columns<T>, depth);
        const Index slots = columns * depth < 65536 ? 1 : parallel_slots(panels_.count());
        parallel_for(panels_.count(), slots, [&](Index p, Index) { panels_.pack_one(p, 0, depth, packed); });
        packed_ = packed;
    }

    // c (+)= a matrix, a as `pack_rows` leaves it
    void operator()(Index rows, const T *a, T *c, Index c_row, bool add) const {
        for (Index p = 0; p < panels_.count(); ++p) {
            const Index n = panels_.width(p), column = p * panels_.panel;
            tile_for<T>(rows, n)(depth_, a, packed_ + column * depth_, c + column, c_row, n, add);
        }
    }

  private:
    Panels<T> panels_;
    Index depth_;
    const T *packed_;
};

// out[k * rows + i] = from[i * step + k]
template <class T> void pack_rows(const T *from, Index step, Index rows, Index depth, T *out) {
    if (rows == 1)
        std::copy_n(from, depth, out);
    else
        pack(Matrix<T>{from, step, 1}, rows, depth, rows, out);
}

// The sum of two biases, each of which may be missing.
template <class T> const T *bias_sum(Scratch &scratch, Index count, const T *one, const T *two) {
    T *sum = scratch.take<T>(count);
    for (Index k = 0; k < count; ++k) sum[k] = (one ? one[k] : T{0}) + (two ? two[k] : T{0});
    return sum;
}

template <class T> const T *zeros(Scratch &scratch, Index count) {
    T *row = scratch.take<T>(count);
    std::fill_n(row, count, T{0});
    return row;
}

// out[t, n] = x[t, n] w_ih', `count` rows of w_ih, the rows of out `step` apart.
template <class T> void input_products(const Sequence &s, const T *x, const T *w_ih, Index count, T *out, Index step) {
    gemm<T>(s.rows(), count, s.I, Matrix<T>{x, s.I, 1}, Matrix<T>{w_ih, 1, s.I}, out, step);
}

// d, the gradient by a block's state, goes one step back: d (+)= da w_hh in the rows that have the step.
template <class T>
void step_back(const Sequence &s, Index t, Range rows, const Step<T> &step, const T *packed, bool add, T *product,
               T *d) {
    const Index M = rows.end - rows.begin;
    if (!s.lengths) return step(M, packed, d, s.U, add);
    step(M, packed, product, s.U, false);
    for (Index m = 0; m < M; ++m)
        if (s.runs(t, rows.begin + m))
            for (Index i = m * s.U; i < (m + 1) * s.U; ++i) d[i] = add ? d[i] + product[i] : product[i];
}

// A row whose sequence is over: what comes in waits for the step that made its state.
template <class T> void wait(Index U, const T *dh, T *d, Index count, T *da) {
    for (Index u = 0; u < U; ++u) d[u] += dh[u];
    std::fill_n(da, count, T{0});
}

// dx[t, n] = da[t, n] w_ih, `count` columns of da, its rows `step` apart; 0 where the sequence is over.
template <class T> void input_gradient(const Sequence &s, const T *da, Index step, Index count, const T *w_ih, T *dx) {
    if (!dx) return;
    gemm<T>(s.rows(), s.I, count, Matrix<T>{da, step, 1}, Matrix<T>{w_ih, s.I, 1}, dx, s.I);
    for (Index t = 0; s.lengths && t < s.T; ++t)
        for (Index n = 0; n < s.N; ++n)
            if (!s.runs(t, n)) std::fill_n(dx + (t * s.N + n) * s.I, s.I, T{0});
}

// dw = sum of da' x over `rows` rows: da (rows, count) `step` apart, x (rows, width).
template <class T>
void weight_gradient(Index rows, const T *da, Index step, Index count, const T *x, Index width, T *dw) {
    gemm<T>(count, width, rows, Matrix<T>{da, 1, step}, Matrix<T>{x, width, 1}, dw, width);
}

// db = sum of da over its rows; db null: not wanted.
template <class T> void bias_gradient(Index rows, const T *da, Index step, Index count, T *db) {
    if (!db) return;
    constexpr Index wide = 4 * lanes<T>;
    const Index items = ceil_div(count, wide);
    parallel_for(items, rows * count < 65536 ? 1 : parallel_slots(items), [&](Index item, Index) {
        const Range columns(item, wide, count);
        T *to = db + columns.begin;
        const T *from = da + columns.begin;
        std::fill(to, db + columns.end, T{0});
        for (Index row = 0; row < rows; ++row, from += step)
            each_vector<T>(columns.end - columns.begin,
                           [&](Index i, auto part) { part.store(to + i, part.load(to + i) + part.load(from + i)); });
    });
}

// Two biases that are added have one gradient.
template <class T> void bias_gradients(Index rows, const T *da, Index count, T *db_ih, T *db_hh) {
    bias_gradient(rows, da, count, count, db_ih ? db_ih : db_hh);
    if (db_ih && db_hh) std::copy_n(db_ih, count, db_hh);
}

// x (T, N, width), with zeros where the sequence is over: NaN may stand there, and 0 NaN is no 0.
template <class T> const T *while_running(Scratch &scratch, const Sequence &s, const T *x, Index width) {
    if (!s.lengths) return x;
    T *copy = scratch.take<T>(s.rows(), width);
    for (Index t = 0; t < s.T; ++t)
        for (Index n = 0; n < s.N; ++n) {
            const Index at = (t * s.N + n) * width;
            if (s.runs(t, n))
                std::copy_n(x + at, width, copy + at);
            else
                std::fill_n(copy + at, width, T{0});
        }
    return copy;
}

// The states that the steps started from, (rows, U), and the first row of da that meets them: a first state of zeros is
// left out of the sums.
template <class T> struct States {
    const T *data;
    Index first;
};
template <class T> States<T> previous_states(Scratch &scratch, const Sequence &s, const T *h0, const T *h) {
    if (s.T == 1 && h0) return {h0, 0};
    if (!s.lengths && !h0) return {h, s.N};
    const Index state = s.N * s.U;
    T *copy = scratch.take<T>(s.rows(), s.U);
    if (h0)
        std::copy_n(h0, state, copy);
    else
        std::fill_n(copy, state, T{0});
    std::copy_n(h, (s.T - 1) * state, copy + state);
    return {while_running(scratch, s, static_cast<const T *>(copy), s.U), 0};
}

} // namespace cuarzo
