// NEON (every 64-bit Arm): 32 registers of 16 bytes. Tile of the product: 8 rows x 3 vectors = 24 accumulators.
// The compiler's vector types give everything; there are no masked loads.
#pragma once

namespace cuarzo {

inline constexpr std::size_t vector_bytes = 16;
inline constexpr Index tile_rows = 8;
inline constexpr Index tile_vectors = 3;

} // namespace cuarzo
