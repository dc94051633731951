// The weights' gradient, rung winograd: the transpose of conv_winograd.hpp, so that the same transforms serve.
//
//   v = B' x B      of each tile and channel
//   e = A dy A'     of each tile and filter
//   s = sum over the tiles of e . v     a matrix product of its own for each of the n^2 points
//   dw = G' s G     of each filter and channel
//
// Tiles come in blocks whose v and e the third cache holds, filters in passes whose s it holds. Each s is summed over
// the tiles in ascending order, block after block: the same bits at any number of threads. A number that is none spreads
// over the taps of its channel or filter.
#pragma once
#include "conv_weight_tiles.hpp"
#include "conv_winograd.hpp"

namespace cuarzo {

template <class T> bool serves_winograd(const WeightGradient<T> &p) {
    const auto serves = [](const Reach &a) { return a.window == 3 && a.stride == 1 && a.step == 1; };
    return p.depth.in == 1 && p.depth.window == 1 && p.depth.out == 1 && serves(p.rows) && serves(p.columns);
}

// M filters x V vectors of channels; a [tile][lanes], of which M are used, b [tile][V vectors], c [M][c_row].
template <class T, int M, int V> void add_points(Index tiles, const T *a, const T *b, T *c, Index c_row, bool add) {
    Vec<T> sum[M][V] = {};
    for (Index t = 0; t < tiles; ++t, a += lanes<T>, b += V * lanes<T>) {
        Vec<T> row[V];
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes<T>);
        CUARZO_UNROLL
        for (int f = 0; f < M; ++f) {
            const Vec<T> factor = broadcast(a[f]);
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[f][v] += factor * row[v];
        }
    }
    CUARZO_UNROLL
    for (int f = 0; f < M; ++f, c += c_row) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) {
        T *to = c + v * lanes<T>;
        store(to, add ? load(to) + sum[f][v] : sum[f][v]);
    }
}

template <class T> using AddPointsFunction = void (*)(Index, const T *, const T *, T *, Index, bool);

template <class T, int M = tile_rows, int V = tile_vectors> AddPointsFunction<T> add_points_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return add_points_for<T, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return add_points_for<T, M, V - 1>(m, v);
    return add_points<T, M, V>;
}

inline constexpr Index packed_tiles = 64; // of an item that packs

template <class T, int m> struct WinogradWeight {
    static constexpr Index n = m + 2, points = n * n;
    const WeightGradient<T> &p;
    const TileGrid<m> grid;
    const Index C, F;  // rounded up to vectors
    const Index width; // filters of a pass
    const Index block; // tiles

    explicit WinogradWeight(const WeightGradient<T> &p_)
        : p(p_),
          grid(p),
          C(round_up(p.C, lanes<T>)),
          F(round_up(p.F, lanes<T>)),
          width(round_up(even_block(F, std::max<Index>(32, fitting(8 << 20, C))), lanes<T>)),
          // v of one block is kept for all passes: then a large one, if that makes it the only one
          block(even_block(grid.count, std::clamp<Index>(fitting((F > width ? 16 : 4) << 20, C + width), 64, 256))) {}

    // How many filters of C sums, or tiles of C + width sources and results, have so many bytes.
    static Index fitting(Index bytes, Index each) { return bytes / (points * each * static_cast<Index>(sizeof(T))); }
    Index panel() const { return even_columns<T>(C); }
    Index source_point() const { return element_count(block, C) + lanes<T>; }
    Index dy_point() const { return element_count(block, width) + lanes<T>; }
    Index sum_point() const { return element_count(width, C) + lanes<T>; }
};

// v [point][panel of channels][tile][panel], of some tiles of a block
template <class T, int m>
void pack_sources(const WinogradWeight<T, m> &job, Index group, Range block, Range tiles, Index c, T *pixels, T *to) {
    const WeightGradient<T> &p = job.p;
    const Index plane = p.rows.in * p.columns.in, panel = c / job.panel() * job.panel();
    const Index width = std::min(job.panel(), job.C - panel);
    to += panel * (block.end - block.begin) + (tiles.begin - block.begin) * width + c - panel;
    job.grid.each_run(tiles, [&](const TileRun &run) {
        const T *image = p.x + ((run.image * p.groups + group) * p.C + c) * plane;
        read_sources<T, m>(p, run, image, p.C - c, pixels);
        transform_source<T, m>(pixels, run.count, run.count, to + run.first * width, job.source_point(), width);
    });
}

// e [point][filters / lanes][tile][lanes]; `f` counts from `first`, where the pass begins.
template <class T, int m>
void pack_dy(const WinogradWeight<T, m> &job, Index group, Range block, Range tiles, Index first, Index f, T *pixels,
             T *to) {
    const WeightGradient<T> &p = job.p;
    const Index H = p.rows.out, W = p.columns.out;
    to += f * (block.end - block.begin) + (tiles.begin - block.begin) * lanes<T>;
    job.grid.each_run(tiles, [&](const TileRun &run) {
        const T *image = p.dy + ((run.image * p.groups + group) * p.F + first + f) * H * W;
        read_pixels(image, H, W, m * run.row, m * run.column, Index{m}, m * run.count, p.F - first - f, pixels);
        transform_run<T, m, m + 2, m>(pixels, m * run.count, run.count, to + run.first * lanes<T>, job.dy_point(),
                                      lanes<T>, WinogradTransform<T, m>::result_back);
    });
}

