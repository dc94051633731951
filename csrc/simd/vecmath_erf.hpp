// The normal distribution, a vector at a time.
//
//   Phi(x) = erfc(-x / sqrt 2) / 2,    phi(x) = e^(-x^2 / 2) / sqrt(2 pi)
//
// With z = |x| and q = (z - 5) / (z + 5), which runs from -1 to 1, the function (1 + z) e^(z^2 / 2) Phi(-z) is smooth
// up to z = inf. It is interpolated at the Chebyshev points of q by a polynomial, to 1.1e-17 in float64 and 7e-9 in
// float32 (the variable: Shepherd and Laframboise 1981, "Chebyshev approximation of (1 + 2 x) exp(x^2) erfc x in 0 <=
// x < inf"). Phi is then right to some units in the last place, plus x^2 / 4 of them in the lower tail, from the
// rounding of x^2.
#pragma once
#include "vecmath.hpp"

namespace cuarzo {

template <class T> struct NormalTail;

// highest power first
template <> struct NormalTail<float> {
    static constexpr float coefficients[] = {-3.241014916e-5f, 0.0001530848715f, -1.409260151e-5f, -0.001643450258f,
                                             0.00653289804f,   -0.01518724676f,  0.02453446256f,   -0.02639710937f,
                                             0.01000256455f,   0.03103003174f,   -0.09155228477f,  0.4615158345f};
};

template <> struct NormalTail<double> {
    static constexpr double coefficients[] = {
        -3.98863385906920428e-10, -2.82332722151412048e-10, 4.50072539247986374e-9, 3.62806823991948649e-9,
        -3.12014721114766689e-8,  -2.6287875968778986e-8,   1.96634426313645188e-7, 1.27880494539626108e-7,
        -1.30776827439933495e-6,  -7.03483692255887721e-8,  9.06001171633142727e-6, -9.89609671288440536e-6,
        -5.36076528704224518e-5,  0.000182334144749883657,  7.79161509574745947e-6, -0.00167607234447421558,
        0.00652200066511920684,   -0.0151704154025251459,   0.0245369632439018487,  -0.0264010429663076296,
        0.0100023523852207466,    0.0310303684259636918,    -0.0915522818340089368, 0.461515829850037773};
};

template <class T> struct Normal {
    Vec<T> distribution, density;
};

template <class T> CUARZO_INLINE Normal<T> normal_of(Vec<T> x) {
    const Vec<T> e = exp_of<T>(T(-0.5) * x * x), size = absolute<T>(x), far = broadcast(T{100}); // there e is 0 already
    const Vec<T> z = size > far ? far : size, q = (z - 5) / (z + 5);
    Vec<T> tail{};
    CUARZO_UNROLL
    for (const T coefficient : NormalTail<T>::coefficients) tail = tail * q + coefficient;
    tail *= e / (1 + z);
    return {x > 0 ? 1 - tail : tail, e * T(0.39894228040143267794)};
}

} // namespace cuarzo
