// The gradient of a convolution's weights
//
//   dw[f, c, t] = sum_{n, i, j} dy[n, f, i, j] x[n, c, i su + row_t, j sv + column_t]        # dw = dy patches'
//
// x is read from Planes (window.hpp). The rungs differ in what a vector holds:
//   direct   neighbours (i, j) in a row: some filters x some taps of dot products, each `lanes` partial sums that are
//            added at the end. Nothing is transposed: good where filters are few.
//   im2col   filters: dy is transposed once, and the matrix of patches (positions x taps) is never written down, each of
//            its elements is broadcast from where it stands in the plane. Good where filters fill the vectors.
//
// The batch is cut into a number of parts that depends on the shape alone; each sums into a dw of its own, and these
// are added in ascending order: the same bits at any number of threads.
#pragma once
#include "conv_correlate.hpp"

namespace cuarzo {

template <class T> struct WeightGradient {
    Index N, groups;
    Index C, H, W; // x (N, groups C, H, W)
    Index F, I, J; // dy (N, groups F, I, J)
    Index row_stride, column_stride;
    const Tap *taps;
    Index tap_count;
    const T *x, *dy;
    T *dw; // (groups F, C, taps)
    Index K() const { return C * tap_count; }
};

inline constexpr Index dot_filters = tile_rows >= 8 ? 4 : 3, dot_taps = tile_rows >= 8 ? 6 : 3;

// Some images, or a band of one, as the tiles read them.
template <class T> struct Patches {
    const Plane *plane;
    const Index *offsets;
    Index C, tap_count;
    const T *source;            // planes
    const T *dy;                // as the rung wants it
    Index units, rows, columns; // bands held here; output rows of a band, the last may have fewer
    Index last_rows;
    Index source_step, dy_step; // elements between two bands

    const T *tap(Index k) const { return source + k / tap_count * plane->size + offsets[k % tap_count]; }
    Index rows_of(Index unit) const { return unit + 1 == units ? last_rows : rows; }
};

// to[m][v] += the dot products of M filters with V taps. dy is [filter][row][columns filled up with zeros].
template <class T, int M, int V> void dot_tile(const Patches<T> &p, Index f, Index k, T *to, Index to_row) {
    const Index width = round_up(p.columns, lanes<T>), whole = p.columns / lanes<T> * lanes<T>;
    const Mask<T> rest = first_lanes<T>(p.columns - whole);
    const T *x[V];
    for (int v = 0; v < V; ++v) x[v] = p.tap(k + v);
    Vec<T> sums[M][V] = {};
    const auto add = [&](const T *dy, Index filter_step, Index at, auto load_x) {
        Vec<T> d[M];
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) d[m] = load(dy + m * filter_step);
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) {
            const Vec<T> value = load_x(x[v] + at);
            CUARZO_UNROLL
            for (int m = 0; m < M; ++m) sums[m][v] += d[m] * value;
        }
    };
    for (Index unit = 0; unit < p.units; ++unit) {
        const Index filter_step = p.rows * width;
        for (Index i = 0; i < p.rows_of(unit); ++i) {
            const T *dy = p.dy + unit * p.dy_step + f * filter_step + i * width;
            const Index at = unit * p.source_step + i * p.plane->row_step();
            for (Index j = 0; j < whole; j += lanes<T>)
                add(dy + j, filter_step, at + j, [](const T *from) { return load(from); });
            // What lies right of the last output may be NaN, and 0 * NaN is not 0: those lanes are cleared.
            if (whole < p.columns)
                add(dy + whole, filter_step, at + whole, [&](const T *from) { return keep<T>(rest, load(from)); });
        }
    }
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < V; ++v) to[m * to_row + v] += sum<T>(sums[m][v]);
}

template <class T> using DotFunction = void (*)(const Patches<T> &, Index, Index, T *, Index);

template <class T, int M = dot_filters, int V = dot_taps> DotFunction<T> dot_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return dot_for<T, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return dot_for<T, M, V - 1>(m, v);
    return dot_tile<T, M, V>;
}

