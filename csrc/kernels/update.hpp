// Optimisers' updates                                                                      See naive/update.py
//
// All arrays of a parameter in one pass, in place: memory is what an update waits for, and NumPy's dozen passes read
// and write it a dozen times. Options that a formula leaves out are decided once per vector, by branches that always
// go the same way.
#pragma once
#include "elementwise.hpp"

namespace cuarzo {

// decay average + (1 - decay) value
template <class T> struct Average {
    T decay, rest;
    explicit Average(double decay) : decay(static_cast<T>(decay)), rest(static_cast<T>(1 - decay)) {}
    Vec<T> operator()(Vec<T> average, Vec<T> value) const { return decay * average + rest * value; }
};

// update(i, part) for all vectors of all parts
template <class T, class Update> void update_elements(Index size, Update update) {
    for_elements(
        size, [=](Index begin, Index n) { for_vectors<T>(n, [=](Index i, auto part) { update(begin + i, part); }); });
}

struct SgdOptions {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
    double l1;
    bool first;
};

// velocity: null without momentum
template <class T>
void sgd_update(const SgdOptions &options, Index size, const T *gradient, T *parameter, T *velocity) {
    const T lr = static_cast<T>(options.lr), momentum = static_cast<T>(options.momentum);
    const T rest = static_cast<T>(1 - options.dampening);
    const T decay = static_cast<T>(options.weight_decay), l1 = static_cast<T>(options.l1);
    const bool nesterov = options.nesterov, first = options.first;
    update_elements<T>(size, [=](Index i, auto part) {
        const Vec<T> p = get(parameter + i, part), one = broadcast(T{1});
        Vec<T> g = get(gradient + i, part);
        if (decay != 0) g += decay * p;
        if (l1 != 0) g += l1 * (keep<T>(p > 0, one) - keep<T>(p < 0, one));
        if (velocity) {
            const Vec<T> v = first ? g : momentum * get<T>(velocity + i, part) + rest * g;
            put<T>(velocity + i, v, part);
            g = nesterov ? g + momentum * v : v;
        }
        put<T>(parameter + i, p - lr * g, part);
    });
}

struct RmspropOptions {
    double lr, alpha, eps, weight_decay, momentum;
};

// mean: null unless centred; velocity: null without momentum
template <class T>
void rmsprop_update(const RmspropOptions &options, Index size, const T *gradient, T *parameter, T *square, T *mean,
                    T *velocity) {
    const T lr = static_cast<T>(options.lr), eps = static_cast<T>(options.eps);
    const T decay = static_cast<T>(options.weight_decay), momentum = static_cast<T>(options.momentum);
    const Average<T> average(options.alpha);
    update_elements<T>(size, [=](Index i, auto part) {
        const Vec<T> p = get(parameter + i, part);
        Vec<T> g = get(gradient + i, part);
        if (decay != 0) g += decay * p;
        Vec<T> spread = average(get(square + i, part), g * g);
        put<T>(square + i, spread, part);
        if (mean) {
            const Vec<T> a = average(get<T>(mean + i, part), g);
            put<T>(mean + i, a, part);
            spread -= a * a;
            spread = spread < 0 ? Vec<T>{} : spread; // less than 0 by rounding alone
        }
        Vec<T> move = g / (root<T>(spread) + eps);
        if (velocity) {
            move += momentum * get<T>(velocity + i, part);
            put<T>(velocity + i, move, part);
        }
        put<T>(parameter + i, p - lr * move, part);
    });
}

struct AdamOptions {
    double lr, beta1, beta2, eps, weight_decay;
    bool decoupled;
    Index step;
};

// largest: null but in the form called amsgrad
template <class T>
void adam_update(const AdamOptions &options, Index size, const T *gradient, T *parameter, T *mean, T *square,
                 T *largest) {
    const double t = static_cast<double>(options.step);
    const T rate = static_cast<T>(options.lr / (1 - std::pow(options.beta1, t)));
    const T size_of_square = static_cast<T>(std::sqrt(1 - std::pow(options.beta2, t)));
    const T eps = static_cast<T>(options.eps), decay = static_cast<T>(options.weight_decay);
    const T kept = static_cast<T>(1 - options.lr * options.weight_decay);
    const bool decoupled = options.decoupled;
    const Average<T> average1(options.beta1), average2(options.beta2);
    update_elements<T>(size, [=](Index i, auto part) {
        Vec<T> p = get(parameter + i, part), g = get(gradient + i, part);
        if (decoupled)
            p *= kept;
        else if (decay != 0)
            g += decay * p;
        const Vec<T> a = average1(get(mean + i, part), g);
        Vec<T> s = average2(get(square + i, part), g * g);
        put<T>(mean + i, a, part);
        put<T>(square + i, s, part);
        if (largest) {
            const Vec<T> l = get<T>(largest + i, part);
            s = (l > s) | (l != l) ? l : s; // NaN where either is
            put<T>(largest + i, s, part);
        }
        put<T>(parameter + i, p - rate * a / (root<T>(s) / size_of_square + eps), part);
    });
}

} // namespace cuarzo
