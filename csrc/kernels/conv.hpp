// Convolution of volumes, of which images and signals are those of one slice, of one row              See naive/conv.py
//
//   y[n, f, j]  = b[f] + sum_{c, t} w[f, c, t] x[n, c, h],     h = j stride + t dilation - before   along each axis
//   dx[n, c, h] = sum of w[f, c, t] dy[n, f, j]   over what read it
//   dw[f, c, t] = sum_{n, j} x[n, c, h] dy[n, f, j],           db[f] = sum_{n, j} dy[n, f, j]
//
// with positions h, taps t and results j of three numbers each: slice, row, column. The first two are one sum,
// conv_correlation.hpp; the weights' gradient is conv_weight.hpp. The rungs:
//   direct   reads a padded copy of the image where it stands       im2col   makes a matrix product of it
//   grouped  computes many groups of one channel each in the lanes of a vector
//   col2im   (the gradient of the input only) adds a matrix product's columns back to the image
//   depthwise  such groups of one filter, without a stride, neighbours in a row in the lanes
//   winograd takes a quarter of the products (float64: 4 / 9), for images and windows of 3 x 3
#pragma once
#include "conv_col2im.hpp"
#include "conv_weight.hpp"

namespace cuarzo {

struct ConvShape {
    Index N, C, F, groups; // C and F of all groups together
    Axis depth, rows, columns;
    Index window() const { return depth.window * rows.window * columns.window; }
    Index inputs() const { return depth.in * rows.in * columns.in; }
    Index outputs() const { return depth.out * rows.out * columns.out; }
};

// A window that covers the whole image: the products of a linear layer, with x (N, C window) and w (F, C window).
inline bool covers_image(const ConvShape &shape) {
    const auto covers = [](const Axis &a) {
        return a.out == 1 && a.window == a.in && a.before == 0 && a.dilation == 1;
    };
    return shape.groups == 1 && covers(shape.depth) && covers(shape.rows) && covers(shape.columns);
}

// A window of one position that reads all of them is the same along one axis: rows then have no ends.
inline void flatten(ConvShape &shape) {
    const auto pointwise = [](const Axis &a) {
        return a.window == 1 && a.stride == 1 && a.in == a.out && a.before == 0;
    };
    if (!pointwise(shape.depth) || !pointwise(shape.rows) || !pointwise(shape.columns)) return;
    shape.columns.in = shape.columns.out = shape.inputs();
    shape.depth.in = shape.depth.out = shape.rows.in = shape.rows.out = 1;
}

// A signal as one column, for the rung that cuts its bands along rows alone.
inline void stand_upright(ConvShape &shape) {
    const Axis &rows = shape.rows;
    if (shape.depth.in * shape.depth.out * rows.in * rows.out * rows.window == 1) std::swap(shape.rows, shape.columns);
}

// The rule. Winograd, in float32, from 16 channels and 16 filters on, whose vectors are then full: 1.3 to 5 times faster
// than the better of the others on 1 and 8 images of 2 to 56 rows, 16 to 512 channels and filters, one and two threads,
// on AVX-512; 1.8 to 4 times on AVX2 and SSE. With 8 of either it is 0.6 to 3 times. A single row of results would use a
// quarter of its tiles (0.2 to 0.6 times). In float64, which is asked for accuracy, it serves by name only.
template <template <class> class Problem, class T> bool prefers_winograd(const Problem<T> &p) {
    return sizeof(T) == 4 && p.C >= 16 && p.F >= 16 && p.rows.out > 1 && p.columns.out > 1 && serves_winograd(p);
}

// Rows of `length` results leave part of the direct tiles' last vector idle; packing a panel costs as much as
// two or three tiles of filters (measured on AVX-512 and AVX2, networks' layers from 6 to 128 filters).
template <class T> Rung choose_correlation(const Correlation<T> &p) {
    if (prefers_winograd(p)) return Rung::winograd;
    const Index length = p.columns.out, filters = p.F;
    const double used = static_cast<double>(length) / static_cast<double>(round_up(length, lanes<T>));
    const double tiles = static_cast<double>(ceil_div(filters, tile_rows));
    return tiles / used <= tiles + 2.25 ? Rung::direct : Rung::im2col;
}

inline bool serves_depthwise(const ConvShape &shape) {
    return shape.C == shape.groups && shape.F == shape.groups && shape.depth.stride == 1 && shape.rows.stride == 1 &&
           shape.columns.stride == 1;
}

// The rule of depthwise: rows of results that fill most of a vector, and enough of them to share sources.
template <class T> bool suits_depthwise(const ConvShape &shape) {
    const Index columns = shape.columns.out;
    return serves_depthwise(shape) && shape.rows.out >= 4 && 4 * columns >= 3 * round_up(columns, lanes<T>);
}

// Groups of one or few channels have rungs of their own; direct stands for those that have not.
template <class T> Rung choose_by_groups(const ConvShape &shape) {
    if (suits_depthwise<T>(shape)) return Rung::depthwise;
    const Index C = shape.C / shape.groups, F = shape.F / shape.groups;
    return suits_grouped<T>(shape.groups, C, F) ? Rung::grouped : Rung::direct;
}

template <class T> void conv_forward(ConvShape shape, const T *x, const T *w, const T *b, T *y, const Rung *rung) {
    const Index C = shape.C / shape.groups, F = shape.F / shape.groups, window = shape.window();
    if (!rung && covers_image(shape)) {
        matmul(shape.N, F, C * window, x, false, w, true, y);
        for (Index i = 0; b && i < shape.N * F; ++i) y[i] += b[i % F];
        return;
    }
    flatten(shape);
    const Rung way = rung ? *rung : choose_by_groups<T>(shape);
    const bool grouped = way == Rung::grouped;
    if (grouped) stand_upright(shape);
    Correlation<T> p{};
    p.N = shape.N, p.groups = shape.groups, p.C = C, p.F = F;
    p.depth = window_reach(shape.depth), p.rows = window_reach(shape.rows), p.columns = window_reach(shape.columns);
    p.source = x, p.weight = w, p.bias = b, p.result = y;
    p.weight_group = F * C * window, p.weight_f = C * window, p.weight_c = window;
    p.volume = shape.outputs(), p.slice = shape.rows.out * shape.columns.out, p.row = shape.columns.out, p.column = 1;
    if (way == Rung::depthwise) return correlate_depthwise(p);
    if (grouped) return correlate_grouped(&p, 1, shape.depth.out, shape.rows.out, shape.columns.out);
    correlate(p, rung ? *rung : choose_correlation(p));
}

// The inputs that tap `r` of some output reads, first, first + stride, ..., are read by the same taps r, r + turn, ...:
// their gradient is a correlation of dy, without stride, with those taps. No other input is read at all.
struct Phases {
    const Axis &axis;
    Index divisor, turn;
    explicit Phases(const Axis &axis_)
        : axis(axis_),
          divisor(std::gcd(axis.dilation, axis.stride)),
          turn(axis.stride / divisor) {}

