// Correlation, rung winograd: images, windows of 3 x 3, no stride. A tile of m x m results takes n x n products a
// channel and filter, n = m + 2, where direct takes 9 m^2: 4 times fewer in float32 (m = 4), 2.25 in float64 (m = 2).
//
//   v = B' x B     of each tile and channel      x the n x n pixels that the tile reads, tiles overlap by two
//   u = G w G'     of each filter and channel
//   s = sum over the channels of u . v           a matrix product of its own for each of the n^2 points
//   y = A' s A     of each tile and filter
//
// One item transforms a block of tiles, multiplies it with all filters, and transforms back, so that v and s stay in
// the second cache. All transforms run in vectors of channels or filters: any image fills the lanes, however small its
// rows. What is packed comes from the transforms: nothing is copied twice.
//
// A result is a sum over its whole tile in which most terms cancel: its error scales with the largest source of the
// tile, and a NaN or an infinity among the sources makes all results of its tiles NaN. cases/conv.py has the bound.
#pragma once
#include "conv_winograd_tiles.hpp"

namespace cuarzo {

template <class T> inline constexpr int winograd_tile = sizeof(T) == 4 ? 4 : 2; // m: results along an axis

// M tiles x V vectors of filters; a [k / lanes][M][lanes], b [k][V vectors], c [M][c_row].  c = a b, see gemm.hpp
template <class T, int M, int V> void multiply_points(Index depth, const T *a, const T *b, T *c, Index c_row) {
    Vec<T> sum[M][V] = {};
    for (Index k = 0; k < depth; k += lanes<T>, a += M * lanes<T>) {
        const Index end = std::min(lanes<T>, depth - k);
        for (Index i = 0; i < end; ++i, b += V * lanes<T>) {
            Vec<T> row[V];
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes<T>);
            CUARZO_UNROLL
            for (int t = 0; t < M; ++t) {
                const Vec<T> factor = broadcast(a[t * lanes<T> + i]);
                CUARZO_UNROLL
                for (int v = 0; v < V; ++v) sum[t][v] += factor * row[v];
            }
        }
    }
    CUARZO_UNROLL
    for (int t = 0; t < M; ++t) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) store(c + t * c_row + v * lanes<T>, sum[t][v]);
}

template <class T> using PointsFunction = void (*)(Index, const T *, const T *, T *, Index);

template <class T, int M = tile_rows, int V = tile_vectors> PointsFunction<T> points_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return points_for<T, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return points_for<T, M, V - 1>(m, v);
    return multiply_points<T, M, V>;
}

inline constexpr Index winograd_cached = 896 << 10, winograd_weights = 10 << 20; // bytes: of an item, of a pass

inline bool serves_winograd(const Axis &a) { return a.window == 3 && a.stride == 1 && a.dilation == 1; }

// The same, of a correlation: images whose results stand side by side.
template <class T> bool serves_winograd(const Correlation<T> &p) {
    const auto serves = [](const Reach &a) { return a.window == 3 && a.stride == 1 && a.step == 1; };
    const Reach &d = p.depth;
    return d.in == 1 && d.window == 1 && d.out == 1 && d.from == 0 && serves(p.rows) && serves(p.columns) &&
           p.column == 1;
}

// The sizes that all items share.
template <class T, int m> struct Winograd {
    static constexpr Index n = m + 2, points = n * n;
    const Correlation<T> &p;
    const TileGrid<m> grid;
    const Index filters, F, C; // of one pass over the filters; F and C are rounded up to vectors
    const Index block;         // tiles

    Winograd(const Correlation<T> &p_, Index filters_, Index block_)
        : p(p_),
          grid(p),
          filters(filters_),
          F(round_up(filters, lanes<T>)),
          C(round_up(p.C, lanes<T>)),
          block(block_) {}

    // Elements between two points: a cache line more than they have, for 36 lines a power of two apart share a set.
    Index weight_point() const { return F * p.C; }
    Index source_point() const { return block * C + lanes<T>; }
    Index sum_point() const { return block * F + lanes<T>; }
    Index panel() const { return even_columns<T>(F); }
    static Index run_elements() { return n * (m * run_tiles + 2) * lanes<T>; }
};

// u [point][panel of filters][channel][panel]
template <class T, int m>
void pack_filters(const Winograd<T, m> &job, const T *weight, Index vector, Range channels, T *to) {
    const Index f = vector * lanes<T>, panel = f / job.panel() * job.panel(),
                width = std::min(job.panel(), job.F - panel);
    to += panel * job.p.C + f - panel;
    for (Index c = channels.begin; c < channels.end; ++c)
        transform_weight<T, m>(job.p, weight + f * job.p.weight_f + c * job.p.weight_c, job.filters - f, to + c * width,
                               job.weight_point());
}

