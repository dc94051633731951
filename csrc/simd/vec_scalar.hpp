// No intrinsics at all: 16-byte vectors that the compiler maps to SSE (x86-64-v2), or to scalars where there is nothing.
// Tile of the product: 4 rows x 2 vectors = 8 accumulators. 16 registers would hold 12, but without a fused
// multiply-add each product needs a register of its own before it is added.
#pragma once

namespace cuarzo {

inline constexpr std::size_t vector_bytes = 16;
inline constexpr Index tile_rows = 4;
inline constexpr Index tile_vectors = 2;

} // namespace cuarzo
