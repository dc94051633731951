// The border of the recurrent networks.
#pragma once
#include "../arrays.hpp"
#include "../kernels/recurrent.hpp"

namespace cuarzo::border {

// The arrays of one call, asked for by the letters of their shapes: T N I U as everywhere, G for the rows of the
// weights, Q for 4U. A cell's arrays have no T, and none of its states may be None.
template <class T> class Recurrent {
  public:
    Recurrent(Border &border, bool cell, Index gates, py::handle x, py::handle w_hh, py::handle lengths)
        : border_(border),
          cell_(cell),
          gates_(gates) {
        const auto X = border.in<T>("x", x, cell ? 2 : 3), W = border.in<T>("w_hh", w_hh, 2);
        const std::size_t n = cell ? 0 : 1;
        s_ = {cell ? 1 : X[0], X[n], X[n + 1], W[1], nullptr};
        if (s_.T == 0) border.refuse("x has no steps, expected at least 1");
        if (s_.I == 0 || s_.U == 0) border.refuse(s_.I, " inputs and ", s_.U, " units, expected at least 1 of each");
        if (s_.U > Border::limit) border.refuse("w_hh has ", s_.U, " units, expected at most ", Border::limit);
        if (lengths.is_none()) return;
        const auto L = border.in<std::int64_t>("lengths", lengths, 1);
        border.shape("lengths", L, "(N,)", {s_.N});
        for (Index i = 0; i < s_.N; ++i)
            if (L.data[i] < 1 || L.data[i] > s_.T)
                border.refuse("lengths holds ", static_cast<Index>(L.data[i]), ", expected 1 to ", s_.T);
        s_.lengths = L.data;
    }

    const Sequence &sequence() const { return s_; }

    const T *in(const char *name, py::handle value, const char *letters) {
        return shaped(name, letters, border_.in<T>(name, value, ndim(letters)));
    }
    T *out(const char *name, py::handle value, const char *letters) {
        return shaped(name, letters, border_.out<T>(name, value, ndim(letters)));
    }
    const T *bias(const char *name, py::handle value) { return value.is_none() ? nullptr : in(name, value, "G"); }
    T *dbias(const char *name, py::handle value) { return value.is_none() ? nullptr : out(name, value, "G"); }
    const T *state(const char *name, py::handle value) {
        return value.is_none() && !cell_ ? nullptr : in(name, value, "NU");
    }
    T *gradient(const char *name, py::handle value, const char *letters) {
        return value.is_none() && !cell_ ? nullptr : out(name, value, letters);
    }

  private:
    const char *own(const char *letters) const { return cell_ && *letters == 'T' ? letters + 1 : letters; }
    int ndim(const char *letters) const { return static_cast<int>(std::strlen(own(letters))); }

    Index size(char letter) const {
        switch (letter) {
        case 'T':
            return s_.T;
        case 'N':
            return s_.N;
        case 'I':
            return s_.I;
        case 'U':
            return s_.U;
        case 'G':
            return gates_ * s_.U;
        default:
            return 4 * s_.U;
        }
    }

    std::string text(char letter) const {
        if (letter == 'Q') return "4U";
        return letter == 'G' && gates_ > 1 ? std::to_string(gates_) + "U"
                                           : std::string(1, letter == 'G' ? 'U' : letter);
    }

    template <class Element> Element *shaped(const char *name, const char *letters, const Array<Element> &array) const {
        std::vector<Index> expected;
        std::string words;
        for (const char *letter = own(letters); *letter; ++letter) {
            expected.push_back(size(*letter));
            words += (words.empty() ? "(" : ", ") + text(*letter);
        }
        border_.shape(name, array, (words + (expected.size() == 1 ? ",)" : ")")).c_str(), expected);
        return array.data;
    }

    Border &border_;
    bool cell_;
    Index gates_;
    Sequence s_{};
};

inline void rnn_forward(const char *kernel, bool cell, py::handle x, py::handle h0, py::handle w_ih, py::handle w_hh,
                        py::handle b_ih, py::handle b_hh, py::handle lengths, py::handle relu, py::handle h) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 1, x, w_hh, lengths);
        const T *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0), *WI = a.in("w_ih", w_ih, "GI"),
                *WH = a.in("w_hh", w_hh, "GU"), *BI = a.bias("b_ih", b_ih), *BH = a.bias("b_hh", b_hh);
        const bool rectified = border.boolean("relu", relu);
        T *H = a.out("h", h, "TNU");
        unlocked([&] { cuarzo::rnn_forward<T>(a.sequence(), X, H0, WI, WH, BI, BH, rectified, H); });
    });
}

inline void rnn_backward(const char *kernel, bool cell, py::handle dh, py::handle x, py::handle h0, py::handle w_ih,
                         py::handle w_hh, py::handle lengths, py::handle h, py::handle relu, py::handle dx,
                         py::handle dh0, py::handle dw_ih, py::handle dw_hh, py::handle db_ih, py::handle db_hh) {
    Border border(kernel);
    for_dtype(border, "dh", dh, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 1, x, w_hh, lengths);
        const T *DH = a.in("dh", dh, "TNU"), *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0),
                *WI = a.in("w_ih", w_ih, "GI"), *WH = a.in("w_hh", w_hh, "GU"), *H = a.in("h", h, "TNU");
        const bool rectified = border.boolean("relu", relu);
        T *DX = a.gradient("dx", dx, "TNI"), *DH0 = a.gradient("dh0", dh0, "NU"), *DWI = a.out("dw_ih", dw_ih, "GI"),
          *DWH = a.out("dw_hh", dw_hh, "GU"), *DBI = a.dbias("db_ih", db_ih), *DBH = a.dbias("db_hh", db_hh);
        unlocked([&] {
            cuarzo::rnn_backward<T>(a.sequence(), DH, X, H0, WI, WH, H, rectified, DX, DH0, DWI, DWH, DBI, DBH);
        });
    });
}