// to[m][filters of V vectors] += patches' dy for M taps. dy is [position][V vectors].
template <class T, int M, int V> void outer_tile(const Patches<T> &p, Index panel, Index k, T *to, Index to_row) {
    const T *x[M];
    for (int m = 0; m < M; ++m) x[m] = p.tap(k + m);
    Vec<T> sums[M][V];
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) sums[m][v] = load(to + m * to_row + v * lanes<T>);
    for (Index unit = 0; unit < p.units; ++unit) {
        const T *dy = p.dy + unit * p.dy_step + panel * p.rows * p.columns;
        for (Index i = 0; i < p.rows_of(unit); ++i) {
            const Index at = unit * p.source_step + i * p.plane->row_step();
            for (Index j = 0; j < p.columns; ++j, dy += V * lanes<T>) {
                Vec<T> d[V];
                CUARZO_UNROLL
                for (int v = 0; v < V; ++v) d[v] = load(dy + v * lanes<T>);
                CUARZO_UNROLL
                for (int m = 0; m < M; ++m) {
                    const Vec<T> factor = broadcast(x[m][at + j]);
                    CUARZO_UNROLL
                    for (int v = 0; v < V; ++v) sums[m][v] += factor * d[v];
                }
            }
        }
    }
    CUARZO_UNROLL
    for (int m = 0; m < M; ++m) CUARZO_UNROLL
    for (int v = 0; v < V; ++v) store(to + m * to_row + v * lanes<T>, sums[m][v]);
}

template <class T, int M = tile_rows, int V = tile_vectors> DotFunction<T> outer_for(Index m, Index n) {
    if constexpr (M > 1)
        if (m < M) return outer_for<T, M - 1, V>(m, n);
    if constexpr (V > 1)
        if (n <= (V - 1) * lanes<T>) return outer_for<T, M, V - 1>(m, n);
    return outer_tile<T, M, V>;
}

// How the work is cut; all of it follows from the shape.
template <class T> struct WeightPlan {
    Index parts;       // of the batch, each with a dw of its own
    Index split;       // of the filters, where parts and groups are few: items = parts groups split
    Index rows, bands; // output rows of a band, bands of an image
    Index units;       // bands that are copied before the tiles run over them
    Index filters;     // of an item
    Index padded;      // filters of a group's partial sums: whole vectors for im2col

    WeightPlan(const WeightGradient<T> &p, Rung rung) {
        const Index weights = std::max<Index>(1, p.groups * p.F * p.K());
        parts = std::clamp<Index>((Index{1} << 21) / weights, 1, std::min<Index>(16, p.N));
        const Index panel = rung == Rung::direct ? dot_filters : tile_columns<T>;
        split = std::min(ceil_div(p.F, panel), ceil_div(16, parts * p.groups));
        filters = round_up(ceil_div(p.F, split), panel);
        split = ceil_div(p.F, filters);
        padded = rung == Rung::direct ? p.F : round_up(p.F, lanes<T>);
        const double row_bytes = static_cast<double>(p.C) * (p.W + 1) * p.row_stride * sizeof(T) +
                                 static_cast<double>(filters) * p.J * sizeof(T);
        rows = std::clamp<Index>(static_cast<Index>(cached_bytes / row_bytes), std::min<Index>(p.I, 4), p.I);
        bands = ceil_div(p.I, rows);
        // Several whole images where they are small: the sums then stay in registers for longer.
        const Index image = static_cast<Index>(cached_bytes / 4 / (row_bytes * p.I));
        units = bands > 1 ? 1 : std::clamp<Index>(image, 1, ceil_div(p.N, parts));
    }
};

// dy of one band, for `filters` filters from `first`, as the rung reads it.
template <class T>
void copy_dy(const WeightGradient<T> &p, Rung rung, const T *dy, Index filters, Index rows, Index band_rows, T *out) {
    if (rung == Rung::im2col) { // transposed, in panels of filters
        const Panels<T> panels = column_panels<T>({dy, 1, p.I * p.J}, filters);
        for (Index q = 0; q < panels.count(); ++q)
            panels.pack_one(q, 0, rows * p.J, out + q * panels.panel * (band_rows - rows) * p.J);
        return;
    }
    const Index width = round_up(p.J, lanes<T>);
    for (Index f = 0; f < filters; ++f)
        for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < width; j += lanes<T>)
                store(out + (f * band_rows + i) * width + j,
                      load_first(dy + (f * p.I + i) * p.J + j, std::min(lanes<T>, p.J - j)));
}

// The tiles of one item over the bands in `patches`. to: [filter][k] for direct, [k][filter] for im2col.
template <class T>
void add_tiles(const Patches<T> &patches, Rung rung, Index first, Index filters, Index K, Index padded, T *to) {
    if (rung == Rung::direct) {
        const Index m = even_block(filters, dot_filters), taps = even_block(K, dot_taps);
        for (Index k = 0; k < K; k += taps)
            for (Index f = 0; f < filters; f += m)
                dot_for<T>(std::min(m, filters - f), std::min(taps, K - k))(patches, f, k, to + (first + f) * K + k, K);
    } else {
        const Index columns = even_columns<T>(filters), taps = even_rows(K);
        for (Index f = 0; f < filters; f += columns)
            for (Index k = 0; k < K; k += taps)
                outer_for<T>(std::min(taps, K - k),
                             std::min(columns, filters - f))(patches, f, k, to + k * padded + first + f, padded);
    }
}

