// Matrix product with a left factor of zeros and ones
//
//   c[m, n] = scale sum_k a[m, k] b[k, n],   a in {0, 1}
//
// Four rows of b have sixteen partial sums: with a table of them, four of a's values choose one, and an addition does
// the work of four multiplications ("method of the four Russians": Arlazarov, Dinic, Kronrod and Faradzhev 1970). A
// table costs sixteen stores for each vector of columns, and serves all rows of a.
//
//   bits     a as words of 32 bits: words[k / 32 * rows + m] belongs to row m, and its lowest bit to the first k
//   tables   those of 32 rows of b and binary_vectors vectors of columns fill the first cache (AVX-512: 32 KB)
//   blocks   all of a block of rows pass through them, with the sums waiting in the second cache
//
// What is added to an element, and in which order, depends on k alone. A value of b that is not finite spoils a table
// (0 inf is NaN, in a sum it is nothing): `multiply_binary` says so, and the dense product must serve.
#pragma once
#include "gemm.hpp"
#include <atomic>
#include <initializer_list>

namespace cuarzo {

inline constexpr Index binary_vectors = 4, binary_depth = 32; // of a table's columns; rows of b at a time
inline constexpr Index binary_rows = 512;                     // of a block: their sums take 128 KB
template <class T> inline constexpr Index binary_columns = binary_vectors * lanes<T>;

// As many rows as make tables worth while: measured between 8 (0.9 of the dense product's speed) and 32 (1.4).
inline constexpr Index least_binary_rows = 16;

inline Index bit_words(Index units) { return ceil_div(units, 32); }

// Bits k ... k + count - 1 of row m; k is a multiple of 8, and only the bytes in question are written: the others may be
// another thread's.
inline void put_bits(std::uint64_t bits, Index m, Index k, Index count, Index rows, std::uint32_t *words) {
    for (Index i = k; i < k + count; i += 8, bits >>= 8)
        reinterpret_cast<std::uint8_t *>(words + i / 32 * rows + m)[i / 8 % 4] = static_cast<std::uint8_t>(bits);
}

// Calls pack(begin, end) for blocks of rows side by side; true if all of them are.
template <class Pack> bool pack_blocks(Index rows, Index depth, Pack pack) {
    const Index block = 64, items = ceil_div(rows, block);
    std::atomic<bool> binary{true};
    parallel_for(items, rows * depth < 65536 ? 1 : parallel_slots(items), [&](Index item, Index) {
        const Range range(item, block, rows);
        if (!pack(range.begin, range.end)) binary.store(false, std::memory_order_relaxed);
    });
    return binary;
}

// a (rows, depth) to bits: false if it has other values than 0 and 1.
template <class T> bool pack_bits(const T *a, Index rows, Index depth, std::uint32_t *words) {
    return pack_blocks(rows, depth, [=](Index begin, Index end) {
        Mask<T> other{};
        for (Index m = begin; m < end; ++m)
            for (Index k = 0; k < depth; k += binary_columns<T>) {
                const Index count = std::min(binary_columns<T>, depth - k);
                std::uint64_t bits = 0;
                for (Index i = 0; i < count; i += lanes<T>) {
                    const Vec<T> x = load_first(a + m * depth + k + i, std::min(lanes<T>, count - i));
                    const Mask<T> on = x == 1;
                    other |= ~(on | (x == 0));
                    bits |= static_cast<std::uint64_t>(lane_bits<T>(on)) << i;
                }
                put_bits(bits, m, k, count, rows, words);
            }
        return !any<T>(other);
    });
}

// The same for the transpose of a (depth, rows).
template <class T> bool pack_bits_transposed(const T *a, Index rows, Index depth, std::uint32_t *words) {
    typedef std::uint32_t Words __attribute__((vector_size(4 * lanes<T>)));
    return pack_blocks(rows, depth, [=](Index begin, Index end) {
        Mask<T> other{};
        for (Index k = 0; k < depth; k += 32)
            for (Index m = begin; m < end; m += lanes<T>) {
                const Index count = std::min(lanes<T>, end - m);
                Mask<T> bits{};
                for (Index i = 0; i < std::min<Index>(32, depth - k); ++i) {
                    const Vec<T> x = load_first(a + (k + i) * rows + m, count);
                    const Mask<T> on = x == 1;
                    other |= ~(on | (x == 0));
                    bits |= on & static_cast<Lane<T>>(std::uint32_t{1} << i);
                }
                const Words narrow = __builtin_convertvector(bits, Words);
                std::memcpy(words + k / 32 * rows + m, &narrow, static_cast<std::size_t>(count) * 4);
            }
        return !any<T>(other);
    });
}

// Of each four rows of b, packed [k][V vectors], all sums: table[pattern][V vectors]. NaN where one is not finite.
template <class T, int V> Vec<T> build_tables(Index depth, const T *b, T scale, T *table) {
    constexpr Index row = V * lanes<T>;
    Vec<T> spoilt{};
    for (Index k = 0; k < depth; k += 4, b += 4 * row, table += 16 * row)
        for (Index v = 0; v < row; v += lanes<T>) {
            Vec<T> sums[16] = {};
            CUARZO_UNROLL
            for (int bit = 0; bit < 4; ++bit) {
                const Vec<T> value = scale * load(b + bit * row + v);
                CUARZO_UNROLL
                for (int i = 0; i < 1 << bit; ++i) sums[(1 << bit) + i] = sums[i] + value;
            }
            spoilt += sums[15] - sums[15];
            CUARZO_UNROLL
            for (int i = 0; i < 16; ++i) store(table + i * row + v, sums[i]);
        }
    return spoilt;
}

// c[m][V vectors] += the sums that the first `depth` bits of row m choose
template <class T, int V> void add_chosen(Index rows, Index depth, const std::uint32_t *words, const T *tables, T *c) {
    constexpr Index row = V * lanes<T>;
    for (Index m = 0; m < rows; ++m, c += row) {
        Vec<T> sum[V];
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) sum[v] = load(c + v * lanes<T>);
        const T *table = tables;
        std::uint32_t bits = words[m];
        for (Index k = 0; k < depth; k += 8, bits >>= 8, table += 32 * row) {
            const T *first = table + (bits & 15) * row, *second = table + (16 + (bits >> 4 & 15)) * row;
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[v] += load(first + v * lanes<T>);
            CUARZO_UNROLL
            for (int v = 0; v < V; ++v) sum[v] += load(second + v * lanes<T>);
        }
        CUARZO_UNROLL
        for (int v = 0; v < V; ++v) store(c + v * lanes<T>, sum[v]);
    }
}

