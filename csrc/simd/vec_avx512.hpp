// AVX-512 (x86-64-v4): 32 registers of 64 bytes. Tile of the product: 8 rows x 3 vectors = 24 accumulators, three
// vectors of b, and the broadcast of a comes from memory with the multiplication.
#pragma once
#include <immintrin.h>

namespace cuarzo {

inline constexpr std::size_t vector_bytes = 64;
inline constexpr Index tile_rows = 8;
inline constexpr Index tile_vectors = 3;

#define CUARZO_MASKED_MEMORY
inline __mmask16 mask16(Index count) { return static_cast<__mmask16>((1u << count) - 1u); }
inline __mmask8 mask8(Index count) { return static_cast<__mmask8>((1u << count) - 1u); }

inline __m512 masked_load(const float *p, Index count) { return _mm512_maskz_loadu_ps(mask16(count), p); }
inline __m512d masked_load(const double *p, Index count) { return _mm512_maskz_loadu_pd(mask8(count), p); }
inline void masked_store(float *p, __m512 v, Index count) { _mm512_mask_storeu_ps(p, mask16(count), v); }
inline void masked_store(double *p, __m512d v, Index count) { _mm512_mask_storeu_pd(p, mask8(count), v); }

#define CUARZO_HAS_MAXIMUM // where one of the two is a NaN, the second of them
inline __m512 maximum_or_second(__m512 a, __m512 b) { return _mm512_maskz_max_ps(0xffff, a, b); }
inline __m512d maximum_or_second(__m512d a, __m512d b) { return _mm512_maskz_max_pd(0xff, a, b); }

#define CUARZO_SCALES_BY_POWERS
inline __m512 scale_by_power(__m512 v, __m512 n) { return _mm512_maskz_scalef_ps(0xffff, v, n); }
inline __m512d scale_by_power(__m512d v, __m512d n) { return _mm512_maskz_scalef_pd(0xff, v, n); }

using Integers = __m512i;
#define CUARZO_LANE_BITS
inline std::uint32_t bits_of_4_bytes(__m512i mask) { return _mm512_movepi32_mask(mask); }
inline std::uint32_t bits_of_8_bytes(__m512i mask) { return _mm512_movepi64_mask(mask); }

#define CUARZO_STREAMS
inline void stream_bytes(void *p, __m512i v) { _mm512_stream_si512(static_cast<__m512i *>(p), v); }

#define CUARZO_MULTIPLY_LOW
// (the plain _mm512_mul_epu32 draws a false warning from GCC 12; this is the same instruction)
inline __m512i multiply_low_halves(__m512i a, __m512i b) { return _mm512_maskz_mul_epu32(0xFF, a, b); }

template <class Mask> bool any_bit(Mask mask) {
    const auto bits = reinterpret_cast<__m512i>(mask);
    return _mm512_test_epi32_mask(bits, bits) != 0;
}

} // namespace cuarzo