// dw = the sum of the parts, in ascending order.
template <class T>
void combine(const WeightGradient<T> &p, Rung rung, const WeightPlan<T> &plan, const T *partial, Index part_size) {
    const Index K = p.K(), filters = p.groups * p.F;
    parallel_for(filters, filters * K * plan.parts < 32768 ? 1 : parallel_slots(filters), [&](Index filter, Index) {
        const Index g = filter / p.F, f = filter % p.F, f_step = rung == Rung::direct ? K : 1;
        const Index k_step = rung == Rung::direct ? 1 : plan.padded;
        const T *from = partial + g * plan.padded * K + f * f_step;
        for (Index k = 0; k < K; ++k) {
            T total = from[k * k_step];
            for (Index part = 1; part < plan.parts; ++part) total += from[part * part_size + k * k_step];
            p.dw[filter * K + k] = total;
        }
    });
}

template <class T> void weight_gradient(const WeightGradient<T> &p, Rung rung) {
    const Index K = p.K();
    if (p.groups * p.F * K == 0) return;
    if (p.N * p.I * p.J == 0) {
        std::fill_n(p.dw, p.groups * p.F * K, T{0});
        return;
    }
    Scratch scratch;
    const WeightPlan<T> plan(p, rung);
    const Plane plane(p.taps, p.tap_count, p.H, p.W, p.row_stride, p.column_stride, plan.rows, p.J);
    Index *offsets = scratch.take<Index>(p.tap_count);
    for (Index t = 0; t < p.tap_count; ++t) offsets[t] = plane.offset(p.taps[t]);
    const Index part_size = round_up(element_count(p.groups, plan.padded, K), 64 / sizeof(T));
    const Index items = plan.parts * p.groups * plan.split;
    const Index slots = p.N * p.groups * p.F * p.I * p.J * K < 32768 ? 1 : parallel_slots(items);
    const Index source_step = plane.stride_of<T>(p.C);
    const Index dy_step = element_count(round_up(plan.filters, lanes<T>), plan.rows, round_up(p.J, lanes<T>));
    T *partial = scratch.take<T>(plan.parts, part_size);
    T *sources = scratch.take<T>(slots, plan.units, source_step), *dys = scratch.take<T>(slots, plan.units, dy_step);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index first = item % plan.split * plan.filters, filters = std::min(plan.filters, p.F - first);
        const Index g = item / plan.split % p.groups, part = item / plan.split / p.groups;
        T *source = sources + slot * plan.units * source_step, *dy = dys + slot * plan.units * dy_step;
        T *to = partial + part * part_size + g * plan.padded * K;
        if (rung == Rung::direct)
            std::fill_n(to + first * K, filters * K, T{0});
        else
            for (Index k = 0; k < K; ++k) std::fill_n(to + k * plan.padded + first, round_up(filters, lanes<T>), T{0});
        // Bands of the part's images in ascending order, `units` at a time.
        const Index end = (part + 1) * p.N / plan.parts * plan.bands;
        for (Index band = part * p.N / plan.parts * plan.bands; band < end;) {
            const Index units = std::min(plan.units, end - band);
            Index rows = 0;
            for (Index unit = 0; unit < units; ++unit, ++band) {
                const Index image = band / plan.bands * p.groups + g;
                const Range range(band % plan.bands, plan.rows, p.I);
                rows = range.end - range.begin;
                plane.fill(p.x + image * p.C * p.H * p.W, p.C, range.begin, T{0}, source + unit * source_step);
                copy_dy(p, rung, p.dy + ((image * p.F + first) * p.I + range.begin) * p.J, filters, rows, plan.rows,
                        dy + unit * dy_step);
            }
            const Patches<T> patches{&plane, offsets,   p.C, p.tap_count, source,      dy,
                                     units,  plan.rows, p.J, rows,        source_step, dy_step};
            add_tiles(patches, rung, first, filters, K, plan.padded, to);
        }
    });
    combine(p, rung, plan, partial, part_size);
}

// db[f] = sum_{n, i, j} dy[n, f, i, j]
template <class T> void bias_gradient(Index N, Index F, Index size, const T *dy, T *db) {
    parallel_for(F, N * F * size < 65536 ? 1 : parallel_slots(F), [&](Index f, Index) {
        Vec<T> sums{};
        for (Index n = 0; n < N; ++n) {
            const T *from = dy + (n * F + f) * size;
            Index i = 0;
            for (; i + lanes<T> <= size; i += lanes<T>) sums += load(from + i);
            if (i < size) sums += load_first(from + i, size - i);
        }
        db[f] = sum<T>(sums);
    });
}

} // namespace cuarzo
