// Philox4x32-10 uniform numbers                                  See naive/random.py; Salmon et al., SC 2011, section 4
//
//   u[i] = (w_i >> 8) 2^-24                                         float32
//   u[i] = ((w_2i >> 5) 2^26 + (w_2i+1 >> 6)) 2^-53                 float64
//
// w_i is word i % 4 of block counter + i // 4. Blocks depend on nothing but their number: many are computed side by
// side, one per lane, and any number of threads gives the same numbers.
//
// A round is two products of 32 bits by 32, of which both halves are wanted. So each word has a lane of 64 bits to
// itself: a product, a shift and an exclusive or take it from round to round, and what its upper half holds meanwhile
// does not matter, for products read the lower one.
#pragma once
#include "../parallel.hpp"
#include "../simd/vec.hpp"

namespace cuarzo {

using Words = Vec<std::uint64_t>;          // a word of each of many blocks
inline constexpr Index philox_vectors = 2; // two sets, one works while the other waits
inline constexpr Index philox_lanes = philox_vectors * lanes<std::uint64_t>;            // blocks side by side
template <class T> inline constexpr Index philox_group = philox_lanes * 16 / sizeof(T); // and their numbers

template <int... i> CUARZO_INLINE Words lane_numbers(std::integer_sequence<int, i...>) { return Words{i...}; }

struct PhiloxBlocks {
    Words word[4][philox_vectors];
};

// The blocks first ... first + philox_lanes - 1; the upper halves of the lanes are rubbish.
CUARZO_INLINE PhiloxBlocks philox_blocks(std::uint64_t key, std::uint64_t first) {
    PhiloxBlocks blocks{};
    auto &w = blocks.word;
    for (Index v = 0; v < philox_vectors; ++v) {
        w[0][v] = lane_numbers(AllLanes<std::uint64_t>{}) + (first + v * lanes<std::uint64_t>);
        w[1][v] = w[0][v] >> 32;
    }
    std::uint32_t key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
    CUARZO_UNROLL
    for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u)
        for (Index v = 0; v < philox_vectors; ++v) {
            const Words p = multiply_low(w[0][v], Words{} + 0xD2511F53u),
                        q = multiply_low(w[2][v], Words{} + 0xCD9E8D57u);
            w[0][v] = (q >> 32) ^ w[1][v] ^ key0;
            w[2][v] = (p >> 32) ^ w[3][v] ^ key1;
            w[1][v] = q;
            w[3][v] = p;
        }
    return blocks;
}

// Words 2i and 2i + 1 of each block, side by side
CUARZO_INLINE Words word_pairs(const PhiloxBlocks &blocks, Index pair, Index v) {
    return (blocks.word[2 * pair][v] & 0xFFFFFFFFu) | (blocks.word[2 * pair + 1][v] << 32);
}

CUARZO_INLINE Vec<double> uniform_of(Words pairs, double) {
    // below 2^52, an integer is the lower bits of itself plus 2^52
    const Words two52 = Words{} + 0x4330000000000000u;
    const Words high = ((pairs & 0xFFFFFFFFu) >> 5) | two52, low = (pairs >> 38) | two52;
    return (((Vec<double>)high - 0x1p52) * 0x1p26 + ((Vec<double>)low - 0x1p52)) * 0x1p-53;
}

CUARZO_INLINE Vec<double> uniform_of(Words pairs, float) {
    const Vec<std::int32_t> words = (Vec<std::int32_t>)((Vec<std::uint32_t>)pairs >> 8);
    return (Vec<double>)(__builtin_convertvector(words, Vec<float>) * 0x1p-24f);
}

// u[0] ... u[philox_group<T> - 1]
template <class T> CUARZO_INLINE void philox_numbers(std::uint64_t key, std::uint64_t first, T *u) {
    const PhiloxBlocks blocks = philox_blocks(key, first);
    for (Index v = 0; v < philox_vectors; ++v) {
        const Vec<double> one = uniform_of(word_pairs(blocks, 0, v), T{}),
                          other = uniform_of(word_pairs(blocks, 1, v), T{});
        store(u + 2 * v * lanes<T>, (Vec<T>)zip_low<double>(one, other));
        store(u + (2 * v + 1) * lanes<T>, (Vec<T>)zip_high<double>(one, other));
    }
}

template <class T> void philox_uniform(std::uint64_t key, std::uint64_t counter, Index size, T *u) {
    constexpr Index per_block = 16 / sizeof(T), group = philox_group<T>, groups_per_item = 64;
    const Index items = ceil_div(size, group * groups_per_item);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range range(item, group * groups_per_item, size);
        T rest[group];
        for (Index i = range.begin; i < range.end; i += group) {
            const bool whole = range.end - i >= group;
            philox_numbers(key, counter + static_cast<std::uint64_t>(i / per_block), whole ? u + i : rest);
            if (!whole) std::copy(rest, rest + (range.end - i), u + i);
        }
    });
}

} // namespace cuarzo
