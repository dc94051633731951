// The gradient of a convolution's input, rung col2im: the transpose of im2col.
//
//   column[c, t, j] = sum_f w[f, c, t] dy[f, j]                  # a matrix product: (C taps, F) (F, positions)
//   dx[c, h]        = sum of column[c, t, j]   over the t, j that read h
//
// The columns are never written down. A register tile holds those of some taps for some vectors of neighbours in a row
// of dy, and what it has summed over all filters it adds to the image. That stands as a Copy (window.hpp), where the
// places of neighbours are neighbours, whatever the stride. Each product of the gradient is computed once: a
// correlation of dy (conv.hpp: Phases) also multiplies the padding around it, and reads dy again for each phase of a
// stride. The price is one load, addition and store of a vector for every F multiply-adds: good where the filters are
// many and the channels few, the first layers of networks.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

template <class T> struct InputGradient {
    Index N, groups, C, F;      // dx (N, groups C, depth.in, rows.in, columns.in)
    Reach depth, rows, columns; // dy (N, groups F, depth.out, rows.out, columns.out)
    const T *dy, *w;            // w (groups F, C, window)
    T *dx;
    Index window() const { return depth.window * rows.window * columns.window; }
    Index taps() const { return depth.taps * rows.taps * columns.taps; }
    Index inputs() const { return depth.in * rows.in * columns.in; }
    Index outputs() const { return depth.out * rows.out * columns.out; }
};

// The registers hold one row of accumulators more than a product's tile on AVX-512: a window of 3 x 3 is one tile.
inline constexpr Index column_taps = tile_rows >= 8 ? tile_rows + 1 : tile_rows;

// The columns k = (c, t) in the order of the tiles. Neighbours in a row of the window come last: what two of them add to
// overlaps, and a load that overlaps a store still under way waits for it.
struct Columns {
    Index count;
    Index *to, *number; // the place in the Copy, relative to the output's; the place in w[f]

    Columns(Scratch &scratch, const Copy &copy, const Taps &taps, Index C, Index window, Index row_taps)
        : count(element_count(C, taps.count)),
          to(scratch.take<Index>(count)),
          number(scratch.take<Index>(count)) {
        Index k = 0;
        for (Index s = 0; s < row_taps; ++s)
            for (Index c = 0; c < C; ++c)
                for (Index t = s; t < taps.count; t += row_taps, ++k)
                    to[k] = c * copy.size + taps.offset[t], number[k] = c * window + taps.number[t];
    }
    Index tile() const { return even_block(count, column_taps); }
};

// Weights as the tiles read them: for each group and each tile [filter][columns of the tile].
template <class T> const T *pack_columns(Scratch &scratch, const InputGradient<T> &p, const Columns &columns) {
    const Index K = columns.count, tile = columns.tile(), tiles = ceil_div(K, tile), filter = p.C * p.window();
    T *packed = scratch.take<T>(p.groups, p.F, K);
    parallel_for(p.groups * tiles, p.F * K < 65536 ? 1 : parallel_slots(p.groups * tiles), [&](Index item, Index) {
        const Range some(item % tiles, tile, K);
        const Index g = item / tiles;
        const T *from = p.w + g * p.F * filter;
        T *to = packed + p.F * (g * K + some.begin);
        for (Index f = 0; f < p.F; ++f, from += filter)
            for (Index k = some.begin; k < some.end; ++k) *to++ = from[columns.number[k]];
    });
    return packed;
}

// A vector of dy: `count` neighbours in a row, where they stand in dy and what tap 0 would read in the Copy.
struct Neighbours {
    Index from, to, count;
};

template <class T> Index list_neighbours(const Copy &copy, const Band &band, Index row_length, Neighbours *list) {
    Index count = 0;
    for (Index line = 0; line < band.lines(); ++line) {
        const Index to = line / band.rows * copy.slice_step + line % band.rows * copy.row_step;
        for (Index j = 0; j < band.columns; j += lanes<T>)
            list[count++] = {line * row_length + j, to + j, std::min(lanes<T>, band.columns - j)};
    }
    return count;
}

