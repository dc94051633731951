// Convolution                                                                                 See naive/conv.py
//
//   y[n, f, p, q]  = b[f] + sum_{c, r, s} w[f, c, r, s] x[n, c, h, k],      h = p su + r du - top,  k = q sv + s dv - left
//   dx[n, c, h, k] = sum of w[f, c, r, s] dy[n, f, p, q]    over what read it
//   dw[f, c, r, s] = sum_{n, p, q} x[n, c, h, k] dy[n, f, p, q],            db[f] = sum_{n, p, q} dy[n, f, p, q]
//
// The first two are one sum, conv_correlate.hpp; the weights' gradient is conv_weight.hpp. Each has two rungs:
//   direct   reads a padded copy of the image where it stands       im2col   makes a matrix product of it
#pragma once
#include "conv_weight.hpp"

namespace cuarzo {

struct ConvShape {
    Index N, C, F, groups; // C and F of all groups together
    Axis rows, columns;
};

// A window that covers the whole image: the products of a linear layer, with x (N, C R S) and w (F, C R S).
inline bool covers_image(const ConvShape &shape) {
    const auto covers = [](const Axis &a) {
        return a.out == 1 && a.window == a.in && a.before == 0 && a.dilation == 1;
    };
    return shape.groups == 1 && covers(shape.rows) && covers(shape.columns);
}

// The rule. Rows of `length` results leave part of the direct tiles' last vector idle; packing a panel costs as much as
// two or three tiles of filters (measured on AVX-512 and AVX2, networks' layers from 6 to 128 filters).
template <class T> Rung choose_correlation(Index length, Index filters) {
    const double used = static_cast<double>(length) / static_cast<double>(round_up(length, lanes<T>));
    const double tiles = static_cast<double>(ceil_div(filters, tile_rows));
    return tiles / used <= tiles + 2.25 ? Rung::direct : Rung::im2col;
}

template <class T>
void conv2d_forward(const ConvShape &shape, const T *x, const T *w, const T *b, T *y, const Rung *rung) {
    const Axis &rows = shape.rows, &columns = shape.columns;
    const Index C = shape.C / shape.groups, F = shape.F / shape.groups, window = rows.window * columns.window;
    if (!rung && covers_image(shape)) {
        matmul(shape.N, F, C * window, x, false, w, true, y);
        for (Index i = 0; b && i < shape.N * F; ++i) y[i] += b[i % F];
        return;
    }
    Scratch scratch;
    Correlation<T> p{};
    p.N = shape.N, p.groups = shape.groups;
    p.source = x, p.C = C, p.H = rows.in, p.W = columns.in;
    p.result = y, p.F = F, p.I = rows.out, p.J = columns.out;
    p.plane = rows.out * columns.out, p.row = columns.out, p.column = 1;
    p.row_stride = rows.stride, p.column_stride = columns.stride;
    p.taps = window_taps(scratch, rows, columns), p.tap_count = window;
    p.weight = w, p.weight_group = F * C * window, p.weight_f = C * window, p.weight_c = window;
    p.bias = b;
    correlate(p, rung ? *rung : choose_correlation<T>(columns.out, F));
}

// Inputs h = first, first + stride, ... are read by the same taps r, those with r dilation = h + before modulo stride:
// for each such residue the gradient is a correlation of dy, without stride, with those taps.
struct Phase {
    Index first, count, taps; // of the inputs; how many taps
    Index *tap, *from;        // r, and the output that read the first input through it: may lie outside
};

inline Phase make_phase(Scratch &scratch, const Axis &axis, Index first) {
    Phase phase{first, ceil_div(axis.in - first, axis.stride), 0, scratch.take<Index>(axis.window),
                scratch.take<Index>(axis.window)};
    for (Index r = 0; r < axis.window; ++r) {
        const Index start = first + axis.before - r * axis.dilation;
        if (start % axis.stride != 0) continue;
        phase.tap[phase.taps] = r;
        phase.from[phase.taps++] = start / axis.stride;
    }
    return phase;
}

template <class T>
void conv2d_backward_input(const ConvShape &shape, const T *dy, const T *w, T *dx, const Rung *rung) {
    const Axis &rows = shape.rows, &columns = shape.columns;
    const Index C = shape.C / shape.groups, F = shape.F / shape.groups, window = rows.window * columns.window;
    if (!rung && covers_image(shape)) return matmul(shape.N, C * window, F, dy, false, w, false, dx);
    for (Index h = 0; h < std::min(rows.stride, rows.in); ++h)
        for (Index k = 0; k < std::min(columns.stride, columns.in); ++k) {
            Scratch scratch;
            const Phase a = make_phase(scratch, rows, h), b = make_phase(scratch, columns, k);
            Tap *taps = scratch.take<Tap>(a.taps, b.taps), *tap = taps;
            for (Index r = 0; r < a.taps; ++r)
                for (Index s = 0; s < b.taps; ++s)
                    *tap++ = {a.from[r], b.from[s], a.tap[r] * columns.window + b.tap[s]};
            Correlation<T> p{}; // the roles of C and F are exchanged: dy is the source, dx the result
            p.N = shape.N, p.groups = shape.groups;
            p.source = dy, p.C = F, p.H = rows.out, p.W = columns.out;
            p.result = dx, p.F = C, p.I = a.count, p.J = b.count;
            p.plane = rows.in * columns.in, p.start = h * columns.in + k;
            p.row = rows.stride * columns.in, p.column = columns.stride;
            p.row_stride = p.column_stride = 1;
            p.taps = taps, p.tap_count = a.taps * b.taps;
            p.weight = w, p.weight_group = F * C * window, p.weight_f = window, p.weight_c = C * window;
            correlate(p, rung ? *rung : choose_correlation<T>(b.count, C));
        }
}

template <class T>
void conv2d_backward_weight(const ConvShape &shape, const T *x, const T *dy, T *dw, T *db, const Rung *rung) {
    const Axis &rows = shape.rows, &columns = shape.columns;
    if (db) bias_gradient(shape.N, shape.F, rows.out * columns.out, dy, db);
    if (!rung && covers_image(shape))
        return matmul(shape.F, shape.C * rows.in * columns.in, shape.N, dy, true, x, false, dw);
    Scratch scratch;
    WeightGradient<T> p{};
    p.N = shape.N, p.groups = shape.groups;
    p.x = x, p.C = shape.C / shape.groups, p.H = rows.in, p.W = columns.in;
    p.dy = dy, p.F = shape.F / shape.groups, p.I = rows.out, p.J = columns.out;
    p.row_stride = rows.stride, p.column_stride = columns.stride;
    p.taps = window_taps(scratch, rows, columns), p.tap_count = rows.window * columns.window;
    p.dw = dw;
    // Filters fill im2col's vectors, columns direct's. Direct also masks row ends and adds lanes: measured, a factor 0.6; and
    // with a handful of filters the transposition of dy does not pay.
    const double filters = static_cast<double>(p.F) / static_cast<double>(round_up(p.F, lanes<T>));
    const double neighbours = static_cast<double>(p.J) / static_cast<double>(round_up(p.J, lanes<T>));
    const bool many = p.F >= 8 && filters >= 0.6 * neighbours;
    weight_gradient(p, rung ? *rung : many ? Rung::im2col : Rung::direct);
}

} // namespace cuarzo
