// Vectors: the one vocabulary in which the kernels are written.
//
//   Vec<T>          lanes<T> values of T in one register; + - * / < == work lane by lane (GCC and Clang vector extensions)
//   load, store     at any address
//   stream          to memory past the caches
//   load_first, store_first   only the first `count` lanes: the tail of a row
//   broadcast, sum  one value to all lanes; all lanes to one value, in a fixed order
//
// An instruction set is a small file that sets three numbers (the width, and the tile of the matrix product that its
// registers hold) and, where the hardware has them, masked loads and stores.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace cuarzo {

using Index = std::ptrdiff_t;

#if defined(__clang__)
#define CUARZO_UNROLL _Pragma("unroll")
#else
#define CUARZO_UNROLL _Pragma("GCC unroll 16")
#endif
#define CUARZO_INLINE inline __attribute__((always_inline))

} // namespace cuarzo

#if defined(__AVX512F__)
#include "vec_avx512.hpp"
#elif defined(__AVX2__)
#include "vec_avx2.hpp"
#elif defined(__ARM_NEON)
#include "vec_neon.hpp"
#else
#include "vec_scalar.hpp"
#endif

namespace cuarzo {

// A mask has the width of the values it selects: the comparison of two vectors gives 0 or -1 in each lane.
template <class T> struct MaskLane;
template <> struct MaskLane<float> {
    using type = std::int32_t;
};
template <> struct MaskLane<double> {
    using type = std::int64_t;
};

template <class T> struct VecOf {
    typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T> using Vec = typename VecOf<T>::type;
template <class T> using Lane = typename MaskLane<T>::type;
template <class T> using Mask = Vec<Lane<T>>;
template <class T> inline constexpr Index lanes = vector_bytes / sizeof(T);

template <class T> CUARZO_INLINE Vec<T> load(const T *p) {
    Vec<T> v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

template <class T> CUARZO_INLINE void store(T *p, Vec<T> v) { std::memcpy(p, &v, sizeof v); }

// Past the caches, to an address that is a multiple of vector_bytes; streams_done() before another thread may read it.
template <class T> CUARZO_INLINE void stream(T *p, Vec<T> v) {
#ifdef CUARZO_STREAMS
    stream_bytes(p, (Integers)v);
#else
    store(p, v);
#endif
}

CUARZO_INLINE void streams_done() {
#ifdef CUARZO_STREAMS
    _mm_sfence();
#endif
}

// x - 0 is x for every x, -0 and NaN included; x + 0 is not (it turns -0 into 0), so the compiler could not drop it.
template <class T> CUARZO_INLINE Vec<T> broadcast(T x) { return x - Vec<T>{}; }

template <class T> CUARZO_INLINE Vec<T> load_first(const T *p, Index count) {
#ifdef CUARZO_MASKED_MEMORY
    return masked_load(p, count);
#else
    Vec<T> v{};
    std::memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(T));
    return v;
#endif
}

template <class T> CUARZO_INLINE void store_first(T *p, Vec<T> v, Index count) {
#ifdef CUARZO_MASKED_MEMORY
    masked_store(p, v, count);
#else
    std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(T));
#endif
}

// A value that several products use, kept in a register: GCC would rather have each product load it from memory again.
template <class T> CUARZO_INLINE Vec<T> keep_loaded(Vec<T> v) {
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}

// -1 in the first `count` lanes, 0 in the rest.
template <class T> CUARZO_INLINE Mask<T> first_lanes(Index count) {
    Mask<T> mask{};
    for (Index i = 0; i < lanes<T>; ++i) mask[i] = i < count ? -1 : 0;
    return mask;
}

// A value where the mask is set, else 0: also where the value is NaN, which 0 * NaN would not give.
template <class T> CUARZO_INLINE Vec<T> keep(Mask<T> mask, Vec<T> v) {
    Mask<T> bits;
    std::memcpy(&bits, &v, sizeof v);
    bits &= mask;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

template <class T> CUARZO_INLINE bool any(Mask<T> mask) {
#ifdef CUARZO_MASKED_MEMORY
    return any_bit(mask);
#else
    std::uint64_t words[vector_bytes / 8], all = 0;
    std::memcpy(words, &mask, sizeof mask);
    for (const std::uint64_t word : words) all |= word;
    return all != 0;
#endif
}

// Bit i is 1 where lane i of the mask is set.
template <class T> CUARZO_INLINE std::uint32_t lane_bits(Mask<T> mask) {
#ifdef CUARZO_LANE_BITS
    if constexpr (sizeof(T) == 4)
        return bits_of_4_bytes((Integers)mask);
    else
        return bits_of_8_bytes((Integers)mask);
#else
    std::uint32_t bits = 0;
    for (Index i = 0; i < lanes<T>; ++i) bits |= static_cast<std::uint32_t>(mask[i] & 1) << i;
    return bits;
#endif
}

// The 64-bit products of the lower halves of the lanes.
CUARZO_INLINE Vec<std::uint64_t> multiply_low(Vec<std::uint64_t> a, Vec<std::uint64_t> b) {
#ifdef CUARZO_MULTIPLY_LOW
    return (Vec<std::uint64_t>)multiply_low_halves((Integers)a, (Integers)b);
#else
    return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}

// The lanes of a and then those of b are numbered 0 ... 2 lanes - 1; the result takes those that are listed.
template <class T, int... from> CUARZO_INLINE Vec<T> pick(Vec<T> a, Vec<T> b, std::integer_sequence<int, from...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, from...);
#else
    return __builtin_shuffle(a, b, Mask<T>{from...});
#endif
}

template <class T, bool high, int... i> constexpr auto zip_lanes(std::integer_sequence<int, i...>) {
    constexpr int half = high ? lanes<T> / 2 : 0, n = lanes<T>;
    return std::integer_sequence<int, (half + i / 2 + i % 2 * n)...>{};
}
template <class T> using AllLanes = std::make_integer_sequence<int, static_cast<int>(lanes<T>)>;

// a0 b0 a1 b1 ...: the lower halves, and the upper halves
template <class T> CUARZO_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
    return pick<T>(a, b, zip_lanes<T, false>(AllLanes<T>{}));
}
template <class T> CUARZO_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
    return pick<T>(a, b, zip_lanes<T, true>(AllLanes<T>{}));
}

