// Dropout                                                                                  See naive/dropout.py
//
//   y[i] = x[i] (u[i] >= p ? 1 / (1 - p) : 0)
//
// The numbers u never leave the registers and the cache: sixteen blocks of Philox at a time, then a product.
#pragma once
#include "elementwise.hpp"
#include "random.hpp"

namespace cuarzo {

template <class T> void dropout(Index size, const T *x, double p, std::uint64_t key, std::uint64_t counter, T *y) {
    constexpr Index group = philox_group<float>, groups_per_item = 64; // float32 numbers; for float64 elements, too
    const float least = static_cast<float>(p);
    const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
    const Index items = ceil_div(size, group * groups_per_item);
    parallel_for(items, parallel_slots(items), [=](Index item, Index) {
        const Range range(item, group * groups_per_item, size);
        float u[group], kept[group];
        T factor[group];
        for (Index begin = range.begin; begin < range.end; begin += group) {
            philox_numbers(key, counter + static_cast<std::uint64_t>(begin / 4), u);
            // A choice lane by lane: half of all branches would be taken, and as many guessed wrong, at 20 cycles a number.
            for (Index i = 0; i < group; i += lanes<float>)
                store(kept + i, load(u + i) >= broadcast(least) ? broadcast(1.0f) : Vec<float>{});
            for (Index i = 0; i < group; ++i) factor[i] = static_cast<T>(kept[i]) * scale;
            for_vectors<T>(std::min(group, range.end - begin), [&](Index i, auto part) {
                put<T>(y + begin + i, get(x + begin + i, part) * load(factor + i), part);
            });
        }
    });
}

} // namespace cuarzo
