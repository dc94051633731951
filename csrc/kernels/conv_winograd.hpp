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
// tile, and a NaN or an infinity among the sources makes all results of its tiles NaN, as do sources so large that a
// transform of them overflows (3e37 in float32, where im2col still has a result). cases/winograd.py has the bound.
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

inline constexpr Index packed_channels = 64;        // by an item that packs sources
inline constexpr Index winograd_cached = 896 << 10; // bytes: what an item transforms and multiplies

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
    const Index C;     // channels, rounded up to vectors
    const Index width; // filters of an item, whole vectors
    const Index block; // tiles of an item

    Winograd(const Correlation<T> &p_, Index width_, Index block_)
        : p(p_),
          grid(p),
          C(round_up(p.C, lanes<T>)),
          width(width_),
          block(block_) {}

    Index filter_blocks() const { return ceil_div(p.F, width); }
    Index tile_blocks() const { return ceil_div(grid.count, block); }
    Range filters(Index i) const { return {i, width, p.F}; }
    Range tiles(Index i) const { return {i, block, grid.count}; }

    // Elements between two points: a cache line more than they have, for 36 lines a power of two apart share a set.
    Index weight_point() const { return element_count(width, p.C) + lanes<T>; }
    Index source_point() const { return element_count(block, C) + lanes<T>; }
    Index sum_point() const { return block * width + lanes<T>; }
    Index panel() const { return even_columns<T>(width); }
};

// What a thread needs for one item: the pixels or results of a run, and the sums.
template <class T, int m> struct WinogradBuffers {
    using Job = Winograd<T, m>;
    Index run_size = Job::n * (m * run_tiles + 2) * lanes<T>, sum_size;
    T *runs, *sums;
    WinogradBuffers(Scratch &scratch, const Job &job, Index slots)
        : sum_size(Job::points * job.sum_point()),
          runs(scratch.take<T>(slots, run_size)),
          sums(scratch.take<T>(slots, sum_size)) {}
    T *run(Index slot) const { return runs + slot * run_size; }
    T *sum(Index slot) const { return sums + slot * sum_size; }
};

// u [point][panel of filters][channel][panel]. The weights of the channels that come next are asked for ahead: where C
// and F are exchanged every channel is a page of its own, and 512 of them took three times as long.
template <class T, int m>
void pack_filters(const Winograd<T, m> &job, Index group, Range filters, Range channels, T *to) {
    constexpr Index ahead = 4;
    const Correlation<T> &p = job.p;
    const T *weight = p.weight + group * p.weight_group + filters.begin * p.weight_f;
    const Index count = filters.end - filters.begin, width = round_up(count, lanes<T>);
    for (Index c = channels.begin; c < channels.end; ++c) {
        const T *next = weight + std::min(c + ahead, channels.end - 1) * p.weight_c;
        for (Index f = 0; f < count; ++f) __builtin_prefetch(next + f * p.weight_f);
        for (Index f = 0; f < width; f += lanes<T>) {
            const Index panel = f / job.panel() * job.panel(), step = std::min(job.panel(), width - panel);
            transform_weight<T, m>(p, weight + f * p.weight_f + c * p.weight_c, count - f,
                                   to + panel * p.C + c * step + f - panel, job.weight_point());
        }
    }
}

// v [point][tiles / rows][channel / lanes][rows][lanes], as the product reads it
template <class T, int m>
void pack_sources(const Winograd<T, m> &job, Index group, Range tiles, Range channels, T *pixels, T *to) {
    const Correlation<T> &p = job.p;
    const Index plane = p.rows.in * p.columns.in, count = tiles.end - tiles.begin, rows = even_rows(count);
    // Runs inside: what two rows of tiles read both is still in the first cache.
    for (Index c = channels.begin; c < channels.end; c += lanes<T>)
        job.grid.each_run(tiles, [&](const TileRun &run) {
            const T *image = p.source + ((run.image * p.groups + group) * p.C + c) * plane;
            read_sources<T, m>(p, run, image, p.C - c, pixels);
            for (Index t = 0; t < run.count;) { // as many as stand in one panel
                const Index tile = run.first + t, first = tile / rows * rows, height = std::min(rows, count - first);
                const Index some = std::min(run.count - t, first + height - tile);
                T *place = to + first * job.C + (c * height / lanes<T> + tile - first) * lanes<T>;
                transform_source<T, m>(pixels + m * t * lanes<T>, run.count, some, place, job.source_point(), lanes<T>);
                t += some;
            }
        });
}

template <class T, int m>
void multiply_block(const Winograd<T, m> &job, const T *weights, Index filters, const T *sources, Index tiles,
                    T *sums) {
    const Index C = job.p.C, rows = even_rows(tiles), vectors = ceil_div(filters, lanes<T>);
    const Index some = job.panel() / lanes<T>;
    for (Index point = 0; point < job.points; ++point) {
        for (Index v = 0; v < vectors; v += some)
            for (Index t = 0; t < tiles; t += rows)
                points_for<T>(std::min(rows, tiles - t), std::min(some, vectors - v))(
                    C, sources + t * job.C, weights + v * lanes<T> * C, sums + t * job.width + v * lanes<T>, job.width);
        sources += job.source_point(), weights += job.weight_point(), sums += job.sum_point();
    }
}

