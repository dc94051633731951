// Correlation, rung grouped (conv_grouped.hpp): tiles of some results, each a vector of groups.
#pragma once
#include "conv_grouped.hpp"

namespace cuarzo {

// One of the correlations whose results interleave.
template <class T> struct GroupedPhase {
    const Index *taps; // in the box
    Index tap_count;
    const T *weights; // [block of groups][filter][channel][tap][groups]
    Index slices, rows, columns;
    const GroupedResult *results; // of the rows that are computed together

    GroupedPhase(Scratch &scratch, const Correlation<T> &p, const GroupedBox &box, Index count)
        : taps(grouped_taps<T>(scratch, p.depth, p.rows, p.columns, box)),
          tap_count(p.depth.taps * p.rows.taps * p.columns.taps),
          weights(pack(scratch, p)),
          slices(p.depth.out),
          rows(p.rows.out),
          columns(p.columns.out) {
        const Index W = box.columns.results, plane = box.rows.results * W;
        const Index d = p.start / plane, h = p.start % plane / W, w = p.start % W;
        results = grouped_results<T>(scratch, box, count, columns, (d * count * box.rows.between + h) * W + w);
    }

  private:
    static const T *pack(Scratch &scratch, const Correlation<T> &p) {
        const Index groups = round_up(p.groups, lanes<T>);
        T *packed = scratch.take<T>(groups, p.F, p.C, p.depth.taps * p.rows.taps * p.columns.taps), *to = packed;
        const auto number = [](const Reach &reach, Index t) { return reach.number + t * reach.number_step; };
        for (Index block = 0; block < groups; block += lanes<T>)
            for (Index f = 0; f < p.F; ++f)
                for (Index c = 0; c < p.C; ++c)
                    each_tap(p.depth, p.rows, p.columns, [&](Index e, Index r, Index s) {
                        const Index tap = (number(p.depth, e) * p.rows.window + number(p.rows, r)) * p.columns.window +
                                          number(p.columns, s);
                        for (Index g = block; g < block + lanes<T>; ++g)
                            *to++ = g < p.groups ? p.weight[g * p.weight_group + f * p.weight_f + c * p.weight_c + tap]
                                                 : T{0};
                    });
        return packed;
    }
};

// V results of one filter.
template <class T, int V>
void grouped_tile(const GroupedPhase<T> &phase, const T *w, const T *source, Index channels, Index channel_step,
                  Vec<T> bias, const GroupedResult *results, T *to) {
    Vec<T> sum[V];
    const T *base[V];
    CUARZO_UNROLL
    for (int v = 0; v < V; ++v) sum[v] = bias, base[v] = source + results[v].from;
    for (Index c = 0; c < channels; ++c)
        for (Index t = 0; t < phase.tap_count; ++t, w += lanes<T>) {
            const Index at = c * channel_step + phase.taps[t];
            const Vec<T> factor = load(w);
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[v] += factor * load(base[v] + at);
        }
    CUARZO_UNROLL
    for (int v = 0; v < V; ++v) store(to + results[v].to, sum[v]);
}

// The first `count` results.
template <class T, int V = 8>
void grouped_tiles(const GroupedPhase<T> &phase, const T *w, const T *source, Index channels, Index channel_step,
                   Vec<T> bias, const GroupedResult *results, Index count, T *to) {
    for (; count >= V; count -= V, results += V)
        grouped_tile<T, V>(phase, w, source, channels, channel_step, bias, results, to);
    if constexpr (V > 1) grouped_tiles<T, V / 2>(phase, w, source, channels, channel_step, bias, results, count, to);
}

// The results of some rows: [slice][row][column][groups]
template <class T> struct GroupedResults {
    const GroupedAxis &depth, &rows, &columns;
    Index count; // rows of one correlation

    Index plane() const { return count * rows.between * columns.results; }
    Index elements() const { return element_count(depth.between * plane() + lanes<T>, lanes<T>); }
    // To `planes` planes of groups, `step` apart.
    void store(Index slice, Index row, Index some, const T *sums, Index planes, Index step, T *to) const {
        const Index first = slice * depth.between, line = row * rows.between;
        for (Index d = 0; d < depth.reached(slice, 1); ++d)
            separate(sums + d * plane() * lanes<T>, rows.reached(row, some) * columns.results, planes, step,
                     to + ((first + d) * rows.results + line) * columns.results);
    }
};

// What the items of a call share.
template <class T> struct GroupedCall {
    const Correlation<T> &p;
    const GroupedBox &box;
    const Index *places;
    const GroupedPhase<T> *phases;
    Index phase_count;
    GroupedResults<T> results;
    bool all; // every result is reached by some correlation

    // Some results of filter f in a block of groups, `count` rows from `row` on.
    void compute(const Band &band, Index row, Index count, Index block, Index f, const T *source, T *to) const {
        const Index g = block * lanes<T>;
        Vec<T> bias{};
        for (Index k = 0; p.bias && k < std::min(lanes<T>, p.groups - g); ++k) bias[k] = p.bias[(g + k) * p.F + f];
        if (!all) std::fill_n(to, results.elements(), T{0});
        source += (row - band.row) * box.rows.stride * box.width * lanes<T>;
        for (Index i = 0; i < phase_count; ++i) {
            const GroupedPhase<T> &phase = phases[i];
            const Index some = std::min(count, phase.rows - row);
            if (band.slice >= phase.slices || some <= 0) continue;
            const T *weights = phase.weights + (block * p.F + f) * p.C * phase.tap_count * lanes<T>;
            grouped_tiles(phase, weights, source, p.C, box.elements<T>(), bias, phase.results, some * phase.columns,
                          to);
        }
    }

    void run(const Band &band, Index n, Index block, T *source, T *to) const {
        const Index g = block * lanes<T>, groups = std::min(lanes<T>, p.groups - g);
        const Index size = p.depth.in * p.rows.in * p.columns.in;
        const T *image = p.source + (n * p.groups + g) * p.C * size;
        T *result = p.result + (n * p.groups + g) * p.F * p.volume;
        Index filled = 0;
        for (Index i = 0; i < band.rows; i += results.count) {
            const Index count = std::min(results.count, band.rows - i), end = box.rows.size(i + count);
            for (Index c = 0; c < p.C; ++c)
                box.fill(image + c * size, p.C * size, groups, band, filled, end, places,
                         source + c * box.elements<T>());
            filled = end;
            for (Index f = 0; f < p.F; ++f) {
                compute(band, band.row + i, count, block, f, source, to);
                results.store(band.slice, band.row + i, count, to, groups, p.F * p.volume, result + f * p.volume);
            }
        }
    }
};

// The correlations p[0] ... p[count - 1], whose results together are D slices of H x W.
template <class T> void correlate_grouped(const Correlation<T> *p, Index count, Index D, Index H, Index W) {
    const Correlation<T> &one = p[0];
    if (one.N * D * H * W == 0) return;
    GroupedAxis depth(one.depth, one.slice / (H * W), D), rows(one.rows, one.row / W, H);
    GroupedAxis columns(one.columns, one.column, W);
    for (Index i = 1; i < count; ++i) depth.add(p[i].depth), rows.add(p[i].rows), columns.add(p[i].columns);
    if (depth.out * rows.out * columns.out == 0) return; // windows that see nothing but padding
    Scratch scratch;
    const Index blocks = ceil_div(one.groups, lanes<T>);
    const Bands bands = cut_grouped<T>(depth, rows, columns, one.C, ceil_div(16, one.N * blocks));
    const GroupedBox box(depth, rows, columns, bands.rows);
    const GroupedResults<T> results{depth, rows, columns, std::min(bands.rows, rows_at_a_time(rows, columns))};
    GroupedPhase<T> *phases = scratch.take<GroupedPhase<T>>(count);
    double terms = 0;
    for (Index i = 0; i < count; ++i) {
        new (phases + i) GroupedPhase<T>(scratch, p[i], box, results.count);
        terms += static_cast<double>(phases[i].tap_count * one.C * p[i].depth.out * p[i].rows.out * p[i].columns.out);
    }
    const bool all = count == depth.between * rows.between * columns.between;
    const GroupedCall<T> call{one, box, box.places<T>(scratch), phases, count, results, all};
    const Index items = one.N * blocks * bands.count();
    const bool small = is_small(terms * static_cast<double>(one.N * one.groups * one.F));
    const Index slots = small ? 1 : parallel_slots(items);
    const Index source_step = one.C * box.elements<T>(), sums_step = results.elements();
    T *sources = scratch.take<T>(slots, source_step), *sums = scratch.take<T>(slots, sums_step);
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Index block = item / bands.count() % blocks, n = item / bands.count() / blocks;
        call.run(bands[item % bands.count()], n, block, sources + slot * source_step, sums + slot * sums_step);
    });
}

} // namespace cuarzo
