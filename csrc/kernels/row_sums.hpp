// Sums along a row, and down columns, in a fixed order.
//
//   row_sums<2, T>(n, [&](Index i, auto part, Vec<T> *sum) { sum[0] += ...; sum[1] += ...; })     -> {double, double}
//
// Within a block of some dozens of vectors sums run in T, in two sets of lanes, since one addition would wait for the
// one before it; the blocks are added up in float64. So the error of a float32 sum does not grow with its length.
#pragma once
#include "elementwise.hpp"
#include <array>

namespace cuarzo {

template <int count> using Sums = std::array<double, count>;

// Over `rows` rows of n elements; short ones share a block. add(row, i, part, sum): what lies behind the end must add
// nothing, and `add` sees to it with `inside` where a vector of zeros would not do.
template <int count, class T, class Add> CUARZO_INLINE Sums<count> sums_of_rows(Index rows, Index n, Add add) {
    constexpr Index block = 64 * lanes<T>;
    const Index together = std::max<Index>(1, block / round_up(std::max<Index>(n, 1), lanes<T>));
    Sums<count> total{};
    for (Index first = 0; first < rows; first += together)
        for (Index begin = 0; begin < n; begin += block) {
            const Index end = std::min(begin + block, n);
            Vec<T> even[count]{}, odd[count]{};
            for (Index row = first; row < std::min(first + together, rows); ++row) {
                Index i = begin;
                for (; i + 2 * lanes<T> <= end; i += 2 * lanes<T>) {
                    add(row, i, Whole{}, even);
                    add(row, i + lanes<T>, Whole{}, odd);
                }
                if (i + lanes<T> <= end) {
                    add(row, i, Whole{}, even);
                    i += lanes<T>;
                }
                if (i < end) add(row, i, Part{end - i}, odd);
            }
            for (int k = 0; k < count; ++k) total[k] += static_cast<double>(sum<T>(even[k] + odd[k]));
        }
    return total;
}

template <int count, class T, class Add> CUARZO_INLINE Sums<count> row_sums(Index n, Add add) {
    return sums_of_rows<count, T>(1, n, [=](Index, Index i, auto part, Vec<T> *sum) { add(i, part, sum); });
}

// totals[k][lane] for a column in each lane; add(row, sum) adds the elements of a row.
template <int count, class T, class Add>
CUARZO_INLINE void column_sums(Index rows, double (&totals)[count][lanes<T>], Add add) {
    constexpr Index block = 64;
    std::fill_n(&totals[0][0], count * lanes<T>, 0.0);
    for (Index begin = 0; begin < rows; begin += block) {
        Vec<T> sum[count]{};
        for (Index row = begin; row < std::min(begin + block, rows); ++row) add(row, sum);
        for (int k = 0; k < count; ++k)
            for (Index lane = 0; lane < lanes<T>; ++lane) totals[k][lane] += static_cast<double>(sum[k][lane]);
    }
}

} // namespace cuarzo
