// What maximum and average pooling share: the windows of a channel, and how their taps are read.
//
// Each channel of each volume by itself, in parallel, and `lanes` neighbouring windows of a row at a time. Their taps are
// read in row-major order from lines (a line: what a window sees of one row of the image):
//   * stride 1, 2, 3:  `step` loads bring the next `step` taps of a line, sorted in registers (pool_steps.hpp). Where no
//     window leaves the image, it is read where it stands; else from a copy of the channel with its padding
//   * larger strides, and dilation along a line:  from a copy that is sorted by remainders (window.hpp); there each tap
//     is a line of its own
// A row of windows is as many full vectors: what is behind its last window is read and computed in vain.
#pragma once
#include "pool_steps.hpp"
#include "window.hpp"

namespace cuarzo {

struct PoolShape {
    Index channels; // N C
    Axis depth, rows, columns;
    Index inputs() const { return depth.in * rows.in * columns.in; }
    Index outputs() const { return depth.out * rows.out * columns.out; }
};

// Channels that a thread takes at a time: some microseconds of work, a function of the shape.
inline Index channels_per_item(const PoolShape &shape) {
    const double lines = static_cast<double>(shape.depth.window) * static_cast<double>(shape.rows.window);
    const double work = static_cast<double>(shape.inputs()) + static_cast<double>(shape.outputs()) * lines;
    return std::clamp<Index>(static_cast<Index>(16384 / (work + 1)), 1, std::max<Index>(1, shape.channels));
}

// work(channel, slot) for all channels
template <class Work> void for_channels(const PoolShape &shape, Index slots, Work work) {
    const Index size = channels_per_item(shape);
    parallel_for(ceil_div(shape.channels, size), slots, [&](Index item, Index slot) {
        const Range range(item, size, shape.channels);
        for (Index channel = range.begin; channel < range.end; ++channel) work(channel, slot);
    });
}

inline Index channel_slots(const PoolShape &shape) {
    return parallel_slots(ceil_div(shape.channels, channels_per_item(shape)));
}

// Reads anywhere, and reads that stop at the end of the array.
struct Anywhere {
    template <class T> CUARZO_INLINE Vec<T> operator()(const T *p) const { return load(p); }
};
template <class T> struct Until {
    const T *end;
    CUARZO_INLINE Vec<T> operator()(const T *p) const { return load_first(p, std::clamp<Index>(end - p, 0, lanes<T>)); }
};

// Of a row of results, written from left to right: what a full vector writes behind the row, the next row replaces.
template <class T> CUARZO_INLINE void store_until(T *to, Vec<T> v, const T *end) {
    if (end - to >= lanes<T>)
        store(to, v);
    else if (end > to)
        store_first(to, v, end - to);
}

// No window reads outside the image.
inline bool stays_inside(const Reach &reach) {
    return reach.from >= 0 && reach.from + (reach.taps - 1) * reach.step + (reach.out - 1) * reach.stride < reach.in;
}

inline bool sorted_in_registers(const Reach &columns) {
    return columns.stride <= largest_step && (columns.step == 1 || columns.taps == 1);
}

// The stride of a single window is of no account.
inline Reach column_reach(const Axis &axis) {
    Reach columns = window_reach(axis);
    if (columns.out == 1) columns.stride = 1;
    return columns;
}

// Columns of which a copy takes all between the first and the last that is read.
inline Reach unsorted(Reach columns) {
    columns.out = (columns.out - 1) * columns.stride + 1;
    columns.stride = 1;
    return columns;
}

// From window to window, taps of a line, lines of a window: numbers that the compiler knows, or any.
template <int step_, class Taps, class Lines> struct Form {
    static constexpr int step = step_;
    Taps taps;
    Lines lines;
};
template <int n> using Constant = std::integral_constant<Index, n>;

// The taps of `lanes` windows in a row, the first of which begins at `from`.
template <class T, class Form, class Loader> struct Reader {
    Form form;
    Loader load;
    const Index *line;
    const T *from;

    // visit(t, the t-th taps, whether t = 0) in row-major order
    template <class Visit> CUARZO_INLINE void each_tap(Visit visit) const {
        constexpr int step = Form::step;
        for (Index l = 0; l < form.lines; ++l) {
            const T *p = from + line[l];
            for (Index s = 0; s < form.taps; s += step, p += step) {
                Vec<T> v[step];
                CUARZO_UNROLL
                for (int i = 0; i < step; ++i) v[i] = load(p + i * lanes<T>);
                each_constant<step>([&](auto i) {
                    if (s + i < form.taps) visit(l * form.taps + s + i, every<T, i>(v), l == 0 && s + i == 0);
                });
            }
        }
    }
};

// Window (p, q) of a slice, and its number in the channel.
struct Place {
    Index p, q, at;
};

// An image read in place is asked for so far ahead: of rows of some hundred bytes, two or three at a time, the hardware
// follows none beyond its page. 2 x 2 windows of 8·64·112·112 take 0.50 ms instead of 1.66; 1 or 2 KB ahead 0.67 and 0.60.
inline constexpr Index bytes_ahead = 6144;

template <class T> CUARZO_INLINE void ask_ahead(const T *from, Index n, const T *end) {
    constexpr Index ahead = bytes_ahead / static_cast<Index>(sizeof(T)), line = 64 / sizeof(T);
    const Index stop = std::min(ahead + n, end - from);
    for (Index i = ahead; i < stop; i += line) __builtin_prefetch(from + i);
}

// Rows of windows in a slice of a channel: visit(reader, place) for each vector of them. A function of its own, with
// all that it needs in it: inlined into its callers the inner loop ran out of registers and took 16 cycles for 10.
template <class T, class Form> struct WindowRows {
    Form form;
    const Index *line;
    Index row_step, columns;
    const T *ahead_end; // of what may be asked for ahead

    template <class Loader, class Visit>
    __attribute__((noinline)) void each(Loader load, const T *from, Index p, Index end, Index at, Visit visitor) const {
        const Index *const lines = line, step = row_step, Q = columns;
        const Form known = form;
        Visit visit = visitor;
        const T *const known_end = ahead_end;
        for (; p < end; ++p, from += step, at += Q) {
            ask_ahead(from, step, known_end);
            for (Index q = 0; q < Q; q += lanes<T>)
                visit(Reader<T, Form, Loader>{known, load, lines, from + q * Form::step}, Place{p, q, at + q});
        }
    }
};

template <class T> struct PoolSource {
    Reach depth, rows, columns;
    bool in_registers, in_place;
    int step; // from one window to the next, where they are read
    Copy copy;
    Index lines, line_taps;
    Index *line; // where each line of a window begins, relative to its first

    PoolSource(Scratch &scratch, const PoolShape &shape, Index slots)
        : depth(window_reach(shape.depth)),
          rows(window_reach(shape.rows)),
          columns(column_reach(shape.columns)),
          in_registers(sorted_in_registers(columns)),
          in_place(in_registers && stays_inside(depth) && stays_inside(rows) && stays_inside(columns)),
          step(in_registers ? static_cast<int>(columns.stride) : 1),
          copy(depth, rows, in_registers ? unsorted(columns) : columns, depth.out, rows.out,
               in_registers ? unsorted(columns).out : columns.out),
          lines(element_count(depth.taps, rows.taps, in_registers ? 1 : columns.taps)),
          line_taps(in_registers ? columns.taps : 1),
          line(scratch.take<Index>(lines)),
          copy_size_(round_up(element_count(copy.size) + largest_step * lanes<T>, 64)),
          copies_(in_place ? nullptr : scratch.take<T>(slots, copy_size_)) {
        Index *next = line;
        each_tap([&](Index e, Index r, Index s) {
            if (in_registers && s > 0) return;
            *next++ = in_place ? (e * depth.step * rows.in + r * rows.step) * columns.in
                               : copy.depth.offset(e) * copy.slice_step + copy.rows.offset(r) * copy.row_step +
                                     copy.columns.offset(s);
        });
        reach_ = *std::max_element(line, line + lines) + round_up(columns.out, lanes<T>) * step +
                 (line_taps - 1) / step * step;
    }

    template <class Visit> void each_tap(Visit visit) const { cuarzo::each_tap(depth, rows, columns, visit); }
    Index taps() const { return lines * line_taps; }

    // Where the first window of a channel begins, and the end of what may be read. x_end: of the whole array.
    struct View {
        const T *from, *end;
    };
    View view(const T *channel, const T *x_end, T padding, Index slot) const {
        if (in_place) return {channel + (depth.from * rows.in + rows.from) * columns.in + columns.from, x_end};
        T *to = copies_ + slot * copy_size_;
        copy.fill(channel, 1, 0, 0, 0, padding, to);
        return {to, to + copy_size_};
    }

    // visit(reader, place) for each vector of windows of slice o
    template <class Form, class Visit> void each_vector(Form form, const View &view, Index o, Visit visit) const {
        const Index row_step = in_place ? rows.stride * columns.in : copy.row_step;
        const Index slice_step = in_place ? depth.stride * rows.in * columns.in : copy.slice_step;
        const T *from = view.from + o * slice_step, *const ahead_end = in_place ? view.end : from;
        const WindowRows<T, Form> windows{form, line, row_step, columns.out, ahead_end};
        const Index room =
            view.end - from - reach_; // rows of windows that can be read as whole vectors: those before `safe`
        const Index safe = room >= (rows.out - 1) * row_step ? rows.out : room < 0 ? 0 : room / row_step + 1;
        windows.each(Anywhere{}, from, 0, safe, o * rows.out * columns.out, visit);
        if (safe == rows.out) return;
        using Any = cuarzo::Form<Form::step, Index, Index>;
        WindowRows<T, Any>{{line_taps, lines}, line, row_step, columns.out, ahead_end}.each(
            Until<T>{view.end}, from + safe * row_step, safe, rows.out, (o * rows.out + safe) * columns.out, visit);
    }

  private:
    Index copy_size_;
    T *copies_;
    Index reach_; // elements from the first window of a row to the end of what its vectors read
};

// body(form): the windows that are common have code of their own.
template <class T, class Body> void with_form(const PoolSource<T> &source, Body body) {
    const Index taps = source.line_taps, lines = source.lines;
    if (source.step == 1 && taps == 3 && lines == 3)
        body(Form<1, Constant<3>, Constant<3>>{});
    else if (source.step == 1)
        body(Form<1, Index, Index>{taps, lines});
    else if (source.step == 2 && taps == 2 && lines == 2)
        body(Form<2, Constant<2>, Constant<2>>{});
    else if (source.step == 2 && taps == 3 && lines == 3)
        body(Form<2, Constant<3>, Constant<3>>{});
    else if (source.step == 2)
        body(Form<2, Index, Index>{taps, lines});
    else
        body(Form<3, Index, Index>{taps, lines});
}

} // namespace cuarzo