    Index count() const { return std::min(turn, axis.window); }
    bool reach_all() const { return count() == axis.stride; }
    Index first(Index r) const { // r dilation - before, modulo stride
        const Index rest = (r * axis.dilation - axis.before) % axis.stride;
        return rest < 0 ? rest + axis.stride : rest;
    }
    // The taps from the last to the first, so that what they read ascends.
    Reach reach(Index r) const {
        const Index taps = ceil_div(axis.window - r, turn), last = r + (taps - 1) * turn;
        const Index inputs = axis.in > first(r) ? ceil_div(axis.in - first(r), axis.stride) : 0;
        const Index from = (first(r) + axis.before - last * axis.dilation) / axis.stride;
        return Reach{axis.out, inputs, 1, taps, from, axis.dilation / divisor, axis.window, last, -turn}.trimmed();
    }
};

// The rule, in cycles of two vectors of multiply-adds, fitted to layers of 1 to 64 channels and 4 to 128 filters on
// AVX-512. col2im: the loads of dy beside its products, the columns' additions to the image, and one pass over the
// image. Direct: loads that cross cache lines, and a padded copy of dy, for each phase.
template <class T> bool prefers_col2im(const InputGradient<T> &p, const Correlation<T> *phases, Index count) {
    if (count == 1 && prefers_winograd(phases[0])) return false;
    const auto vectors = [](const Reach &depth, const Reach &rows, const Reach &columns) {
        return static_cast<double>(depth.out * rows.out * ceil_div(columns.out, lanes<T>));
    };
    const double filters = static_cast<double>(p.F), channels = static_cast<double>(p.C);
    const double columns = channels * static_cast<double>(p.taps());
    const double col2im = vectors(p.depth, p.rows, p.columns) * (filters * (columns / 2 + 1) + 7 * columns) +
                          channels * static_cast<double>(p.inputs()) / 2;
    double direct = 0;
    for (Index i = 0; i < count; ++i) {
        const Correlation<T> &phase = phases[i];
        const double taps = static_cast<double>(phase.depth.taps * phase.rows.taps * phase.columns.taps);
        direct += vectors(phase.depth, phase.rows, phase.columns) * filters * (taps * (channels / 2 + 0.75) + 8);
    }
    return col2im < 0.9 * direct;
}

template <class T> void conv_backward_input(ConvShape shape, const T *dy, const T *w, T *dx, const Rung *rung) {
    const Index C = shape.C / shape.groups, F = shape.F / shape.groups, window = shape.window();
    if (!rung && covers_image(shape)) return matmul(shape.N, C * window, F, dy, false, w, false, dx);
    flatten(shape);
    const Rung way = rung ? *rung : choose_by_groups<T>(shape);
    const bool grouped = way == Rung::grouped;
    if (grouped) stand_upright(shape);
    const Phases depth(shape.depth), rows(shape.rows), columns(shape.columns);
    Correlation<T> p{}; // the roles of C and F are exchanged: dy is the source, dx the result
    p.N = shape.N, p.groups = shape.groups, p.C = F, p.F = C;
    p.source = dy, p.weight = w, p.result = dx;
    p.weight_group = F * C * window, p.weight_f = window, p.weight_c = C * window;
    const Index W = shape.columns.in, plane = shape.rows.in * W;
    p.volume = shape.inputs();
    p.slice = shape.depth.stride * plane, p.row = shape.rows.stride * W, p.column = shape.columns.stride;
    Scratch scratch;
    auto *phases = scratch.take<Correlation<T>>(depth.count(), rows.count(), columns.count());
    Index count = 0;
    for (Index e = 0; e < depth.count(); ++e)
        for (Index r = 0; r < rows.count(); ++r)
            for (Index s = 0; s < columns.count(); ++s) {
                p.depth = depth.reach(e), p.rows = rows.reach(r), p.columns = columns.reach(s);
                p.start = depth.first(e) * plane + rows.first(r) * W + columns.first(s);
                phases[count++] = p;
            }
    const InputGradient<T> gradient{shape.N,
                                    shape.groups,
                                    C,
                                    F,
                                    window_reach(shape.depth),
                                    window_reach(shape.rows),
                                    window_reach(shape.columns),
                                    dy,
                                    w,
                                    dx};
    const bool by_groups = grouped || way == Rung::depthwise;
    if (rung ? *rung == Rung::col2im : !by_groups && prefers_col2im(gradient, phases, count))
        return input_gradient_col2im(gradient);
    if (!depth.reach_all() || !rows.reach_all() || !columns.reach_all())
        std::fill_n(dx, shape.N * shape.C * shape.inputs(), T{0});
    if (way == Rung::depthwise) return correlate_depthwise(phases[0]); // no stride: one
    if (grouped) return correlate_grouped(phases, count, shape.depth.in, shape.rows.in, W);
    for (Index i = 0; i < count; ++i) correlate(phases[i], rung ? *rung : choose_correlation(phases[i]));
}

// Winograd by the same rule: 1.2 to 4 times faster on 4 to 56 rows, as fast on fewer, for 16 to 64 channels and filters.
template <class T> Rung choose_weight_gradient(const WeightGradient<T> &p) {
    if (prefers_winograd(p)) return Rung::winograd;
    // Filters fill im2col's vectors, columns direct's. Direct also masks row ends and adds lanes: measured, a factor
    // 0.6; and with a handful of filters the transposition of dy does not pay.
    const double filters = static_cast<double>(p.F) / static_cast<double>(round_up(p.F, lanes<T>));
    const double length = static_cast<double>(p.columns.out);
    const double neighbours = length / static_cast<double>(round_up(p.columns.out, lanes<T>));
    return p.F >= 8 && filters >= 0.6 * neighbours ? Rung::im2col : Rung::direct;
}

template <class T> void conv_backward_weight(ConvShape shape, const T *x, const T *dy, T *dw, T *db, const Rung *rung) {
    if (db) bias_gradient(shape.N, shape.F, shape.outputs(), dy, db);
    if (!rung && covers_image(shape)) return matmul(shape.F, shape.C * shape.inputs(), shape.N, dy, true, x, false, dw);
    flatten(shape);
    const Rung way = rung ? *rung : choose_by_groups<T>(shape);
    if (way == Rung::grouped) stand_upright(shape);
    WeightGradient<T> p{};
    p.N = shape.N, p.groups = shape.groups, p.C = shape.C / shape.groups, p.F = shape.F / shape.groups;
    p.depth = window_reach(shape.depth), p.rows = window_reach(shape.rows), p.columns = window_reach(shape.columns);
    p.x = x, p.dy = dy, p.dw = dw;
    weight_gradient(p, rung || way != Rung::direct ? way : choose_weight_gradient(p));
}

} // namespace cuarzo
