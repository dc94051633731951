// Winograd: from arrays to packed points and back. Vectors of lanes<T> channels (or filters) are made of rows of pixels
// (or of taps) by transposing blocks in registers.
#pragma once
#include "conv_correlation.hpp"
#include "conv_winograd_transform.hpp"

namespace cuarzo {

inline constexpr Index run_tiles = 16; // a run's pixels stay in the first cache: 6 x 66 vectors are 25 KB

// Neighbours in one row of tiles: `count` from tile (row, column) of an image on, the first of which is `first` in the
// block.
struct TileRun {
    Index image, row, column, first, count;
};

// The tiles of m x m results of one group, counted image by image, row by row.
template <int m> struct TileGrid {
    Index down, across, count;
    template <class Problem> // a Correlation, a WeightGradient
    explicit TileGrid(const Problem &p)
        : down(ceil_div(p.rows.out, m)),
          across(ceil_div(p.columns.out, m)),
          count(element_count(p.N, down, across)) {}

    template <class Visit> void each_run(Range tiles, Visit visit) const {
        for (Index tile = tiles.begin; tile < tiles.end;) {
            const Index column = tile % across, row = tile / across % down;
            const Index length = std::min({run_tiles, across - column, tiles.end - tile});
            visit(TileRun{tile / across / down, row, column, tile - tiles.begin, length});
            tile += length;
        }
    }
};

// to[i][lane] = from[lane * step + i] for i < count: `count` vectors of the same element of `rows` rows. Rows that are
// not there repeat the last.
template <class T> CUARZO_INLINE void gather_rows(const T *from, Index step, Index rows, Index count, T *to) {
    constexpr int n = static_cast<int>(lanes<T>);
    for (Index i = 0; i < count; i += n) {
        const Index left = std::min<Index>(n, count - i);
        Vec<T> block[n];
        if (left == n && rows >= n) {
            CUARZO_UNROLL
            for (int j = 0; j < n; ++j) block[j] = load(from + j * step + i);
        } else {
            for (int j = 0; j < n; ++j) block[j] = load_first(from + std::min<Index>(j, rows - 1) * step + i, left);
        }
        transpose<T>(block);
        for (int j = 0; j < left; ++j) store(to + (i + j) * n, block[j]);
    }
}

// The way back: to[lane * step + i] = from[i][lane] for lane < rows, i < count
template <class T> CUARZO_INLINE void scatter_rows(const T *from, Index count, Index rows, T *to, Index step) {
    constexpr int n = static_cast<int>(lanes<T>);
    for (Index i = 0; i < count; i += n) {
        Vec<T> block[n];
        for (int j = 0; j < n; ++j) block[j] = load(from + std::min(i + j, count - 1) * n);
        transpose<T>(block);
        const Index left = std::min<Index>(n, count - i);
        for (int j = 0; j < std::min<Index>(n, rows); ++j) store_first(to + j * step + i, block[j], left);
    }
}

template <class T> CUARZO_INLINE void prefetch_line(const T *p, Index count) {
    for (Index i = 0; i < count; i += 64 / sizeof(T)) __builtin_prefetch(p + i);
    __builtin_prefetch(p + count - 1);
}

// The pixels of a window of an image, `rows` rows from `row` and `width` columns from `column` on, of lanes<T> channels:
// to [rows][width][lanes], with zeros around the image. Those of the next channels are asked for.
template <class T>
void read_pixels(const T *image, Index H, Index W, Index row, Index column, Index rows, Index width, Index channels,
                 T *to) {
    const Index vector = lanes<T>;
    const Index begin = std::clamp<Index>(-column, 0, width), end = std::clamp<Index>(W - column, begin, width);
    for (Index i = 0; i < rows; ++i, to += width * vector) {
        const bool inside = row + i >= 0 && row + i < H && begin < end;
        std::fill(to, to + (inside ? begin : width) * vector, T{0});
        if (!inside) continue;
        const T *from = image + (row + i) * W + column + begin;
        for (Index c = vector; c < std::min(2 * vector, channels); ++c) prefetch_line(from + c * H * W, end - begin);
        gather_rows(from, H * W, channels, end - begin, to + begin * vector);
        std::fill(to + end * vector, to + width * vector, T{0});
    }
}

// The m + 2 rows that a run of tiles reads
template <class T, int m, class Problem>
void read_sources(const Problem &p, const TileRun &run, const T *image, Index channels, T *to) {
    read_pixels(image, p.rows.in, p.columns.in, p.rows.from + m * run.row, p.columns.from + m * run.column,
                Index{m + 2}, m * run.count + 2, channels, to);
}

// Each tile of a x a pixels, the next one m pixels on, becomes n x n points: (i, j) at  to + (i n + j) point + tile step
template <class T, int a, int n, int m, class Transform>
void transform_run(const T *pixels, Index width, Index count, T *to, Index point, Index step, Transform transform) {
    for (Index t = 0; t < count; ++t, pixels += m * lanes<T>, to += step) {
        Vec<T> x[a][a], v[n][n];
        CUARZO_UNROLL
        for (int i = 0; i < a; ++i) CUARZO_UNROLL
        for (int j = 0; j < a; ++j) x[i][j] = load(pixels + (i * width + j) * lanes<T>);
        transform_tile(x, v, transform, transform);
        CUARZO_UNROLL
        for (int i = 0; i < n; ++i) CUARZO_UNROLL
        for (int j = 0; j < n; ++j) store(to + (i * n + j) * point, v[i][j]);
    }
}

// v = B' x B of `count` neighbours of a run of `length`
template <class T, int m>
void transform_source(const T *pixels, Index length, Index count, T *to, Index point, Index step) {
    transform_run<T, m + 2, m + 2, m>(pixels, m * length + 2, count, to, point, step, WinogradTransform<T, m>::source);
}

// y = A' s A + bias of each tile of a run: results [m][m count][lanes].
template <class T, int m>
void transform_result(const T *from, Index point, Index step, Index count, Vec<T> bias, T *results) {
    constexpr int n = m + 2;
    using Transform = WinogradTransform<T, m>;
    const Index width = m * count * lanes<T>;
    for (Index t = 0; t < count; ++t, from += step, results += m * lanes<T>) {
        Vec<T> s[n][n], y[m][m];
        CUARZO_UNROLL
        for (int i = 0; i < n; ++i) CUARZO_UNROLL
        for (int j = 0; j < n; ++j) s[i][j] = load(from + (i * n + j) * point);
        transform_tile(s, y, Transform::result, Transform::result);
        CUARZO_UNROLL
        for (int i = 0; i < m; ++i) CUARZO_UNROLL
        for (int j = 0; j < m; ++j) store(results + i * width + j * lanes<T>, y[i][j] + bias);
    }
}

// A run's results [m][m count][lanes], of `filters` filters, to where they belong; what lies outside is dropped.
template <class T, int m>
void write_run(const Correlation<T> &p, const TileRun &run, const T *results, Index filters, T *image) {
    const Index rows = std::min<Index>(m, p.rows.out - m * run.row);
    const Index columns = std::min(m * run.count, p.columns.out - m * run.column);
    image += m * run.row * p.row + m * run.column;
    for (Index i = 0; i < rows; ++i, results += m * run.count * lanes<T>, image += p.row)
        scatter_rows(results, columns, filters, image, p.volume);
}

// u = G w G' of lanes<T> filters and one channel. Taps that the image does not have (Reach::trimmed) count as zero.
template <class T, int m>
void transform_weight(const Correlation<T> &p, const T *weight, Index filters, T *to, Index point) {
    constexpr int n = m + 2;
    using Transform = WinogradTransform<T, m>;
    T taps[9 * lanes<T>];
    gather_rows(weight, p.weight_f, filters, 9, taps);
    Vec<T> w[3][3] = {}, u[n][n];
    for (int r = 0; r < p.rows.taps; ++r)
        for (int s = 0; s < p.columns.taps; ++s) {
            const Index row = p.rows.number + r * p.rows.number_step;
            const Index column = p.columns.number + s * p.columns.number_step;
            w[r][s] = load(taps + (3 * row + column) * lanes<T>);
        }
    transform_tile(w, u, Transform::weight, Transform::weight);
    CUARZO_UNROLL
    for (int i = 0; i < n; ++i) CUARZO_UNROLL
    for (int j = 0; j < n; ++j) store(to + (i * n + j) * point, u[i][j]);
}

} // namespace cuarzo
