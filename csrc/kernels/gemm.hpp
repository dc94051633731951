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
#include "../parallel.hpp"
#include "../scratch.hpp"
#include "../simd/vec.hpp"

namespace cuarzo {

template <class T> inline constexpr Index tile_columns = tile_vectors * lanes<T>;

// Element (i, j) is data[i * row + j * column]: a transposed matrix is the same data with the steps exchanged.
template <class T> struct Matrix {
    const T *data;
    Index row, column;
    Matrix at(Index i, Index j) const { return {data + i * row + j * column, row, column}; }
    Matrix transposed() const { return {data, column, row}; }
};

// out[k * width + i] = a(i, k) for i < rows: where a's rows are consecutive in memory, and the packed columns are not.
// Blocks are transposed in registers; the ends, element by element.
template <class T> void pack_transposed(Matrix<T> a, Index rows, Index depth, Index width, T *out) {
    constexpr int n = static_cast<int>(lanes<T>), few = static_cast<int>(tile_rows);
    Index k = 0;
    if constexpr (few < n && (few & (few - 1)) == 0) // a panel of the left factor, narrower than a vector
        for (; rows == few && width == few && k + n <= depth; k += n) {
            Vec<T> block[few];
            CUARZO_UNROLL
            for (int i = 0; i < few; ++i) block[i] = load(a.data + i * a.row + k);
            transpose<T>(block);
            CUARZO_UNROLL
            for (int i = 0; i < few; ++i) store(out + k * width + i * n, block[i]);
        }
    for (; k + n <= depth; k += n)
        for (Index i = 0; i < rows; i += n) {
            Vec<T> block[n];
            for (int j = 0; j < n; ++j) block[j] = load(a.data + std::min(i + j, rows - 1) * a.row + k);
            transpose<T>(block);
            for (int j = 0; j < n; ++j) store_first(out + (k + j) * width + i, block[j], std::min<Index>(n, rows - i));
        }
    for (; k < depth; ++k)
        for (Index i = 0; i < rows; ++i) out[k * width + i] = a.data[i * a.row + k];
}

// out[k * width + i] = a(i, k) for i < rows, else 0. Columns of b are packed as the rows of its transpose.
template <class T> void pack(Matrix<T> a, Index rows, Index depth, Index width, T *out) {
    if (a.row == 1) {
        for (Index k = 0; k < depth; ++k) {
            const T *from = a.data + k * a.column;
            T *to = out + k * width;
            Index i = 0;
            for (; i + lanes<T> <= rows; i += lanes<T>) store(to + i, load(from + i));
            if (i < rows) store_first(to + i, load_first(from + i, rows - i), rows - i);
        }
    } else {
        pack_transposed(a, rows, depth, width, out);
    }
    if (rows < width)
        for (Index k = 0; k < depth; ++k) std::fill(out + k * width + rows, out + (k + 1) * width, T{0});
}

// c[M rows, n columns] (+)= a b, from packed panels: a [depth][M], b [depth][V vectors]. The heart of the house.
template <class T, int M, int V>
void multiply_tile(Index depth, const T *a, const T *b, T *c, Index c_row, Index n, bool add) {
    Vec<T> sum[M][V] = {};
    for (Index k = 0; k < depth; ++k, a += M, b += V * lanes<T>) {
        Vec<T> row[V];
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes<T>);
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) {
            const Vec<T> factor = broadcast(a[m]);
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[m][v] += factor * row[v];
        }
    }
    const Index last = n - (V - 1) * lanes<T>;
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m, c += c_row) {
        CUARZO_UNROLL
        for (int v = 0; v < V - 1; ++v) {
            T *p = c + v * lanes<T>;
            store(p, add ? load(p) + sum[m][v] : sum[m][v]);
        }
        T *p = c + (V - 1) * lanes<T>;
        store_first(p, add ? load_first(p, last) + sum[m][V - 1] : sum[m][V - 1], last);
    }
}

template <class T> using TileFunction = void (*)(Index, const T *, const T *, T *, Index, Index, bool);

// The tile of m rows and n columns: every size has its own function, so that the edges stay in registers too.
template <class T, int M = tile_rows, int V = tile_vectors> TileFunction<T> tile_for(Index m, Index n) {
    if constexpr (M > 1)
        if (m < M) return tile_for<T, M - 1, V>(m, n);
    if constexpr (V > 1)
        if (n <= (V - 1) * lanes<T>) return tile_for<T, M, V - 1>(m, n);
    return multiply_tile<T, M, V>;
}

// Equal blocks, none longer than the limit: two tiles of five rows are faster than one of eight and one of two.
inline Index even_block(Index length, Index limit) { return ceil_div(length, ceil_div(length, limit)); }

