// Embedding                                                                              See naive/embedding.py
//
//   y[m] = weight[indices[m]],    dweight[v] = sum of dy[m] over the m with indices[m] = v
//
// Backwards the m are first sorted by word (counting, so that equal words stay in their order): a thread then owns
// whole rows of dweight, and the sum of each runs in the order of m.
#pragma once
#include "../scratch.hpp"
#include "elementwise.hpp"

namespace cuarzo {

template <class T> void embedding_forward(Index rows, Index n, const std::int64_t *indices, const T *weight, T *y) {
    for_rows(rows, n, [=](Index row) { std::copy_n(weight + indices[row] * n, n, y + row * n); });
}

// order[starts[v]] ... order[starts[v + 1] - 1]: where word v stands, in ascending order
struct WordOrder {
    Index *starts, *order;

    WordOrder(Scratch &scratch, Index rows, Index words, const std::int64_t *indices)
        : starts(scratch.take<Index>(words + 2)),
          order(scratch.take<Index>(rows)) {
        std::fill_n(starts, words + 2, Index{0});
        for (Index row = 0; row < rows; ++row) ++starts[indices[row] + 2]; // two places further, so that below ...
        for (Index word = 0; word < words; ++word) starts[word + 2] += starts[word + 1];
        for (Index row = 0; row < rows; ++row) order[starts[indices[row] + 1]++] = row; // ... the ends become starts
    }
};

template <class T>
void embedding_backward(Index rows, Index n, Index words, const T *dy, const std::int64_t *indices, Index padding,
                        T *dweight) {
    Scratch scratch;
    const WordOrder sorted(scratch, rows, words, indices);
    for_rows(words, n, [=](Index word) {
        T *to = dweight + word * n;
        std::fill_n(to, n, T{0});
        if (word == padding) return;
        for (Index i = sorted.starts[word]; i < sorted.starts[word + 1]; ++i) {
            const T *from = dy + sorted.order[i] * n;
            for_vectors<T>(n,
                           [=](Index k, auto part) { put<T>(to + k, get(to + k, part) + get(from + k, part), part); });
        }
    });
}

} // namespace cuarzo