template <int first, int... i> constexpr auto every_second(std::integer_sequence<int, i...>) {
    return std::integer_sequence<int, (first + 2 * i)...>{};
}
// a0 a2 ... b0 b2 ..., and a1 a3 ... b1 b3 ...
template <class T> CUARZO_INLINE Vec<T> evens(Vec<T> a, Vec<T> b) {
    return pick<T>(a, b, every_second<0>(AllLanes<T>{}));
}
template <class T> CUARZO_INLINE Vec<T> odds(Vec<T> a, Vec<T> b) {
    return pick<T>(a, b, every_second<1>(AllLanes<T>{}));
}

// `rows` vectors, read as a matrix, become the transposed one, still row after row (rows: a power of two). With the
// position in the matrix written in bits, each round of zips turns these bits by one place, from the row to the column.
template <class T, int rows> CUARZO_INLINE void transpose(Vec<T> (&v)[rows]) {
    for (int round = 1; round < rows; round *= 2) {
        Vec<T> turned[rows];
        CUARZO_UNROLL
        for (int i = 0; i < rows / 2; ++i) {
            turned[2 * i] = zip_low<T>(v[i], v[i + rows / 2]);
            turned[2 * i + 1] = zip_high<T>(v[i], v[i + rows / 2]);
        }
        CUARZO_UNROLL
        for (int i = 0; i < rows; ++i) v[i] = turned[i];
    }
}

// Lanes are added in pairs, halves to halves: fixed, and its error grows with log2(lanes) only.
template <class T> CUARZO_INLINE T sum(Vec<T> v) {
    T lane[lanes<T>];
    store(lane, v);
    for (Index half = lanes<T> / 2; half > 0; half /= 2)
        for (Index i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
}

} // namespace cuarzo
