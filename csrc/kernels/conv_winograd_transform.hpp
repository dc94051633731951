// Winograd's minimal filtering F(m, 3): m results of a window of three taps, from m + 2 products instead of 3 m.
//
//   y = A' [(G w) . (B' x)],     y_j = sum_r w_r x_{j+r}
//
// Polynomials say why: x -> y is the transpose of the product of two polynomials, of degree 2 and m - 1, which m + 2
// of its values determine (Toom, Cook; Winograd 1980, "Arithmetic complexity of computations"; for convolutions Lavin
// and Gray 2016). G and A evaluate at m + 1 points and at infinity, B' goes back to coefficients. In two dimensions
// each of the three is applied along the rows and along the columns: (m + 2)^2 products instead of 9 m^2, which is
// 4 times fewer for F(4 x 4, 3 x 3) and 2.25 times for F(2 x 2, 3 x 3).
//
// Points. F(2, 3): 0, 1, -1. F(4, 3): 0, a, -a, b, -b with a = 5/8 and b = 8/5. The usual ones, 0, 1, -1, 2, -2, lose
// three times as much: the largest error on normal numbers, in eps sum |w| |x|, 128 and 512 channels, is 5.6 and 7.1
// for them, 2.7 and 2.0 for sqrt(1/2), sqrt(2), 1.6 and 2.1 for these. A product a b = 1 makes B' start with 1.
//
// Each function works on vectors, of channels or filters: one lane is one channel's own transform.
#pragma once
#include "../simd/vec.hpp"

namespace cuarzo {

template <class T, int m> struct WinogradTransform;

template <class T> struct WinogradTransform<T, 2> {
    using V = Vec<T>;
    // B' x
    static CUARZO_INLINE void source(const V (&x)[4], V (&v)[4]) {
        v[0] = x[0] - x[2], v[1] = x[1] + x[2], v[2] = x[2] - x[1], v[3] = x[3] - x[1];
    }
    // G w
    static CUARZO_INLINE void weight(const V (&w)[3], V (&u)[4]) {
        const V half = broadcast(T(0.5)), ends = half * (w[0] + w[2]), middle = half * w[1];
        u[0] = w[0], u[1] = ends + middle, u[2] = ends - middle, u[3] = w[2];
    }
    // A' s
    static CUARZO_INLINE void result(const V (&s)[4], V (&y)[2]) {
        y[0] = s[0] + (s[1] + s[2]), y[1] = s[3] + (s[1] - s[2]);
    }
    // A y
    static CUARZO_INLINE void result_back(const V (&y)[2], V (&s)[4]) {
        s[0] = y[0], s[1] = y[0] + y[1], s[2] = y[0] - y[1], s[3] = y[1];
    }
    // G' u
    static CUARZO_INLINE void weight_back(const V (&u)[4], V (&w)[3]) {
        const V half = broadcast(T(0.5)), ends = half * (u[1] + u[2]);
        w[0] = u[0] + ends, w[1] = half * (u[1] - u[2]), w[2] = u[3] + ends;
    }
};

template <class T> struct WinogradTransform<T, 4> {
    using V = Vec<T>;
    static constexpr double a = 0.625, b = 1.6, a2 = a * a, b2 = b * b;
    static constexpr double over_a = 1 / (2 * a2 * (a2 - b2)), over_b = 1 / (2 * b2 * (b2 - a2));
    static CUARZO_INLINE V constant(double value) { return broadcast(static_cast<T>(value)); }

    // The polynomials (x^2 - a^2)(x^2 - b^2), x (x + a)(x^2 - b^2), x (x - a)(x^2 - b^2), ..., x (x^2 - a^2)(x^2 - b^2)
    static CUARZO_INLINE void source(const V (&x)[6], V (&v)[6]) {
        const V both = constant(a2 + b2);
        v[0] = x[0] + x[4] - both * x[2];
        v[5] = x[1] + x[5] - both * x[3];
        const V even_a = x[4] - constant(b2) * x[2], odd_a = x[3] - constant(b2) * x[1];
        v[1] = even_a + constant(a) * odd_a, v[2] = even_a - constant(a) * odd_a;
        const V even_b = x[4] - constant(a2) * x[2], odd_b = x[3] - constant(a2) * x[1];
        v[3] = even_b + constant(b) * odd_b, v[4] = even_b - constant(b) * odd_b;
    }
    // (w_0 + p w_1 + p^2 w_2) / product of (p - q) over the other points q
    static CUARZO_INLINE void weight(const V (&w)[3], V (&u)[6]) {
        u[0] = w[0], u[5] = w[2];
        const V even_a = constant(over_a) * w[0] + constant(over_a * a2) * w[2], odd_a = constant(over_a * a) * w[1];
        u[1] = even_a + odd_a, u[2] = even_a - odd_a;
        const V even_b = constant(over_b) * w[0] + constant(over_b * b2) * w[2], odd_b = constant(over_b * b) * w[1];
        u[3] = even_b + odd_b, u[4] = even_b - odd_b;
    }
    // y_j = sum of p^j s_p, and the point at infinity for the last
    static CUARZO_INLINE void result(const V (&s)[6], V (&y)[4]) {
        const V even_a = s[1] + s[2], odd_a = s[1] - s[2], even_b = s[3] + s[4], odd_b = s[3] - s[4];
        y[0] = s[0] + even_a + even_b;
        y[1] = constant(a) * odd_a + constant(b) * odd_b;
        y[2] = constant(a2) * even_a + constant(b2) * even_b;
        y[3] = s[5] + constant(a2 * a) * odd_a + constant(b2 * b) * odd_b;
    }
    static CUARZO_INLINE void result_back(const V (&y)[4], V (&s)[6]) {
        s[0] = y[0], s[5] = y[3];
        const V even_a = y[0] + constant(a2) * y[2], odd_a = constant(a) * y[1] + constant(a2 * a) * y[3];
        s[1] = even_a + odd_a, s[2] = even_a - odd_a;
        const V even_b = y[0] + constant(b2) * y[2], odd_b = constant(b) * y[1] + constant(b2 * b) * y[3];
        s[3] = even_b + odd_b, s[4] = even_b - odd_b;
    }
    static CUARZO_INLINE void weight_back(const V (&u)[6], V (&w)[3]) {
        const V even_a = u[1] + u[2], odd_a = u[1] - u[2], even_b = u[3] + u[4], odd_b = u[3] - u[4];
        w[0] = u[0] + constant(over_a) * even_a + constant(over_b) * even_b;
        w[1] = constant(over_a * a) * odd_a + constant(over_b * b) * odd_b;
        w[2] = u[5] + constant(over_a * a2) * even_a + constant(over_b * b2) * even_b;
    }
};

// to[i][j] of from[k][l]: `Along` applied to each row, and then to each column.
template <class V, int rows, int columns, int new_rows, int new_columns, class Along, class Down>
CUARZO_INLINE void transform_tile(const V (&from)[rows][columns], V (&to)[new_rows][new_columns], Along along,
                                  Down down) {
    V half[rows][new_columns];
    CUARZO_UNROLL
    for (int i = 0; i < rows; ++i) along(from[i], half[i]);
    CUARZO_UNROLL
    for (int j = 0; j < new_columns; ++j) {
        V column[rows], turned[new_rows];
        CUARZO_UNROLL
        for (int i = 0; i < rows; ++i) column[i] = half[i][j];
        down(column, turned);
        CUARZO_UNROLL
        for (int i = 0; i < new_rows; ++i) to[i][j] = turned[i];
    }
}

} // namespace cuarzo