// v [point][tiles / rows][channel / lanes][rows][lanes], as the product reads it
template <class T, int m>
void pack_sources(const Winograd<T, m> &job, const T *source, Index group, Range tiles, Index rows, T *pixels, T *to) {
    const Correlation<T> &p = job.p;
    const Index plane = p.rows.in * p.columns.in, count = tiles.end - tiles.begin;
    job.grid.each_run(tiles, [&](const TileRun &run) {
        const T *image = source + (run.image * p.groups + group) * p.C * plane;
        for (Index c = 0; c < p.C; c += lanes<T>) {
            read_run<T, m>(p, run, image + c * plane, p.C - c, pixels);
            for (Index t = 0; t < run.count;) { // as many as stand in one panel
                const Index tile = run.first + t, first = tile / rows * rows, height = std::min(rows, count - first);
                const Index some = std::min(run.count - t, first + height - tile);
                T *place = to + first * job.C + (c * height / lanes<T> + tile - first) * lanes<T>;
                transform_source<T, m>(pixels + m * t * lanes<T>, run.count, some, place, job.source_point());
                t += some;
            }
        }
    });
}

template <class T, int m>
void multiply_block(const Winograd<T, m> &job, const T *weights, const T *sources, Index count, Index rows, T *sums) {
    for (Index point = 0; point < job.points; ++point)
        for (Index f = 0; f < job.F; f += job.panel()) {
            const Index vectors = std::min(job.panel(), job.F - f) / lanes<T>;
            for (Index t = 0; t < count; t += rows) {
                const Index height = std::min(rows, count - t);
                points_for<T>(height, vectors)(job.p.C, sources + point * job.source_point() + t * job.C,
                                               weights + point * job.weight_point() + f * job.p.C,
                                               sums + point * job.sum_point() + t * job.F + f, job.F);
            }
        }
}

template <class T, int m>
void store_results(const Winograd<T, m> &job, const T *sums, Index group, Index filter, Range tiles, T *results) {
    const Correlation<T> &p = job.p;
    job.grid.each_run(tiles, [&](const TileRun &run) {
        T *image = p.result + (run.image * p.groups + group) * p.F * p.volume + p.start;
        for (Index f = 0; f < job.filters; f += lanes<T>) {
            const Index left = std::min(lanes<T>, job.filters - f), first = filter + f;
            const Vec<T> bias = p.bias ? load_first(p.bias + group * p.F + first, left) : Vec<T>{};
            transform_result<T, m>(sums + run.first * job.F + f, job.sum_point(), job.F, run.count, bias, results);
            write_run<T, m>(p, run, results, left, image + first * p.volume);
        }
    });
}

// Tiles whose v and s fit the second cache together, but enough of them to use each weight, which comes from the third,
// often; and at least 16 items.
template <class T, int m> Index tile_block(const Correlation<T> &p, Index filters, Index tiles) {
    const Index points = (m + 2) * (m + 2), bytes = points * (p.C + filters) * static_cast<Index>(sizeof(T));
    const Index cached = std::clamp<Index>(winograd_cached / bytes, 32, 128);
    const Index shared = std::max<Index>(tile_rows, ceil_div(tiles * p.groups, 16));
    return round_up(even_block(tiles, std::min(cached, shared)), tile_rows);
}

template <class T> void correlate_winograd(const Correlation<T> &p) {
    constexpr int m = winograd_tile<T>;
    using Job = Winograd<T, m>;
    const Index tiles = TileGrid<m>(p).count;
    // The weights of a pass stay in the third cache.
    const Index some = std::max<Index>(tile_columns<T>, winograd_weights / (Job::points * p.C * Index(sizeof(T))));
    const Index pass = round_up(even_block(p.F, some), lanes<T>);
    const Index block = tile_block<T, m>(p, std::min(pass, p.F), tiles), blocks = ceil_div(tiles, block);
    const Index items = p.groups * blocks;
    const bool small = static_cast<double>(tiles) * static_cast<double>(p.F) * static_cast<double>(p.C) < 4096;
    const Index slots = small ? 1 : parallel_slots(items);
    const Job whole(p, std::min(pass, p.F), block);
    Scratch scratch;
    const Index weight_size = Job::points * whole.weight_point();
    const Index source_size = Job::points * whole.source_point(), sum_size = Job::points * whole.sum_point();
    T *weights = scratch.take<T>(p.groups, weight_size);
    T *sources = scratch.take<T>(slots, source_size), *sums = scratch.take<T>(slots, sum_size);
    T *runs = scratch.take<T>(slots, Job::run_elements());
    for (Index f = 0; f < p.F; f += pass) {
        const Job job(p, std::min(pass, p.F - f), block);
        const Index vectors = job.F / lanes<T>, parts = ceil_div(p.C, Index{64});
        parallel_for(p.groups * vectors * parts, small ? 1 : parallel_slots(p.groups * vectors * parts),
                     [&](Index item, Index) {
                         const Index g = item / (vectors * parts), vector = item / parts % vectors;
                         pack_filters(job, p.weight + g * p.weight_group + f * p.weight_f, vector,
                                      Range(item % parts, 64, p.C), weights + g * weight_size);
                     });
        parallel_for(items, slots, [&](Index item, Index slot) {
            const Index g = item / blocks;
            const Range range(item % blocks, block, tiles);
            const Index count = range.end - range.begin, rows = even_rows(count);
            T *v = sources + slot * source_size, *s = sums + slot * sum_size, *run = runs + slot * Job::run_elements();
            pack_sources(job, p.source, g, range, rows, run, v);
            multiply_block(job, weights + g * weight_size, v, count, rows, s);
            store_results(job, s, g, f, range, run);
        });
    }
}

} // namespace cuarzo
