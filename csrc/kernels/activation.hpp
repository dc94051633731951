// Activations                                                                           See naive/activation.py
//
// Each is a struct with its options: forward(x), and backward(dy, x), in which relu, sigmoid and tanh take y for x.
// Lane by lane, without a branch: both sides of a condition are computed, and one is chosen.
#pragma once
#include "../simd/vecmath_erf.hpp"
#include "elementwise.hpp"

namespace cuarzo {

template <class T> struct Relu {
    Vec<T> forward(Vec<T> x) const { return keep<T>(~(x <= 0), x); } // a NaN stays
    Vec<T> backward(Vec<T> dy, Vec<T> y) const { return keep<T>(~(y <= 0), dy); }
};

template <class T> struct LeakyRelu {
    T slope;
    Vec<T> forward(Vec<T> x) const { return x > 0 ? x : x * slope; }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const { return x > 0 ? dy : dy * slope; }
};

template <class T> struct Elu {
    T alpha;
    Vec<T> forward(Vec<T> x) const { return x > 0 ? x : alpha * expm1_of<T>(x); }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const { return x > 0 ? dy : dy * (alpha * exp_of<T>(x)); }
};

template <class T> struct Sigmoid {
    Vec<T> forward(Vec<T> x) const { return sigmoid_of<T>(x); }
    Vec<T> backward(Vec<T> dy, Vec<T> y) const { return dy * (y * (1 - y)); }
};

template <class T> struct Tanh {
    Vec<T> forward(Vec<T> x) const { return tanh_of<T>(x); }
    Vec<T> backward(Vec<T> dy, Vec<T> y) const { return dy * (1 - y * y); }
};

// s = sigmoid(x) and t = sigmoid(-x) from one exponential; 1 - s would lose the digits of t
template <class T> struct Sigmoids {
    Vec<T> s, t;
};

template <class T> CUARZO_INLINE Sigmoids<T> sigmoids_of(Vec<T> x) {
    const Vec<T> e = exp_of<T>(-absolute<T>(x)), large = 1 / (1 + e), small = e * large;
    const Mask<T> positive = x >= 0;
    return {positive ? large : small, positive ? small : large};
}

template <class T> struct Silu {
    Vec<T> forward(Vec<T> x) const { return x * sigmoid_of<T>(x); }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const {
        const auto [s, t] = sigmoids_of<T>(x);
        return dy * (s * (1 + x * t));
    }
};

template <class T> struct Gelu {
    Vec<T> forward(Vec<T> x) const { return x * normal_of<T>(x).distribution; }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const {
        const auto [distribution, density] = normal_of<T>(x);
        return dy * (distribution + x * density);
    }
};

// x sigmoid(u) with u = 2 sqrt(2 / pi) (x + 0.044715 x^3)
template <class T> struct ApproximateGelu {
    static constexpr T root = T(1.59576912160573071176), cubic = T(0.044715);
    static Vec<T> u(Vec<T> x) { return root * (x + cubic * x * x * x); }
    Vec<T> forward(Vec<T> x) const { return x * sigmoid_of<T>(u(x)); }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const {
        const auto [s, t] = sigmoids_of<T>(u(x));
        const Vec<T> bell = x * (s * t); // the first to be 0: then x^2 times it is 0, too
        return dy * (s + root * (bell + 3 * cubic * x * (x * bell)));
    }
};

template <class T> struct Softplus {
    T beta, threshold;
    Vec<T> forward(Vec<T> x) const {
        const Vec<T> z = beta * x, positive = z < 0 ? Vec<T>{} : z;
        return z > threshold ? x : (positive + log1p_of<T>(exp_of<T>(-absolute<T>(z)))) / beta;
    }
    Vec<T> backward(Vec<T> dy, Vec<T> x) const {
        const Vec<T> z = beta * x;
        return z > threshold ? dy : dy * sigmoid_of<T>(z);
    }
};

template <class T, class F> void activation_forward(F f, Index size, const T *x, T *y) {
    map_elements<T>(size, y, [f](Vec<T> v) { return f.forward(v); }, x);
}

// x: or y, where the gradient is a function of that
template <class T, class F> void activation_backward(F f, Index size, const T *dy, const T *x, T *dx) {
    map_elements<T>(size, dx, [f](Vec<T> d, Vec<T> v) { return f.backward(d, v); }, dy, x);
}

} // namespace cuarzo
