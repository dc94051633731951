// Convolution's results, cut into bands: what one thread computes from one Copy (window.hpp).
//
// A band is some whole slices, or some whole rows of one slice, or a part of the one row of a signal: its rows always
// stand one after the other in memory. How large it is follows from the shape alone.
#pragma once
#include "gemm.hpp"
#include "window.hpp"

namespace cuarzo {

struct Band {
    Index slice, row, column; // where it begins
    Index slices, rows, columns;
    Index lines() const { return slices * rows; }
    Index results() const { return lines() * columns; }
    bool same_size(const Band &other) const {
        return slices == other.slices && rows == other.rows && columns == other.columns;
    }
};

inline constexpr double cached_bytes = 384 << 10; // of a Copy, so that it stays in the second cache

struct Bands {
    Index O, I, J;               // results in all: slices, rows, columns
    Index slices, rows, columns; // of a band; the last may have fewer

    Index row_bands() const { return ceil_div(I, rows); }
    Index column_bands() const { return ceil_div(J, columns); }
    Index count() const { return ceil_div(O, slices) * row_bands() * column_bands(); }
    Band operator[](Index band) const {
        const Range j(band % column_bands(), columns, J), i(band / column_bands() % row_bands(), rows, I);
        const Range o(band / column_bands() / row_bands(), slices, O);
        return {o.begin, i.begin, j.begin, o.end - o.begin, i.end - i.begin, j.end - j.begin};
    }
};

// Bands that stay in the cache, and at least `wanted` of them where there are enough rows: a small batch should still
// have items for several threads. row_bytes: what one row of results adds to the Copy and to what lies beside it.
template <class T>
Bands cut(const Reach &depth, const Reach &rows, const Reach &columns, double row_bytes, Index wanted) {
    const Index O = depth.out, I = rows.out, J = columns.out;
    const auto cached = [&](double bytes) { return static_cast<Index>(cached_bytes / bytes); };
    const auto share = [&](Index length) { return ceil_div(length, wanted); };
    const Index slices = std::clamp<Index>(cached(row_bytes * static_cast<double>(I)), 1, share(O));
    wanted = ceil_div(wanted, ceil_div(O, slices));
    if (slices > 1) return {O, I, J, slices, I, J};
    // A band in one slice reads as many slices as the window has.
    const double thick =
        row_bytes / static_cast<double>(Sorted(depth, O).groups) * static_cast<double>(Sorted(depth, 1).size());
    const Index some = std::max<Index>(1, std::min({I, std::max<Index>(4, cached(thick)), share(I)}));
    if (O * I > 1) return {O, I, J, 1, some, J};
    const Index part = std::min(share(J), std::max<Index>(1, cached(row_bytes / static_cast<double>(J))));
    return {O, I, J, 1, 1, std::min(J, round_up(part, tile_columns<T>))};
}

// What a row of results adds to a Copy of C channels, in bytes.
template <class T> double copied_bytes(const Reach &depth, const Reach &rows, const Reach &columns, Index C) {
    const double groups =
        static_cast<double>(Sorted(depth, depth.out).groups) * static_cast<double>(Sorted(rows, rows.out).groups);
    return groups * static_cast<double>(C) * static_cast<double>(Sorted(columns, columns.out).size()) * sizeof(T);
}

} // namespace cuarzo
