// AVX2 with FMA (x86-64-v3): 16 registers of 32 bytes. Tile of the product: 6 rows x 2 vectors = 12 accumulators, two
// vectors of b, one broadcast of a.
#pragma once
#include <immintrin.h>

namespace cuarzo {

inline constexpr std::size_t vector_bytes = 32;
inline constexpr Index tile_rows = 6;
inline constexpr Index tile_vectors = 2;

#define CUARZO_MASKED_MEMORY
// A window of lanes slides over eight set and eight clear ones: the mask is one load, without a branch.
alignas(64) inline constexpr std::int32_t lane_window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

inline __m256i mask_lanes(Index first) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(lane_window + 8 - first));
}

inline __m256 masked_load(const float *p, Index count) { return _mm256_maskload_ps(p, mask_lanes(count)); }
inline __m256d masked_load(const double *p, Index count) { return _mm256_maskload_pd(p, mask_lanes(2 * count)); }
inline void masked_store(float *p, __m256 v, Index count) { _mm256_maskstore_ps(p, mask_lanes(count), v); }
inline void masked_store(double *p, __m256d v, Index count) { _mm256_maskstore_pd(p, mask_lanes(2 * count), v); }

using Integers = __m256i;
#define CUARZO_LANE_BITS
inline std::uint32_t bits_of_4_bytes(__m256i mask) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}
inline std::uint32_t bits_of_8_bytes(__m256i mask) {
    return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(mask)));
}

#define CUARZO_STREAMS
inline void stream_bytes(void *p, __m256i v) { _mm256_stream_si256(static_cast<__m256i *>(p), v); }

#define CUARZO_MULTIPLY_LOW
inline __m256i multiply_low_halves(__m256i a, __m256i b) { return _mm256_mul_epu32(a, b); }

template <class Mask> bool any_bit(Mask mask) {
    const auto bits = reinterpret_cast<__m256i>(mask);
    return _mm256_testz_si256(bits, bits) == 0;
}

} // namespace cuarzo