template <class T> CUARZO_INLINE void add_first(T *to, Vec<T> v, Index count) {
    if (count == lanes<T>) return store(to, load(to) + v);
    store_first(to, load_first(to, count) + v, count);
}

// M columns x V vectors. The first tile reads dy where it stands, asks for the next vectors, and leaves those it has
// read to the other tiles, as a panel: [filter][V vectors], filled up with zeros.
template <class T, int M, int V, bool first>
void column_tile(Index filters, const T *w, const T *dy, Index filter_step, T *panel, const Index *to,
                 const Neighbours *list, T *image) {
    Vec<T> sum[M][V] = {};
    for (Index f = 0; f < filters; ++f, w += M, dy += filter_step, panel += V * lanes<T>) {
        Vec<T> d[V];
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v)
            if constexpr (first) {
                d[v] = load_first(dy + list[v].from, list[v].count);
                __builtin_prefetch(dy + list[v].from + V * lanes<T>);
                store(panel + v * lanes<T>, d[v]);
            } else {
                d[v] = load(panel + v * lanes<T>);
            }
        CUARZO_UNROLL
        for (int m = 0; m < M; ++m) {
            const Vec<T> factor = broadcast(w[m]);
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[m][v] += factor * d[v];
        }
    }
    CUARZO_UNROLL
    for (int v = 0; v < V; ++v) CUARZO_UNROLL
    for (int m = 0; m < M; ++m) add_first(image + to[m] + list[v].to, sum[m][v], list[v].count);
}

template <class T>
using ColumnFunction = void (*)(Index, const T *, const T *, Index, T *, const Index *, const Neighbours *, T *);

template <class T, bool first, int M = column_taps, int V = tile_vectors>
ColumnFunction<T> columns_for(Index m, Index v) {
    if constexpr (M > 1)
        if (m < M) return columns_for<T, first, M - 1, V>(m, v);
    if constexpr (V > 1)
        if (v < V) return columns_for<T, first, M, V - 1>(m, v);
    return column_tile<T, M, V, first>;
}

// What the band's dy gives to the image, as a Copy.
template <class T>
void add_columns(const InputGradient<T> &p, const Columns &columns, const T *weights, const T *dy,
                 const Neighbours *list, Index count, T *panel, T *image) {
    const Index vectors = even_block(count, tile_vectors), tile = columns.tile();
    for (Index i = 0; i < count; i += vectors) {
        const Index V = std::min(vectors, count - i);
        for (Index k = 0; k < columns.count; k += tile) {
            const Index M = std::min(tile, columns.count - k);
            const auto run = k == 0 ? columns_for<T, true>(M, V) : columns_for<T, false>(M, V);
            run(p.F, weights + k * p.F, dy, p.outputs(), panel, columns.to + k, list + i, image);
        }
    }
}

// row[column + i S + s] += from[s pitch + i] for 0 <= s < S, in registers, where the row has such a column.
template <class T, int S> void add_interleaved(const T *from, Index pitch, Index column, Index W, T *row) {
    const Index last = std::min(W, column + S * pitch);
    for (Index i = 0; i < pitch; i += lanes<T>) {
        Vec<T> block[S];
        CUARZO_UNROLL
        for (int s = 0; s < S; ++s) block[s] = load(from + s * pitch + i);
        if constexpr (S > 1) transpose<T>(block);
        CUARZO_UNROLL
        for (int s = 0; s < S; ++s, column += lanes<T>) {
            const Index begin = std::max<Index>(0, -column), end = std::min(lanes<T>, last - column);
            if (begin == 0 && end == lanes<T>) {
                store(row + column, load(row + column) + block[s]);
            } else {
                T lane[lanes<T>];
                store(lane, block[s]);
                for (Index l = begin; l < end; ++l) row[column + l] += lane[l];
            }
        }
    }
}

// row[column + i stride] += from[i], where the row has such a column
template <class T> void add_steps(const T *from, Index pitch, Index column, Index stride, Index W, T *row) {
    const Index begin = column < 0 ? ceil_div(-column, stride) : 0;
    const Index end = std::min(pitch, W > column ? ceil_div(W - column, stride) : 0);
    for (Index i = begin; i < end; ++i) row[column + i * stride] += from[i];
}