// scale a b, with a as bits
template <class T> struct BinaryProduct {
    const std::uint32_t *words;
    Index depth;
    Matrix<T> b;
    T scale = 1;
};

// sums[m][V vectors] = a b for m in the range `rows` of `total`; false where b is not finite.
template <class T, int V>
bool binary_block(const BinaryProduct<T> &product, Range rows, Index total, Range columns, T *panel, T *tables,
                  T *sums) {
    constexpr Index row = V * lanes<T>;
    const Index count = columns.end - columns.begin;
    Vec<T> spoilt{};
    for (Index k = 0; k < product.depth; k += binary_depth) {
        const Index depth = std::min(binary_depth, product.depth - k), whole = round_up(depth, 8);
        pack(product.b.transposed().at(columns.begin, k), count, depth, row, panel);
        std::fill(panel + depth * row, panel + whole * row, T{0});
        spoilt += build_tables<T, V>(whole, panel, product.scale, tables);
        add_chosen<T, V>(rows.end - rows.begin, depth, product.words + k / 32 * total + rows.begin, tables, sums);
    }
    return !any<T>(spoilt != 0);
}

template <class T> using BinaryBlock = bool (*)(const BinaryProduct<T> &, Range, Index, Range, T *, T *, T *);

template <class T, int V = binary_vectors> BinaryBlock<T> binary_block_for(Index vectors) {
    if constexpr (V > 1)
        if (vectors < V) return binary_block_for<T, V - 1>(vectors);
    return binary_block<T, V>;
}

// The sum of some products, block by block: finish(rows, columns, sums, width) takes each, in rows `width` apart. False
// where a right factor is not finite; what was finished is then worth nothing.
template <class T, class Finish>
bool multiply_binary(Index rows, Index columns, std::initializer_list<BinaryProduct<T>> products, Finish finish) {
    const Index block = even_block(rows, binary_rows), across = ceil_div(columns, binary_columns<T>);
    const Index items = ceil_div(rows, block) * across, slots = parallel_slots(items);
    Scratch scratch;
    T *sums = scratch.take<T>(slots, block, binary_columns<T>);
    T *panels = scratch.take<T>(slots, binary_depth, binary_columns<T>);
    T *tables = scratch.take<T>(slots, binary_depth * 4, binary_columns<T>);
    std::atomic<bool> finite{true};
    parallel_for(items, slots, [&](Index item, Index slot) {
        const Range m(item / across, block, rows), n(item % across, binary_columns<T>, columns);
        const Index vectors = ceil_div(n.end - n.begin, lanes<T>), width = vectors * lanes<T>;
        T *c = sums + slot * block * binary_columns<T>;
        std::fill_n(c, (m.end - m.begin) * width, T{0});
        for (const BinaryProduct<T> &product : products)
            if (!binary_block_for<T>(vectors)(product, m, rows, n, panels + slot * binary_depth * binary_columns<T>,
                                              tables + slot * binary_depth * 4 * binary_columns<T>, c))
                finite.store(false, std::memory_order_relaxed);
        finish(m, n, c, width);
    });
    return finite;
}

} // namespace cuarzo
