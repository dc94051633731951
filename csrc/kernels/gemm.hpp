// Matrix product                                                                            See naive/matmul.py
//
//   c[m, n] = sum_k a[m, k] b[k, n]
//
// Three ideas, from the inside out (Goto and van de Geijn, 2008; BLIS):
//   tile     tile_rows x tile_vectors accumulators stay in registers for the whole of a k-block: each loaded value is
//            used many times, so the multipliers and not the caches set the pace
//   packing  the tile reads a and b in one stream, k after k; transposed operands differ in the packing only
//   blocks   a k-block of kc is as long as keeps a packed panel of a in the first cache; mc and nc bound the scratch
//
// Each element of c has one accumulator per k-block, and the k-blocks are added in ascending order: the result depends
// on the shape and the build, never on the number of threads.
#pragma once
#include "gemm_tile.hpp"
#include "stages.hpp"

namespace cuarzo {

// One side of a block's product: its panels, packed stage by stage or read where they stand.
template <class T> struct Side {
    Panels<T> panels;
    bool packed;
    Index size = 0, count = 1; // of the buffers
    T *buffers = nullptr;

    T *buffer(Index stage) const { return buffers + stage % count * size; }
    Index packs() const { return packed ? panels.count() : 0; }
    Matrix<T> at(Index p, Index stage, Index k, Index depth) const {
        if (!packed) return panels.matrix.at(p * panels.panel, k);
        return {buffer(stage) + p * panels.panel * depth, 1, panels.filled(p)};
    }
};

// c (M, N), rows c_row apart: M and N within the limits of a block. Each stage packs a k-block and multiplies it.
//
// Packing costs as much as two or three tiles take to read what was packed. A side that no more tiles read stays where
// it is: a in any order, b where its rows consist of whole vectors (16 x 784 x 512: 87 to 54 us).
template <class T> class BlockProduct {
  public:
    BlockProduct(Scratch &scratch, Index M, Index N, Index K, Matrix<T> a, Matrix<T> b, T *c, Index c_row)
        : K_(K),
          kc_(even_block(K, 1536 / sizeof(T))),
          c_(c),
          c_row_(c_row),
          a_{row_panels(a, M), false},
          b_{column_panels(b, N), false} {
        a_.packed = b_.panels.count() > few;
        b_.packed = a_.panels.count() > few || b.column != 1 || N % lanes<T> != 0;
        a_.size = a_.packed ? M * kc_ : 0;
        b_.size = b_.packed ? round_up(N, lanes<T>) * kc_ : 0;
        // Three, so that nobody waits; one, where they would push each other out of the second cache.
        a_.count = b_.count = (a_.size + b_.size) * Index{sizeof(T)} > 1 << 19 ? 1 : 3;
        a_.buffers = scratch.take<T>(a_.count, a_.size);
        b_.buffers = scratch.take<T>(b_.count, b_.size);
        // Enough items for many threads, large enough to reuse what the caches hold.
        item_a_ = std::min<Index>(16, a_.panels.count());
        item_b_ = std::min<Index>(8, b_.panels.count());
        while (items() < 16 && item_a_ * item_b_ > 1) (item_a_ >= item_b_ ? item_a_ : item_b_) /= 2;
    }

    void run(Scratch &scratch, bool serial) const {
        const auto pack_one = [this](Index stage, Index p) { pack(stage, p); };
        const auto multiply_one = [this](Index stage, Index item) { multiply(stage, item); };
        run_stages(scratch, ceil_div(K_, kc_), a_.count, a_.packs() + b_.packs(), pack_one, items(), multiply_one,
                   serial);
    }

  private:
    static constexpr Index few = 3;

    Index across() const { return ceil_div(b_.panels.count(), item_b_); }
    Index items() const { return ceil_div(a_.panels.count(), item_a_) * across(); }

    void pack(Index stage, Index p) const {
        const Index k = stage * kc_, depth = std::min(kc_, K_ - k);
        if (p < b_.packs())
            b_.panels.pack_one(p, k, depth, b_.buffer(stage));
        else
            a_.panels.pack_one(p - b_.packs(), k, depth, a_.buffer(stage));
    }

    void multiply(Index stage, Index item) const {
        const Range rows(item / across(), item_a_, a_.panels.count()),
            columns(item % across(), item_b_, b_.panels.count());
        for (Index j = columns.begin; j < columns.end; ++j)
            for (Index i = rows.begin; i < rows.end; ++i) multiply_panels(i, j, stage);
    }

    void multiply_panels(Index i, Index j, Index stage) const {
        const Index k = stage * kc_, depth = std::min(kc_, K_ - k), m = a_.panels.width(i), n = b_.panels.width(j);
        const Matrix<T> a = a_.at(i, stage, k, depth), b = b_.at(j, stage, k, depth);
        T *to = c_ + i * a_.panels.panel * c_row_ + j * b_.panels.panel;
        if (a_.packed && b_.packed)
            tile_for<T>(m, n)(depth, a.data, b.data, to, c_row_, n, k > 0);
        else
            tile_for<T, PlacedTile>(m, n)(depth, a, b.data, b.column, to, c_row_, n, k > 0);
    }

    Index K_, kc_;
    T *c_;
    Index c_row_;
    Side<T> a_, b_;
    Index item_a_, item_b_;
};

// c (M, N), rows c_row apart.
template <class T> void gemm(Index M, Index N, Index K, Matrix<T> a, Matrix<T> b, T *c, Index c_row) {
    if (M == 0 || N == 0) return;
    if (K == 0) {
        for (Index m = 0; m < M; ++m) std::fill_n(c + m * c_row, N, T{0});
        return;
    }
    const Index mb = round_up(even_block(M, 128 * tile_rows), tile_rows),
                nb = round_up(even_block(N, 64 * tile_columns<T>), tile_columns<T>);
    for (Index n = 0; n < N; n += nb)
        for (Index m = 0; m < M; m += mb) {
            const Index rows = std::min(mb, M - m), columns = std::min(nb, N - n);
            const bool serial =
                rows * columns * K < 1000000; // some 8 us: a handover costs one, and waking a thread more
            Scratch scratch;
            BlockProduct<T>(scratch, rows, columns, K, a.at(m, 0), b.at(0, n), c + m * c_row + n, c_row)
                .run(scratch, serial);
        }
}

// a (M, K), or (K, M) if transpose_a; b (K, N), or (N, K) if transpose_b
template <class T>
void matmul(Index M, Index N, Index K, const T *a, bool transpose_a, const T *b, bool transpose_b, T *c) {
    gemm<T>(M, N, K, transpose_a ? Matrix<T>{a, 1, M} : Matrix<T>{a, K, 1},
            transpose_b ? Matrix<T>{b, 1, K} : Matrix<T>{b, N, 1}, c, N);
}

} // namespace cuarzo
