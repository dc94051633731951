// Philox4x32-10 uniform numbers                                  See naive/random.py; Salmon et al., SC 2011, section 4
//
//   u[i] = (w_i >> 8) 2^-24                                         float32
//   u[i] = ((w_2i >> 5) 2^26 + (w_2i+1 >> 6)) 2^-53                 float64
//
// w_i is word i % 4 of block counter + i // 4. Blocks depend on nothing but their number: many are computed side by
// side, one per lane, and any number of threads gives the same numbers.
#pragma once
#include "../parallel.hpp"
#include "../simd/vec.hpp"

namespace cuarzo {

inline constexpr Index philox_lanes = 16; // blocks side by side: one AVX-512 register a word, four of SSE

// words[word][lane] of the blocks first ... first + philox_lanes - 1. Plain loops over the lanes: the compiler has a
// pattern for the upper half of a 32 x 32 bit product, and makes vectors of them.
inline void philox_blocks(std::uint64_t key, std::uint64_t first, std::uint32_t (&words)[4][philox_lanes]) {
    std::uint32_t key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
    for (Index i = 0; i < philox_lanes; ++i) {
        const std::uint64_t block = first + static_cast<std::uint64_t>(i);
        words[0][i] = static_cast<std::uint32_t>(block);
        words[1][i] = static_cast<std::uint32_t>(block >> 32);
        words[2][i] = words[3][i] = 0;
    }
    for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u)
        for (Index i = 0; i < philox_lanes; ++i) {
            const std::uint64_t p = std::uint64_t{0xD2511F53u} * words[0][i];
            const std::uint64_t q = std::uint64_t{0xCD9E8D57u} * words[2][i];
            words[0][i] = static_cast<std::uint32_t>(q >> 32) ^ words[1][i] ^ key0;
            words[2][i] = static_cast<std::uint32_t>(p >> 32) ^ words[3][i] ^ key1;
            words[1][i] = static_cast<std::uint32_t>(q);
            words[3][i] = static_cast<std::uint32_t>(p);
        }
}

inline void philox_convert(const std::uint32_t (&words)[4][philox_lanes], float *u) {
    for (Index i = 0; i < philox_lanes; ++i)
        for (Index word = 0; word < 4; ++word)
            u[4 * i + word] = static_cast<float>(static_cast<std::int32_t>(words[word][i] >> 8)) * 0x1p-24f;
}

inline void philox_convert(const std::uint32_t (&words)[4][philox_lanes], double *u) {
    for (Index i = 0; i < philox_lanes; ++i)
        for (Index pair = 0; pair < 2; ++pair) {
            const double high = static_cast<std::int32_t>(words[2 * pair][i] >> 5);
            const double low = static_cast<std::int32_t>(words[2 * pair + 1][i] >> 6);
            u[2 * i + pair] = (high * 0x1p26 + low) * 0x1p-53;
        }
}

template <class T> void philox_uniform(std::uint64_t key, std::uint64_t counter, Index size, T *u) {
    constexpr Index per_block = 16 / sizeof(T), group = per_block * philox_lanes; // values of a block, of a group
    constexpr Index groups_per_item = 64;
    const Index items = ceil_div(size, group * groups_per_item);
    parallel_for(items, parallel_slots(items), [&](Index item, Index) {
        const Range range(item, group * groups_per_item, size);
        std::uint32_t words[4][philox_lanes];
        T rest[group];
        for (Index i = range.begin; i < range.end; i += group) {
            philox_blocks(key, counter + static_cast<std::uint64_t>(i / per_block), words);
            const bool whole = range.end - i >= group;
            philox_convert(words, whole ? u + i : rest);
            if (!whole) std::copy(rest, rest + (range.end - i), u + i);
        }
    });
}

} // namespace cuarzo
