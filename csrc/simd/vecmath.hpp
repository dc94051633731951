// Elementary functions, a vector at a time: compilers do not vectorise those of libm without -ffast-math.
//
//   exp  expm1  log  log1p  tanh  sigmoid       each lane by itself: a tail gives the same bits as a full vector
//
// Largest error against the true value in units of the last place, over one float32 in 37, and ten million float64 of
// all sizes, in the builds with and without fused multiplication: exp 1.2, expm1 2.6, log 1.2, log1p 2.5, tanh 2.8,
// sigmoid 2.4. Overflow, underflow to denormal numbers, 0, -0, inf and NaN are those of IEEE arithmetic.
//
//   exp x   = 2^n e^r           with n = round(x / log 2), r = x - n log 2: |r| <= log(2) / 2; e^r by its Taylor series
//   log x   = e log 2 + log m   with x = 2^e m, sqrt(1/2) <= m < sqrt 2; log m = 2 artanh s, s = (m - 1) / (m + 1)
//
// log 2 is taken in two parts, the first so short that n times it is exact (Cody and Waite 1980, "Software Manual for
// the Elementary Functions", chapters 5 and 6).
#pragma once
#include "vec.hpp"
#include <limits>

namespace cuarzo {

template <class T> struct Format;

template <> struct Format<float> {
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float high = 0.693359375f, low = -2.12194440e-4f;      // log 2
    static constexpr float largest = 89.0f, least = -104.0f;                // beyond: inf, and 0
    static constexpr int exp_terms = 7, log_terms = 6;                      // the first term left out is below eps / 10
    static constexpr float normal = 1.17549435e-38f, rescale = 33554432.0f; // 2^25
    static constexpr int rescaled_by = 25;
};

template <> struct Format<double> {
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double high = 6.93147180369123816490e-01, low = 1.90821492927058770002e-10;
    static constexpr double largest = 710.0, least = -746.0;
    static constexpr int exp_terms = 14, log_terms = 11;
    static constexpr double normal = 2.2250738585072014e-308, rescale = 18014398509481984.0; // 2^54
    static constexpr int rescaled_by = 54;
};

template <class T> CUARZO_INLINE Mask<T> bits_of(Vec<T> v) {
    Mask<T> bits;
    std::memcpy(&bits, &v, sizeof v);
    return bits;
}
template <class T> CUARZO_INLINE Vec<T> value_of(Mask<T> bits) {
    Vec<T> v;
    std::memcpy(&v, &bits, sizeof bits);
    return v;
}
template <class T> CUARZO_INLINE Vec<T> absolute(Vec<T> x) {
    return value_of<T>(bits_of<T>(x) & std::numeric_limits<Lane<T>>::max());
}
template <class T> CUARZO_INLINE Vec<T> with_sign_of(Vec<T> x, Vec<T> sign) {
    return value_of<T>(bits_of<T>(x) | (bits_of<T>(sign) & std::numeric_limits<Lane<T>>::min()));
}
// v 2^n for whole numbers n, rounded once where that is a denormal number.
template <class T> CUARZO_INLINE Vec<T> scaled(Vec<T> v, Vec<T> n) {
#ifdef CUARZO_SCALES_BY_POWERS
    return scale_by_power(v, n);
#else
    const auto power_of_two = [](Mask<T> k) {
        return value_of<T>((k + Lane<T>{Format<T>::bias}) << Format<T>::mantissa);
    };
    const Mask<T> whole = __builtin_convertvector(n, Mask<T>), half = whole >> 1;
    return v * power_of_two(half) * power_of_two(whole - half); // in two steps: 2^n alone may be too large, or denormal
#endif
}

// 1 / k! for k = 0, 1, ...
template <class T, int count> struct Reciprocals {
    T factorial[count];
    constexpr Reciprocals() : factorial{} {
        double product = 1;
        for (int k = 0; k < count; ++k, product *= k) factorial[k] = T(1 / product);
    }
};

// r + r^2 / 2 + r^3 / 6 ... = e^r - 1, by Horner's rule: one fused multiplication and addition a term
template <class T> CUARZO_INLINE Vec<T> exp_series(Vec<T> r) {
    constexpr int terms = Format<T>::exp_terms;
    constexpr Reciprocals<T, terms + 1> reciprocal;
    Vec<T> sum = broadcast(reciprocal.factorial[terms]);
    CUARZO_UNROLL
    for (int k = terms - 1; k > 0; --k) sum = reciprocal.factorial[k] + sum * r;
    return sum * r;
}

template <class T> struct Reduced {
    Vec<T> n, r;
};

// x = n log 2 + r. Adding 1.5 2^mantissa leaves no bits behind the point.
template <class T> CUARZO_INLINE Reduced<T> reduce(Vec<T> x) {
    constexpr T shift = T(3) * (Index{1} << (Format<T>::mantissa - 1)), inverse = T(1.44269504088896340736);
    const Vec<T> n = x * inverse + shift - shift;
    return {n, x - n * Format<T>::high - n * Format<T>::low};
}

// A NaN stays in both: it is neither smaller nor larger.
template <class T> CUARZO_INLINE Vec<T> at_least(T least, Vec<T> x) {
#ifdef CUARZO_HAS_MAXIMUM
    return maximum_or_second(broadcast(least), x);
#else
    return x < least ? broadcast(least) : x;
#endif
}
template <class T> CUARZO_INLINE Vec<T> at_most(T most, Vec<T> x) { return x > most ? broadcast(most) : x; }

// e^x for x that is not too large
template <class T> CUARZO_INLINE Vec<T> exp_below(Vec<T> x) {
    const auto [n, r] = reduce<T>(at_least<T>(Format<T>::least, x));
    return scaled<T>(1 + exp_series<T>(r), n);
}

template <class T> CUARZO_INLINE Vec<T> exp_of(Vec<T> x) { return exp_below<T>(at_most<T>(Format<T>::largest, x)); }

// e^x - 1 for x <= 1
template <class T> CUARZO_INLINE Vec<T> expm1_below_one(Vec<T> x) {
    const auto [n, r] = reduce<T>(at_least<T>(T{-40}, x)); // e^-40 is nothing beside 1
    const Vec<T> scale = scaled<T>(broadcast(T{1}), n);
    return scale * exp_series<T>(r) + (scale - 1);
}

template <class T> CUARZO_INLINE Vec<T> expm1_of(Vec<T> x) {
    const Vec<T> y = x > 1 ? exp_of<T>(x) - 1 : expm1_below_one<T>(at_most<T>(T{1}, x));
    return x == 0 ? x : y; // keeps -0
}

template <class T> CUARZO_INLINE Vec<T> log_of(Vec<T> x) {
    using F = Format<T>;
    const Mask<T> tiny = x < F::normal;
    const Vec<T> scaled = tiny ? x * F::rescale : x;
    constexpr T root_half = T(0.70710678118654752440);
    // The bits of x less those of sqrt(1/2): their upper part is then e, and the lower one, put back, m.
    const Mask<T> start = bits_of<T>(broadcast(root_half)), moved = bits_of<T>(scaled) - start;
    const Mask<T> e = moved >> F::mantissa;
    const Vec<T> m = value_of<T>(bits_of<T>(scaled) - (e << F::mantissa));
    const Vec<T> f = m - 1, s = f / (f + 2), square = s * s;
    Vec<T> series = broadcast(T{0});
    CUARZO_UNROLL
    for (int k = F::log_terms; k > 0; --k) series = square * (series + T{2} / T(2 * k + 1));
    // 2 s = f - s f: f is exact, so that only the small rest is rounded
    const Vec<T> log_m = f - s * (f - series);
    const Vec<T> exponent = __builtin_convertvector(e - (tiny & Lane<T>{F::rescaled_by}), Vec<T>);
    const Vec<T> y = exponent * F::high + (log_m + exponent * F::low);
    constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const Vec<T> edge = x == 0 ? broadcast(-inf) : (x < 0 ? broadcast(nan) : x); // inf and NaN are their own logarithm
    return (x > 0) & (x < inf) ? y : edge;
}

// log(1 + x), with what the sum 1 + x rounds away made good (Higham 2002, section 1.14.1)
template <class T> CUARZO_INLINE Vec<T> log1p_of(Vec<T> x) {
    const Vec<T> u = x + 1;
    const Vec<T> y = log_of<T>(u) * (x / (u - 1));
    return (u == 1) | (x == std::numeric_limits<T>::infinity()) ? x : y;
}

// 1 / (1 + e^-x), through e^-|x|, which cannot overflow
template <class T> CUARZO_INLINE Vec<T> sigmoid_of(Vec<T> x) {
    const Vec<T> e = exp_below<T>(-absolute<T>(x)), one = broadcast(T{1});
    return (x >= 0 ? one : e) / (1 + e);
}

// (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x
template <class T> CUARZO_INLINE Vec<T> tanh_of(Vec<T> x) {
    const Vec<T> e = expm1_below_one<T>(-2 * absolute<T>(x));
    return with_sign_of<T>(absolute<T>(e / (e + 2)), x);
}

// Under their usual names for either type: a Vec<T> does not tell T to the compiler.
#define CUARZO_FUNCTION(name)                                                                                          \
    CUARZO_INLINE Vec<float> name(Vec<float> x) { return name##_of<float>(x); }                                        \
    CUARZO_INLINE Vec<double> name(Vec<double> x) { return name##_of<double>(x); }
CUARZO_FUNCTION(exp)
CUARZO_FUNCTION(expm1)
CUARZO_FUNCTION(log)
CUARZO_FUNCTION(log1p)
CUARZO_FUNCTION(tanh)
CUARZO_FUNCTION(sigmoid)
#undef CUARZO_FUNCTION

} // namespace cuarzo