// Filters, rows of a, ... of a tile; and columns: whole vectors.
inline Index even_rows(Index rows) { return even_block(rows, tile_rows); }
template <class T> Index even_columns(Index columns) {
    return lanes<T> * even_block(ceil_div(columns, lanes<T>), tile_vectors);
}

// A matrix cut along its rows into panels of `panel` rows, each packed [depth][rows]. The last may be narrower, and is
// filled up with zeros to a multiple of `unit`.
template <class T> struct Panels {
    Matrix<T> matrix;
    Index length, panel, unit;
    Index count() const { return ceil_div(length, panel); }
    Index width(Index p) const { return std::min(panel, length - p * panel); }
    Index filled(Index p) const { return round_up(width(p), unit); }
    void pack_to(Index p, Index k, Index depth, T *out) const {
        pack(matrix.at(p * panel, k), width(p), depth, filled(p), out);
    }
    void pack_one(Index p, Index k, Index depth, T *out) const { pack_to(p, k, depth, out + p * panel * depth); }
};

template <class T> Panels<T> row_panels(Matrix<T> a, Index rows) { return {a, rows, even_rows(rows), 1}; }
template <class T> Panels<T> column_panels(Matrix<T> b, Index columns) {
    return {b.transposed(), columns, even_columns<T>(columns), lanes<T>};
}

// One packed block of a times one of b, in items of some panels each: enough items for many threads, large enough to
// reuse what the caches hold.
template <class T>
void multiply_blocks(const Panels<T> &a, const Panels<T> &b, Index depth, const T *packed_a, const T *packed_b, T *c,
                     Index c_row, bool add) {
    Index item_a = std::min<Index>(16, a.count()), item_b = std::min<Index>(8, b.count());
    const auto items = [&] { return ceil_div(a.count(), item_a) * ceil_div(b.count(), item_b); };
    while (items() < 16 && item_a * item_b > 1) (item_a >= item_b ? item_a : item_b) /= 2;
    const Index across = ceil_div(b.count(), item_b);
    const bool small = a.length * b.length * depth < 32768; // a few microseconds: less than it takes to share them
    parallel_for(items(), small ? 1 : parallel_slots(items()), [&](Index item, Index) {
        const Range ra(item / across, item_a, a.count()), rb(item % across, item_b, b.count());
        for (Index j = rb.begin; j < rb.end; ++j)
            for (Index i = ra.begin; i < ra.end; ++i) {
                const Index m = a.width(i), n = b.width(j);
                T *to = c + i * a.panel * c_row + j * b.panel;
                tile_for<T>(m, n)(depth, packed_a + i * a.panel * depth, packed_b + j * b.panel * depth, to, c_row, n,
                                  add);
            }
    });
}

// c (M, N), rows c_row apart.
template <class T> void gemm(Index M, Index N, Index K, Matrix<T> a, Matrix<T> b, T *c, Index c_row) {
    if (M == 0 || N == 0) return;
    if (K == 0) {
        for (Index m = 0; m < M; ++m) std::fill_n(c + m * c_row, N, T{0});
        return;
    }
    const Index kc = even_block(K, 1536 / sizeof(T)), mc = even_block(M, 128 * tile_rows),
                nc = even_block(N, 64 * tile_columns<T>);
    const Index mb = round_up(mc, tile_rows), nb = round_up(nc, tile_columns<T>);
    Scratch scratch;
    T *packed_a = scratch.take<T>(mb + tile_rows, kc), *packed_b = scratch.take<T>(nb + tile_columns<T>, kc);
    for (Index n = 0; n < N; n += nb)
        for (Index k = 0; k < K; k += kc) {
            const Index depth = std::min(kc, K - k);
            const Panels<T> bs = column_panels(b.at(0, n), std::min(nb, N - n));
            for (Index m = 0; m < M; m += mb) {
                const Panels<T> as = row_panels(a.at(m, 0), std::min(mb, M - m));
                const Index panels_b = m == 0 ? bs.count() : 0, panels = as.count() + panels_b;
                const bool small = (as.length + bs.length) * depth < 16384;
                parallel_for(panels, small ? 1 : parallel_slots(panels), [&](Index p, Index) {
                    if (p < panels_b)
                        bs.pack_one(p, k, depth, packed_b);
                    else
                        as.pack_one(p - panels_b, k, depth, packed_a);
                });
                multiply_blocks(as, bs, depth, packed_a, packed_b, c + m * c_row + n, c_row, k > 0);
            }
        }
}

// a (M, K), or (K, M) if transpose_a; b (K, N), or (N, K) if transpose_b
template <class T>
void matmul(Index M, Index N, Index K, const T *a, bool transpose_a, const T *b, bool transpose_b, T *c) {
    gemm<T>(M, N, K, transpose_a ? Matrix<T>{a, 1, M} : Matrix<T>{a, K, 1},
            transpose_b ? Matrix<T>{b, 1, K} : Matrix<T>{b, N, 1}, c, N);
}

} // namespace cuarzo
