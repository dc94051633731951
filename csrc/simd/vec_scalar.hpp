// 16-byte vectors that the compiler maps to SSE (x86-64-v2), or to scalars where there is nothing. No intrinsics, but for
// the three things that it does not find by itself: bits of a mask, stores past the caches, products of lower halves.
// Tile of the product: 4 rows x 2 vectors = 8 accumulators. 16 registers would hold 12, but without a fused
// multiply-add each product needs a register of its own before it is added.
#pragma once
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cuarzo {

inline constexpr std::size_t vector_bytes = 16;
inline constexpr Index tile_rows = 4;
inline constexpr Index tile_vectors = 2;

#if defined(__SSE2__)
using Integers = __m128i;
#define CUARZO_LANE_BITS
inline std::uint32_t bits_of_4_bytes(__m128i mask) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(mask)));
}
inline std::uint32_t bits_of_8_bytes(__m128i mask) {
    return static_cast<std::uint32_t>(_mm_movemask_pd(_mm_castsi128_pd(mask)));
}

#define CUARZO_STREAMS
inline void stream_bytes(void *p, __m128i v) { _mm_stream_si128(static_cast<__m128i *>(p), v); }

#define CUARZO_MULTIPLY_LOW
inline __m128i multiply_low_halves(__m128i a, __m128i b) { return _mm_mul_epu32(a, b); }
#endif

} // namespace cuarzo
