// The register tile of the matrix product, and how its operands are packed                   See gemm.hpp
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
    constexpr int n = static_cast<int>(lanes<T>), few = static_cast<int>(tile_rows), ahead = 512 / sizeof(T);
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
            for (int j = 0; j < n; ++j) {
                const T *from = a.data + std::min(i + j, rows - 1) * a.row + k;
                __builtin_prefetch(from + ahead); // so many rows at once are more than the hardware follows by itself
                block[j] = load(from);
            }
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

// c[M rows, n columns] (+)= a b: element (m, k) of a is a[m * a_row + k * a_step], row k of b is b + k * b_step, of V
// vectors. The heart of the house.
template <class T, int M, int V>
CUARZO_INLINE void multiply_tile(Index depth, const T *a, Index a_row, Index a_step, const T *b, Index b_step, T *c,
                                 Index c_row, Index n, bool add) {
    Vec<T> sum[M][V] = {};
    for (Index k = 0; k < depth; ++k, a += a_step, b += b_step) {
        Vec<T> row[V];
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes<T>);
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) {
            const Vec<T> factor = broadcast(a[m * a_row]);
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

// From packed panels: a [depth][M], b [depth][V vectors].
template <class T, int M, int V> struct PackedTile {
    static void multiply(Index depth, const T *a, const T *b, T *c, Index c_row, Index n, bool add) {
        multiply_tile<T, M, V>(depth, a, 1, M, b, V * lanes<T>, c, c_row, n, add);
    }
};

// From wherever they stand.
template <class T, int M, int V> struct PlacedTile {
    static void multiply(Index depth, Matrix<T> a, const T *b, Index b_step, T *c, Index c_row, Index n, bool add) {
        multiply_tile<T, M, V>(depth, a.data, a.row, a.column, b, b_step, c, c_row, n, add);
    }
};

// The tile of m rows and n columns: every size has its own function, so that the edges stay in registers too.
template <class T, template <class, int, int> class Tile = PackedTile, int M = tile_rows, int V = tile_vectors>
auto tile_for(Index m, Index n) -> decltype(&Tile<T, 1, 1>::multiply) {
    if constexpr (M > 1)
        if (m < M) return tile_for<T, Tile, M - 1, V>(m, n);
    if constexpr (V > 1)
        if (n <= (V - 1) * lanes<T>) return tile_for<T, Tile, M, V - 1>(m, n);
    return Tile<T, M, V>::multiply;
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

} // namespace cuarzo