inline void lstm_forward(const char *kernel, bool cell, py::handle x, py::handle h0, py::handle c0, py::handle w_ih,
                         py::handle w_hh, py::handle b_ih, py::handle b_hh, py::handle lengths, py::handle h,
                         py::handle c, py::handle gates) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 4, x, w_hh, lengths);
        const T *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0), *C0 = a.state("c0", c0),
                *WI = a.in("w_ih", w_ih, "GI"), *WH = a.in("w_hh", w_hh, "GU"), *BI = a.bias("b_ih", b_ih),
                *BH = a.bias("b_hh", b_hh);
        T *H = a.out("h", h, "TNU"), *C = a.out("c", c, "TNU"), *A = a.out("gates", gates, "TNQ");
        unlocked([&] { cuarzo::lstm_forward<T>(a.sequence(), X, H0, C0, WI, WH, BI, BH, H, C, A); });
    });
}

// A cell has no h among its arguments.
inline void lstm_backward(const char *kernel, bool cell, py::handle dh, py::handle dc, py::handle x, py::handle h0,
                          py::handle c0, py::handle w_ih, py::handle w_hh, py::handle lengths, py::handle h,
                          py::handle c, py::handle gates, py::handle dx, py::handle dh0, py::handle dc0,
                          py::handle dw_ih, py::handle dw_hh, py::handle db_ih, py::handle db_hh) {
    Border border(kernel);
    for_dtype(border, "dh", dh, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 4, x, w_hh, lengths);
        const T *DH = a.in("dh", dh, "TNU"), *DC = a.state("dc", dc), *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0),
                *C0 = a.state("c0", c0), *WI = a.in("w_ih", w_ih, "GI"), *WH = a.in("w_hh", w_hh, "GU"),
                *H = cell ? nullptr : a.in("h", h, "TNU"), *C = a.in("c", c, "TNU"), *A = a.in("gates", gates, "TNQ");
        T *DX = a.gradient("dx", dx, "TNI"), *DH0 = a.gradient("dh0", dh0, "NU"), *DC0 = a.gradient("dc0", dc0, "NU"),
          *DWI = a.out("dw_ih", dw_ih, "GI"), *DWH = a.out("dw_hh", dw_hh, "GU"), *DBI = a.dbias("db_ih", db_ih),
          *DBH = a.dbias("db_hh", db_hh);
        unlocked([&] {
            cuarzo::lstm_backward<T>(a.sequence(), DH, DC, X, H0, C0, WI, WH, H, C, A, DX, DH0, DC0, DWI, DWH, DBI,
                                     DBH);
        });
    });
}

inline void gru_forward(const char *kernel, bool cell, py::handle x, py::handle h0, py::handle w_ih, py::handle w_hh,
                        py::handle b_ih, py::handle b_hh, py::handle lengths, py::handle h, py::handle gates) {
    Border border(kernel);
    for_dtype(border, "x", x, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 3, x, w_hh, lengths);
        const T *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0), *WI = a.in("w_ih", w_ih, "GI"),
                *WH = a.in("w_hh", w_hh, "GU"), *BI = a.bias("b_ih", b_ih), *BH = a.bias("b_hh", b_hh);
        T *H = a.out("h", h, "TNU"), *A = a.out("gates", gates, "TNQ");
        unlocked([&] { cuarzo::gru_forward<T>(a.sequence(), X, H0, WI, WH, BI, BH, H, A); });
    });
}

// A cell has no h among its arguments.
inline void gru_backward(const char *kernel, bool cell, py::handle dh, py::handle x, py::handle h0, py::handle w_ih,
                         py::handle w_hh, py::handle lengths, py::handle h, py::handle gates, py::handle dx,
                         py::handle dh0, py::handle dw_ih, py::handle dw_hh, py::handle db_ih, py::handle db_hh) {
    Border border(kernel);
    for_dtype(border, "dh", dh, [&](auto zero) {
        using T = decltype(zero);
        Recurrent<T> a(border, cell, 3, x, w_hh, lengths);
        const T *DH = a.in("dh", dh, "TNU"), *X = a.in("x", x, "TNI"), *H0 = a.state("h0", h0),
                *WI = a.in("w_ih", w_ih, "GI"), *WH = a.in("w_hh", w_hh, "GU"),
                *H = cell ? nullptr : a.in("h", h, "TNU"), *A = a.in("gates", gates, "TNQ");
        T *DX = a.gradient("dx", dx, "TNI"), *DH0 = a.gradient("dh0", dh0, "NU"), *DWI = a.out("dw_ih", dw_ih, "GI"),
          *DWH = a.out("dw_hh", dw_hh, "GU"), *DBI = a.dbias("db_ih", db_ih), *DBH = a.dbias("db_hh", db_hh);
        unlocked([&] { cuarzo::gru_backward<T>(a.sequence(), DH, X, H0, WI, WH, H, A, DX, DH0, DWI, DWH, DBI, DBH); });
    });
}

} // namespace cuarzo::border
