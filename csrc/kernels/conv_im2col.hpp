// Correlation, rung im2col: the source is packed into panels as for the product (gemm.hpp), k after k, and the tiles of
// the product run over them. Row ends cost no lanes, and long sums stream. Only some panels of the matrix of patches
// exist at a time, in the second cache; each tile's weights are read once for all of them.
//
// The bias is one more k, whose patches are 1: a tile then writes results, and nothing has to be added to them.
#pragma once
#include "conv_correlation.hpp"

namespace cuarzo {

inline constexpr Index panel_depth = 384, panels_together = 6; // a weight tile of 12 kB, panels of 440 kB

// A product in disguise: windows of one position that reads every position in order. Its source is read in place.
inline bool reads_in_place(const Reach &reach) {
    return reach.taps == 1 && reach.from == 0 && reach.stride == 1 && reach.in == reach.out;
}

// How the work is cut: an item is some images (or one band of one) x some filters of a group.
template <class T> struct Im2colPlan {
    bool in_place;
    Index images, filters;
    Bands bands;

    explicit Im2colPlan(const Correlation<T> &p)
        : in_place(p.depth.in * p.rows.in == 1 && reads_in_place(p.depth) && reads_in_place(p.rows) &&
                   reads_in_place(p.columns)),
          images(1),
          filters(p.F) {
        const double row_bytes = copied_bytes<T>(p.depth, p.rows, p.columns, p.C);
        bands = cut<T>(p.depth, p.rows, p.columns, row_bytes, 1);
        if (bands.count() == 1) images = join(p, row_bytes * static_cast<double>(bands.O * bands.I));
        const auto items = [&] { return ceil_div(p.N, images) * p.groups * bands.count(); };
        // Enough items for several threads: first each packs for some of the filters, then rows are shared out.
        const Index most = std::max<Index>(1, p.F / 96), blocks = std::min(most, ceil_div(16, items()));
        filters = round_up(ceil_div(p.F, blocks), even_rows(p.F));
        const Index rest = ceil_div(16, items() * ceil_div(p.F, filters));
        if (rest > 1) bands = cut<T>(p.depth, p.rows, p.columns, row_bytes, rest), images = 1;
    }

  private:
    // Small images are joined until the lanes of their last vector do not matter.
    static Index join(const Correlation<T> &p, double image_bytes) {
        const Index results = p.depth.out * p.rows.out * p.columns.out;
        const Index most = std::min(p.N, static_cast<Index>(cached_bytes / image_bytes));
        Index images = 1;
        const auto used = [&](Index n) {
            return static_cast<double>(n * results) / static_cast<double>(round_up(n * results, lanes<T>));
        };
        while (2 * images <= most && used(images) < 0.93) images *= 2;
        return images;
    }
};

// What the items of a call share.
template <class T> struct Im2col {
    const Correlation<T> &p;
    const Im2colPlan<T> &plan;
    const Copy &copy;
    const Taps &taps;
    const T *weights; // [group][tile of filters][bias and k][filters]

    bool biased() const { return p.bias != nullptr; }
    Index K() const { return p.C * taps.count + biased(); }
    Index kc() const { return even_block(K(), panel_depth); }
    Index source_size() const { return p.C * p.depth.in * p.rows.in * p.columns.in; }
    Index channel_step() const { return plan.in_place ? p.columns.in : copy.size; }
    Index image_step() const { return plan.in_place ? p.groups * source_size() : copy.stride_of<T>(p.C); }
    Index columns() const { return even_columns<T>(plan.images * plan.bands[0].results()); }
    // Panels for each of which an item's weights need not be read again; one, if these stay in the second cache and a
    // copy makes the source's pieces whole: it may then stay in the first.
    Index together() const {
        const bool one = !plan.in_place && plan.filters * K() * Index{sizeof(T)} <= 256 << 10;
        return std::min(one ? 1 : panels_together, ceil_div(plan.images * plan.bands[0].results(), columns()));
    }
    // Whether a band's results stand in one piece, so that tiles can write them.
    bool in_one_piece(const Band &band) const {
        const bool rows = band.lines() == 1 || (p.row == p.columns.out && band.columns == p.columns.out);
        return p.column == 1 && rows && (band.slices == 1 || p.slice == p.rows.out * p.row);
    }
};

// What a slot computes in. A panel has room for a vector that begins at its last column.
template <class T> struct Im2colRoom {
    T *copies, *panels, *sums;
    Run *runs;
    Index panel, panel_sums;
    Im2colRoom(Scratch &scratch, const Im2col<T> &call, Index slots)
        : copies(call.plan.in_place ? nullptr
                                    : call.copy.template take<T>(scratch, slots * call.plan.images, call.p.C)),
          panel(element_count(call.kc(), call.columns()) + lanes<T>),
          panel_sums(element_count(call.plan.filters, call.columns())) {
        panels = scratch.take<T>(slots, call.together(), panel);
        sums = scratch.take<T>(slots, call.together(), panel_sums);
        runs = scratch.take<Run>(slots, call.together(), call.columns());
    }
    Im2colRoom at(Index slot, const Im2col<T> &call) const {
        Im2colRoom own = *this;
        if (copies) own.copies += slot * call.plan.images * call.image_step();
        own.panels += slot * call.together() * panel;
        own.sums += slot * call.together() * panel_sums;
        own.runs += slot * call.together() * call.columns();
        return own;
    }
};

struct Im2colPanel {
    const Run *runs;
    Index count, n, width; // runs; results, and these filled up to vectors
    bool in_one_piece;
};

// Results first ... first + n - 1 of some images' bands.
template <class T> Im2colPanel make_panel(const Im2col<T> &call, const Band &band, Index first, Index n, Run *runs) {
    Index count = 0;
    for (Index done = 0; done < n;) {
        const Index image = (first + done) / band.results(), begin = (first + done) % band.results();
        const Index some = std::min(n - done, band.results() - begin);
        const Index end = count + make_runs(call.p, call.copy, band, begin, some, runs + count);
        for (; count < end; ++count) {
            runs[count].from += image * call.image_step(), runs[count].at += done;
            runs[count].to += image * call.p.groups * call.p.F * call.p.volume;
        }
        done += some;
    }
    const bool one_image = first / band.results() == (first + n - 1) / band.results();
    return {runs, count, n, round_up(n, lanes<T>), one_image && call.in_one_piece(band)};
}

// Row k of a panel. Whole vectors are written, also over the end of a row: the next row, or nothing, comes there.
template <class T, bool copied> CUARZO_INLINE void pack_row(const Im2colPanel &panel, const T *from, T *out) {
    for (const Run *run = panel.runs, *end = run + panel.count; run < end; ++run) {
        // A copy has room behind its last row, the source itself has not.
        const bool whole = copied || run->count == lanes<T>;
        store(out + run->at, whole ? load(from + run->from) : load_first(from + run->from, run->count));
    }
}

// Rows k ... k + depth - 1 of all panels, [panel][k][width]: channel by channel, as they stand in memory.
template <class T>
void pack_panels(const Im2col<T> &call, const Im2colPanel *list, Index count, const T *source, Index k, Index depth,
                 const Im2colRoom<T> &room) {
    const bool ones = call.biased() && k == 0;
    if (ones)
        for (Index q = 0; q < count; ++q) std::fill_n(room.panels + q * room.panel, list[q].width, T{1});
    const Index begin = k - call.biased() + ones;
    Index c = begin / call.taps.count, t = begin % call.taps.count;
    for (Index d = ones; d < depth; ++d) {
        const T *from = source + c * call.channel_step() + call.taps.offset[t];
        for (Index q = 0; q < count; ++q) {
            T *out = room.panels + q * room.panel + d * list[q].width;
            if (call.plan.in_place)
                pack_row<T, false>(list[q], from, out);
            else
                pack_row<T, true>(list[q], from, out);
        }
        if (++t == call.taps.count) t = 0, ++c;
    }
}

// Some filters of an item: from panels to the results, or to the sums of those panels that are not in one piece.
template <class T>
void multiply_panels(const Im2col<T> &call, const Im2colPanel *list, Index count, const Im2colRoom<T> &room, Index k,
                     Index depth, const T *weights, Range filters, T *result) {
    const Index K = call.K(), tile = even_rows(call.p.F), volume = call.p.volume;
    for (Index f = filters.begin; f < filters.end; f += tile) {
        const Index m = std::min(tile, filters.end - f);
        for (Index q = 0; q < count; ++q) {
            const Im2colPanel &panel = list[q];
            T *to = panel.in_one_piece ? result + f * volume + panel.runs[0].to
                                       : room.sums + q * room.panel_sums + (f - filters.begin) * panel.width;
            tile_for<T>(m, panel.n)(depth, weights + f * K + k * m, room.panels + q * room.panel, to,
                                    panel.in_one_piece ? volume : panel.width, panel.n, k > 0);
        }
    }
}

template <class T>
void im2col_item(const Im2col<T> &call, const Band &band, Index images, const T *source, const T *weights,
                 Range filters, T *result, const Im2colRoom<T> &room) {
    const Index results = images * band.results(), columns = call.columns();
    for (Index first = 0; first < results;) {
        Im2colPanel panels[panels_together];
        Index count = 0;
        for (; count < call.together() && first < results; ++count, first += columns)
            panels[count] =
                make_panel(call, band, first, std::min(columns, results - first), room.runs + count * columns);
        for (Index k = 0; k < call.K(); k += call.kc()) {
            const Index depth = std::min(call.kc(), call.K() - k);
            pack_panels(call, panels, count, source, k, depth, room);
            multiply_panels(call, panels, count, room, k, depth, weights, filters, result);
        }
        for (Index q = 0; q < count; ++q)
            for (Index f = filters.begin; !panels[q].in_one_piece && f < filters.end; ++f) {
                const T *sums = room.sums + q * room.panel_sums + (f - filters.begin) * panels[q].width;
                for (Index i = 0; i < panels[q].count; ++i) {
                    const Run &run = panels[q].runs[i];
                    store_run(result + f * call.p.volume + run.to, call.p.column, load(sums + run.at), run.count);
                }
            }
    }
}

template <class T> void correlate_im2col(const Correlation<T> &p) {
    Scratch scratch;
    const Im2colPlan<T> plan(p);
    const Bands &bands = plan.bands;
    const Copy copy(p.depth, p.rows, p.columns, bands.slices, bands.rows, bands.columns);
    const Taps taps(scratch, copy, p.depth, p.rows, p.columns);
    const Im2col<T> call{p, plan, copy, taps, pack_weights(scratch, p, taps, p.bias)};
    const Index blocks = ceil_div(p.F, plan.filters), per_image = bands.count();
    const Index items = ceil_div(p.N, plan.images) * p.groups * per_image * blocks;
    const double results = static_cast<double>(p.N * p.groups * p.F * p.depth.out * p.rows.out * p.columns.out);
    const Index slots = is_small(results * static_cast<double>(call.K())) ? 1 : parallel_slots(items);
    const Im2colRoom<T> rooms(scratch, call, slots);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Range filters(item % blocks, plan.filters, p.F);
        const Band band = bands[item / blocks % per_image];
        const Index g = item / blocks / per_image % p.groups;
        const Range images(item / blocks / per_image / p.groups, plan.images, p.N);
        const Im2colRoom<T> room = rooms.at(slot, call);
        const T *source = p.source + (images.begin * p.groups + g) * call.source_size() + band.column;
        for (Index n = images.begin; !plan.in_place && n < images.end; ++n)
            copy.fill(p.source + (n * p.groups + g) * call.source_size(), p.C, band.slice, band.row, band.column, T{0},
                      room.copies + (n - images.begin) * call.image_step());
        T *result = p.result + (images.begin * p.groups + g) * p.F * p.volume + p.start + band.slice * p.slice +
                    band.row * p.row + band.column * p.column;
        im2col_item(call, band, images.end - images.begin, plan.in_place ? source : room.copies,
                    call.weights + g * p.F * call.K(), filters, result, room);
    });
}

} // namespace cuarzo