template <class T, int m>
void store_results(const Winograd<T, m> &job, const T *sums, Index group, Range filters, Range tiles, T *results) {
    const Correlation<T> &p = job.p;
    for (Index f = filters.begin; f < filters.end; f += lanes<T>, sums += lanes<T>) {
        const Index left = std::min(lanes<T>, filters.end - f);
        const Vec<T> bias = p.bias ? load_first(p.bias + group * p.F + f, left) : Vec<T>{};
        job.grid.each_run(tiles, [&](const TileRun &run) {
            T *image = p.result + ((run.image * p.groups + group) * p.F + f) * p.volume + p.start;
            transform_result<T, m>(sums + run.first * job.width, job.sum_point(), job.width, run.count, bias, results);
            write_run<T, m>(p, run, results, left, image);
        });
    }
}

template <class T, int m>
void multiply_and_store(const Winograd<T, m> &job, const T *weights, const T *sources, Index group, Range filters,
                        Range tiles, const WinogradBuffers<T, m> &buffers, Index slot) {
    multiply_block(job, weights, filters.end - filters.begin, sources, tiles.end - tiles.begin, buffers.sum(slot));
    store_results(job, buffers.sum(slot), group, filters, tiles, buffers.run(slot));
}

// Many tiles: all weights are packed once, each item packs the tiles of its own.
template <class T, int m> void winograd_by_tiles(const Correlation<T> &p, bool small) {
    using Job = Winograd<T, m>;
    const Index bytes = Job::points * (p.C + p.F) * static_cast<Index>(sizeof(T)), tiles = TileGrid<m>(p).count;
    // Items in the second cache, but enough tiles to use each weight, from the third, often; and at least 16 items.
    const Index cached = std::clamp<Index>(winograd_cached / bytes, 16, 128);
    const Index share = std::max<Index>(tile_rows, ceil_div(tiles * p.groups, 16));
    const Job job(p, round_up(p.F, lanes<T>), round_up(even_block(tiles, std::min(cached, share)), tile_rows));
    const Index items = p.groups * job.tile_blocks(), slots = small ? 1 : parallel_slots(items);
    const Index parts = ceil_div(p.C, lanes<T>), packs = p.groups * parts;
    const Index weight_size = Job::points * job.weight_point(), source_size = Job::points * job.source_point();
    Scratch scratch;
    T *weights = scratch.take<T>(p.groups, weight_size), *sources = scratch.take<T>(slots, source_size);
    const WinogradBuffers<T, m> buffers(scratch, job, slots);
    parallel_for(packs, small ? 1 : parallel_slots(packs), [&](Index item, Index) {
        const Index g = item / parts;
        pack_filters(job, g, job.filters(0), Range(item % parts, lanes<T>, p.C), weights + g * weight_size);
    });
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index g = item / job.tile_blocks();
        const Range tiles = job.tiles(item % job.tile_blocks());
        T *v = sources + slot * source_size;
        pack_sources(job, g, tiles, Range(0, p.C, p.C), buffers.run(slot), v);
        multiply_and_store(job, weights + g * weight_size, v, g, job.filters(0), tiles, buffers, slot);
    });
}

// Many filters: all tiles are packed once, each item packs the filters of its own.
template <class T, int m> void winograd_by_filters(const Correlation<T> &p, bool small) {
    using Job = Winograd<T, m>;
    const Index tiles = TileGrid<m>(p).count;
    const Job job(p, round_up(std::min<Index>(p.F, 32), lanes<T>), round_up(even_block(tiles, 64), tile_rows));
    const Index items = p.groups * job.filter_blocks(), slots = small ? 1 : parallel_slots(items);
    const Index parts = ceil_div(p.C, packed_channels), packs = p.groups * job.tile_blocks() * parts;
    const Index pack_slots = small ? 1 : parallel_slots(packs);
    const Index weight_size = Job::points * job.weight_point(), source_size = Job::points * job.source_point();
    Scratch scratch;
    T *weights = scratch.take<T>(slots, weight_size);
    T *sources = scratch.take<T>(p.groups, job.tile_blocks(), source_size);
    const WinogradBuffers<T, m> buffers(scratch, job, std::max(slots, pack_slots));
    parallel_for(packs, pack_slots, [&](Index item, Index slot) {
        const Index block = item / parts;
        pack_sources(job, block / job.tile_blocks(), job.tiles(block % job.tile_blocks()),
                     Range(item % parts, packed_channels, p.C), buffers.run(slot), sources + block * source_size);
    });
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index g = item / job.filter_blocks();
        const Range filters = job.filters(item % job.filter_blocks());
        T *u = weights + slot * weight_size;
        pack_filters(job, g, filters, Range(0, p.C, p.C), u);
        for (Index i = 0; i < job.tile_blocks(); ++i)
            multiply_and_store(job, u, sources + (g * job.tile_blocks() + i) * source_size, g, filters, job.tiles(i),
                               buffers, slot);
    });
}

template <class T> void correlate_winograd(const Correlation<T> &p) {
    constexpr int m = winograd_tile<T>;
    const Index tiles = TileGrid<m>(p).count;
    const bool small = static_cast<double>(tiles) * static_cast<double>(p.F) * static_cast<double>(p.C) < 4096;
    return tiles >= p.F ? winograd_by_tiles<T, m>(p, small) : winograd_by_filters<T, m>(p, small);
}

} // namespace cuarzo
