// What the recurrent networks share                                                  See naive/recurrent.py
//
//   blocks     Rows of the batch do not meet: a block of rows goes through all T steps on one thread. The threads meet
//              at the end of the sequence only, not at each step.
//   products   The weights are packed once per call (Step) and stay in the cache while a block walks over them. Those of
//              the inputs are part of the step, [x h] [w_ih w_hh]': the products with all x at once would go to memory
//              and back. Weights too many for the cache are not read more often than need be: there x w_ih' is one large
//              product before the steps.
//   backwards  The steps leave the gradients by all pre-activations, da; x's and the weights' are large products of it.
//
// The blocks follow from the shape and the build, never from the number of threads.
#pragma once
#include "../simd/vecmath.hpp"
#include "gemm.hpp"
#include <initializer_list>

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

inline constexpr Index cached_bytes = 1 << 19; // of weights, that stay in the second cache beside what else is there

// The rows of the batch in blocks of one register tile, or of two where the weights leave the cache between two steps:
// both tiles then meet each panel of them. A sequence that is over before a second thread has woken stays on one.
template <class T> struct Blocks {
    Index N, rows, count, slots;
    Blocks(const Sequence &s, Index outputs)
        : N(s.N),
          rows(s.N > 0 ? even_block(s.N, tiles(s.U * s.U * outputs) * tile_rows) : 1),
          count(ceil_div(s.N, rows)),
          slots(s.rows() * s.U * outputs < 65536 ? 1 : parallel_slots(count)) {}
    static Index tiles(Index weights) { return weights * Index{sizeof(T)} > cached_bytes ? 2 : 1; }

    // body(rows of the block, slot)
    template <class Body> void each(Body body) const {
        parallel_for(count, slots, [&](Index block, Index slot) { body(Range(block, rows, N), slot); });
    }
};

// The left side of a step's product, as tiles read it: one tile of rows after the other, each [k][row].
template <class T> struct StepRows {
    T *packed;
    Index rows, depth;
    Index tile = even_rows(rows);

    // Columns first ... first + count are those of `from`, whose rows are `step` apart.
    void set(Index first, Index count, const T *from, Index step) const {
        for (Index m = 0; m < rows; m += tile) {
            const Index M = std::min(tile, rows - m);
            T *to = packed + m * depth + first * M;
            if (M == 1)
                std::copy_n(from + m * step, count, to);
            else
                pack(Matrix<T>{from + m * step, step, 1}, M, count, M, to);
        }
    }
};

// The right side, packed once for all steps: (depth, columns), of one matrix or of two, one on top of the other.
template <class T> class Step {
  public:
    struct Part {
        Matrix<T> matrix;
        Index depth;
    };

    Step(Scratch &scratch, Index columns, std::initializer_list<Part> parts)
        : columns_(columns),
          panel_(even_columns<T>(columns)) {
        for (const Part &part : parts) depth_ += part.depth;
        T *packed = scratch.take<T>(columns + tile_columns<T>, depth_);
        const Index count = ceil_div(columns, panel_), slots = columns * depth_ < 65536 ? 1 : parallel_slots(count);
        parallel_for(count, slots, [&](Index p, Index) {
            T *to = packed + p * panel_ * depth_;
            for (const Part &part : parts) {
                const Panels<T> panels = column_panels(part.matrix, columns);
                panels.pack_to(p, 0, part.depth, to);
                to += panels.filled(p) * part.depth;
            }
        });
        packed_ = packed;
    }

    // c (+)= `depth` columns of a, from `first` on, times as many rows of this from its top
    void operator()(const StepRows<T> &a, Index first, Index depth, T *c, Index c_row, bool add) const {
        for (Index column = 0; column < columns_; column += panel_)
            for (Index m = 0; m < a.rows; m += a.tile) {
                const Index M = std::min(a.tile, a.rows - m), n = std::min(panel_, columns_ - column);
                tile_for<T>(M, n)(depth, a.packed + m * a.depth + first * M, packed_ + column * depth_,
                                  c + m * c_row + column, c_row, n, add);
            }
    }

  private:
    Index columns_, panel_, depth_ = 0;
    const T *packed_;
};

// How many of the inputs are part of each step's product: all, or none.
template <class T> Index inputs_in_step(const Sequence &s, Index outputs) {
    return (s.I + s.U) * s.U * outputs * Index{sizeof(T)} > cached_bytes ? 0 : s.I;
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
void step_back(const Sequence &s, Index t, Range rows, const Step<T> &step, const StepRows<T> &da, bool add, T *product,
               T *d) {
    if (!s.lengths) return step(da, 0, da.depth, d, s.U, add);
    step(da, 0, da.depth, product, s.U, false);
    for (Index m = 0; m < da.rows; ++m)
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