// s (+)= e v of one point and lanes<T> filters
template <class T, int m>
void add_products(const WinogradWeight<T, m> &job, const T *e, const T *v, Index tiles, Index filters, T *sums,
                  bool add) {
    const Index rows = even_rows(std::min(filters, lanes<T>));
    for (Index c = 0; c < job.C; c += job.panel()) {
        const Index vectors = std::min(job.panel(), job.C - c) / lanes<T>;
        for (Index f = 0; f < std::min(filters, lanes<T>); f += rows)
            add_points_for<T>(std::min(rows, std::min(filters, lanes<T>) - f),
                              vectors)(tiles, e + f, v + c * tiles, sums + f * job.C + c, job.C, add);
    }
}

// dw of one filter, from s [point][c]. Taps that see nothing but padding (Reach::trimmed) are exactly 0.
template <class T, int m> void store_weights(const WinogradWeight<T, m> &job, const T *sums, T *dw) {
    constexpr int n = m + 2;
    using Transform = WinogradTransform<T, m>;
    const auto seen = [](const Reach &a, int tap) { return tap >= a.number && tap < a.number + a.taps; };
    for (Index c = 0; c < job.p.C; c += lanes<T>) {
        Vec<T> s[n][n], w[3][3];
        CUARZO_UNROLL
        for (int i = 0; i < n; ++i) CUARZO_UNROLL
        for (int j = 0; j < n; ++j) s[i][j] = load(sums + (i * n + j) * job.sum_point() + c);
        transform_tile(s, w, Transform::weight_back, Transform::weight_back);
        T taps[9 * lanes<T>];
        for (int r = 0; r < 3; ++r)
            for (int t = 0; t < 3; ++t)
                store(taps + (3 * r + t) * lanes<T>,
                      seen(job.p.rows, r) && seen(job.p.columns, t) ? w[r][t] : Vec<T>{});
        scatter_rows(taps, Index{9}, job.p.C - c, dw + 9 * c, Index{9});
    }
}

template <class T> void winograd_weight_gradient(WeightGradient<T> p) {
    constexpr int m = winograd_tile<T>;
    using Job = WinogradWeight<T, m>;
    p.rows.from -= p.rows.number, p.columns.from -= p.columns.number; // where tap 0 would read
    const Job job(p);
    const Index run_size = Job::n * (m * run_tiles + 2) * lanes<T>;
    const double work = static_cast<double>(job.grid.count) * static_cast<double>(p.F) * static_cast<double>(p.C);
    const auto slots_for = [&](Index items) { return work < 16384 ? 1 : parallel_slots(items); };
    const Index cv = job.C / lanes<T>, blocks = ceil_div(job.grid.count, job.block);
    const Index parts = ceil_div(job.block, packed_tiles), most = slots_for((cv + job.width / lanes<T>)*parts);
    Scratch scratch;
    T *v = scratch.take<T>(Job::points, job.source_point()), *e = scratch.take<T>(Job::points, job.dy_point());
    T *s = scratch.take<T>(Job::points, job.sum_point()), *runs = scratch.take<T>(most, run_size);
    for (Index g = 0; g < p.groups; ++g)
        for (Index f = 0; f < p.F; f += job.width) {
            const Index filters = std::min(job.width, p.F - f), fv = ceil_div(filters, lanes<T>);
            for (Index b = 0; b < blocks; ++b) {
                const Range block(b, job.block, job.grid.count);
                const Index count = block.end - block.begin, kept = f > 0 && blocks == 1 ? cv : 0; // v is there
                const Index packs = (cv + fv - kept) * parts;
                parallel_for(packs, slots_for(packs), [&](Index item, Index slot) {
                    const Index vector = kept + item / parts;
                    Range tiles(item % parts, packed_tiles, count);
                    tiles.begin += block.begin, tiles.end += block.begin;
                    T *run = runs + slot * run_size;
                    if (vector < cv)
                        pack_sources(job, g, block, tiles, vector * lanes<T>, run, v);
                    else
                        pack_dy(job, g, block, tiles, f, (vector - cv) * lanes<T>, run, e);
                });
                parallel_for(Job::points * fv, slots_for(Job::points * fv), [&](Index item, Index) {
                    const Index point = item / fv, first = item % fv * lanes<T>;
                    add_products(job, e + point * job.dy_point() + first * count, v + point * job.source_point(), count,
                                 filters - first, s + point * job.sum_point() + first * job.C, b > 0);
                });
            }
            parallel_for(filters, slots_for(filters), [&](Index i, Index) {
                store_weights(job, s + i * job.C, p.dw + (g * p.F + f + i) * p.C * 9);
            });
        }
}

} // namespace cuarzo
