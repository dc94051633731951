// Gradient of a restricted Boltzmann machine's -log p, by samples                            See naive/rbm.py
//
//   dw = h'^T v' / M - h^T v / N        v (N, V), h (N, U): data; v' (M, V), h' (M, U): where chains have come to
//   da = mean of v' - mean of v         db = mean of h' - mean of h
//
// Where all v are zeros and ones, both products are one of binary_product.hpp: with v^T for the left factor, whose bits
// choose among the sums of four rows of h / -N, then of h' / M. It comes out as dw^T, block by block, and each block is
// transposed on its way from the cache, so that dw is written once and nothing else of its size. Else the products are
// those of gemm.hpp.
#pragma once
#include "binary_product.hpp"
#include "row_sums.hpp"

namespace cuarzo {

template <class T> struct Samples { // rows (count) of visible and of hidden units
    Index count;
    const T *v, *h;
    T scale; // of their products in dw
};

// difference[i] = sum over both of scale x[n, i]
template <class T>
void mean_difference(Index units, const Samples<T> &data, const T *x, const Samples<T> &chains, const T *y,
                     T *difference) {
    const Index items = ceil_div(units, lanes<T>);
    const bool small = (data.count + chains.count) * units < 65536;
    parallel_for(items, small ? 1 : parallel_slots(items), [&](Index item, Index) {
        const Range range(item, lanes<T>, units);
        const Index count = range.end - range.begin;
        double sums[2][1][lanes<T>];
        column_sums<1, T>(data.count, sums[0],
                          [&](Index n, Vec<T> *sum) { sum[0] += load_first(x + n * units + range.begin, count); });
        column_sums<1, T>(chains.count, sums[1],
                          [&](Index n, Vec<T> *sum) { sum[0] += load_first(y + n * units + range.begin, count); });
        for (Index i = 0; i < count; ++i)
            difference[range.begin + i] =
                static_cast<T>(sums[0][0][i] * double(data.scale) + sums[1][0][i] * double(chains.scale));
    });
}

// False where v are not binary, or h not finite: dw is then to be found by `dense_products`.
template <class T> bool binary_products(Index V, Index U, const Samples<T> &data, const Samples<T> &chains, T *dw) {
    if (V < least_binary_rows) return false;
    Scratch scratch;
    std::uint32_t *bits = scratch.take<std::uint32_t>(bit_words(data.count), V);
    std::uint32_t *chain_bits = scratch.take<std::uint32_t>(bit_words(chains.count), V);
    if (!pack_bits_transposed(data.v, V, data.count, bits)) return false;
    if (!pack_bits_transposed(chains.v, V, chains.count, chain_bits)) return false;
    return multiply_binary<T>(
        V, U,
        {{bits, data.count, {data.h, U, 1}, data.scale}, {chain_bits, chains.count, {chains.h, U, 1}, chains.scale}},
        [=](Range i, Range j, const T *sums, Index width) {
            pack_transposed(Matrix<T>{sums, width, 1}, i.end - i.begin, j.end - j.begin, V, dw + j.begin * V + i.begin);
        });
}

template <class T> void dense_products(Index V, Index U, const Samples<T> &data, const Samples<T> &chains, T *dw) {
    Scratch scratch;
    T *shown = scratch.take<T>(U, V);
    matmul<T>(U, V, data.count, data.h, true, data.v, false, shown);
    matmul<T>(U, V, chains.count, chains.h, true, chains.v, false, dw);
    parallel_for(U, parallel_slots(U), [&](Index j, Index) {
        for (Index i = j * V; i < (j + 1) * V; ++i) dw[i] = chains.scale * dw[i] + data.scale * shown[i];
    });
}

template <class T> void rbm_gradient(Index V, Index U, Samples<T> data, Samples<T> chains, T *dw, T *da, T *db) {
    data.scale = T{-1} / static_cast<T>(std::max<Index>(1, data.count));
    chains.scale = T{1} / static_cast<T>(std::max<Index>(1, chains.count));
    if (!binary_products(V, U, data, chains, dw)) dense_products(V, U, data, chains, dw);
    mean_difference(V, data, data.v, chains, chains.v, da);
    mean_difference(U, data, data.h, chains, chains.h, db);
}

} // namespace cuarzo