// A row of a Copy, added to the row it is one of.
template <class T> void add_row(const Sorted &columns, Index column, const T *from, T *row) {
    const Index stride = columns.stride, pitch = columns.pitch, W = columns.in;
    const bool contiguous = columns.groups == stride && (stride == 1 || columns.step == 1);
    if (contiguous && stride == 1) return add_interleaved<T, 1>(from, pitch, column, W, row);
    if (contiguous && stride == 2) return add_interleaved<T, 2>(from, pitch, column, W, row);
    if (contiguous && stride == 4) return add_interleaved<T, 4>(from, pitch, column, W, row);
    for (Index group = 0; group < columns.groups; ++group, column += columns.step, from += pitch)
        add_steps(from, pitch, column, stride, W, row);
}

// Adds a Copy to the volume it is one of: what Copy::fill would read is written.
template <class T> void add_copy(const Copy &copy, const Band &band, const T *from, T *volume) {
    const Index W = copy.columns.in, H = copy.rows.in;
    const Index column = copy.columns.from + band.column * copy.columns.stride;
    copy.depth.each(band.slice, [&](Index d) {
        copy.rows.each(band.row, [&](Index h) {
            if (copy.depth.inside(d) && copy.rows.inside(h))
                add_row(copy.columns, column, from, volume + (d * H + h) * W);
            from += copy.row_step;
        });
    });
}

// Bands of an image overlap in dx. Each sums for itself, and they are added in ascending order: the same bits at any
// number of threads.
template <class T> void input_gradient_col2im(const InputGradient<T> &p) {
    const Index images = p.N * p.groups;
    if (images * p.C * p.inputs() == 0) return;
    if (p.F * p.outputs() == 0) return void(std::fill_n(p.dx, images * p.C * p.inputs(), T{0}));
    Scratch scratch;
    const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, p.C);
    const Bands bands = cut<T>(p.depth, p.rows, p.columns, row_bytes, ceil_div(16, images));
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Columns columns(scratch, copy, taps, p.C, p.window(), p.columns.taps);
    const T *weights = pack_columns(scratch, p, columns);
    const Index per_image = bands.count(), items = images * per_image;
    const double multiplications = static_cast<double>(images * p.F * p.outputs()) * static_cast<double>(columns.count);
    const bool small = is_small(multiplications);
    const Index slots = small ? 1 : parallel_slots(items);
    const Index copy_step = copy.stride_of<T>(p.C), panel_step = element_count(p.F, tile_vectors, lanes<T>);
    const Index list_step = element_count(bands.slices, bands.rows, ceil_div(bands.columns, lanes<T>));
    T *copies = copy.take<T>(scratch, per_image == 1 ? slots : items, p.C);
    T *panels = scratch.take<T>(slots, panel_step);
    Neighbours *lists = scratch.take<Neighbours>(slots, list_step);
    const auto add_up = [&](Index image, Index c, const T *first_copy) {
        T *volume = p.dx + (image * p.C + c) * p.inputs();
        std::fill_n(volume, p.inputs(), T{0});
        for (Index b = 0; b < per_image; ++b)
            add_copy(copy, bands[b], first_copy + b * copy_step + c * copy.size, volume);
    };
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index image = item / per_image;
        const Band band = bands[item % per_image];
        T *own = copies + (per_image == 1 ? slot : item) * copy_step;
        std::fill_n(own, p.C * copy.size, T{0});
        Neighbours *list = lists + slot * list_step;
        const Index count = list_neighbours<T>(copy, band, p.columns.out, list);
        const Index at = (band.slice * p.rows.out + band.row) * p.columns.out + band.column;
        add_columns(p, columns, weights + image % p.groups * p.F * columns.count, p.dy + image * p.F * p.outputs() + at,
                    list, count, panels + slot * panel_step, own);
        for (Index c = 0; per_image == 1 && c < p.C; ++c) add_up(image, c, own);
    });
    if (per_image == 1) return;
    parallel_for(images * p.C, small ? 1 : parallel_slots(images * p.C), [&](Index item, Index) {
        const Index image = item / p.C;
        add_up(image, item % p.C, copies + image * per_image * copy_step);
    });
}

} // namespace cuarzo
