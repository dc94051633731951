#include "../border/recurrent.hpp"
#include "define.hpp"

namespace cuarzo {

using H = py::handle;

// A cell is a sequence of one step: it lacks the lengths, and some backwards the h of the step itself.
static void define_rnn(py::module_ &m) {
    define(
        m, "rnn_cell_forward",
        [](H x, H h0, H w_ih, H w_hh, H b_ih, H b_hh, H relu, H h) {
            border::rnn_forward("rnn_cell_forward", true, x, h0, w_ih, w_hh, b_ih, b_hh, py::none(), relu, h);
        },
        "x", "h0", "w_ih", "w_hh", "b_ih", "b_hh", "relu", "h");
    define(
        m, "rnn_cell_backward",
        [](H dh, H x, H h0, H w_ih, H w_hh, H h, H relu, H dx, H dh0, H dw_ih, H dw_hh, H db_ih, H db_hh) {
            border::rnn_backward("rnn_cell_backward", true, dh, x, h0, w_ih, w_hh, py::none(), h, relu, dx, dh0, dw_ih,
                                 dw_hh, db_ih, db_hh);
        },
        "dh", "x", "h0", "w_ih", "w_hh", "h", "relu", "dx", "dh0", "dw_ih", "dw_hh", "db_ih", "db_hh");
    define(
        m, "rnn_forward",
        [](H x, H h0, H w_ih, H w_hh, H b_ih, H b_hh, H lengths, H relu, H h) {
            border::rnn_forward("rnn_forward", false, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, relu, h);
        },
        "x", "h0", "w_ih", "w_hh", "b_ih", "b_hh", "lengths", "relu", "h");
    define(
        m, "rnn_backward",
        [](H dh, H x, H h0, H w_ih, H w_hh, H lengths, H h, H relu, H dx, H dh0, H dw_ih, H dw_hh, H db_ih, H db_hh) {
            border::rnn_backward("rnn_backward", false, dh, x, h0, w_ih, w_hh, lengths, h, relu, dx, dh0, dw_ih, dw_hh,
                                 db_ih, db_hh);
        },
        "dh", "x", "h0", "w_ih", "w_hh", "lengths", "h", "relu", "dx", "dh0", "dw_ih", "dw_hh", "db_ih", "db_hh");
}

static void define_lstm(py::module_ &m) {
    define(
        m, "lstm_cell_forward",
        [](H x, H h0, H c0, H w_ih, H w_hh, H b_ih, H b_hh, H h, H c, H gates) {
            border::lstm_forward("lstm_cell_forward", true, x, h0, c0, w_ih, w_hh, b_ih, b_hh, py::none(), h, c, gates);
        },
        "x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "h", "c", "gates");
    define(
        m, "lstm_cell_backward",
        [](H dh, H dc, H x, H h0, H c0, H w_ih, H w_hh, H c, H gates, H dx, H dh0, H dc0, H dw_ih, H dw_hh, H db_ih,
           H db_hh) {
            border::lstm_backward("lstm_cell_backward", true, dh, dc, x, h0, c0, w_ih, w_hh, py::none(), py::none(), c,
                                  gates, dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh);
        },
        "dh", "dc", "x", "h0", "c0", "w_ih", "w_hh", "c", "gates", "dx", "dh0", "dc0", "dw_ih", "dw_hh", "db_ih",
        "db_hh");
    define(
        m, "lstm_forward",
        [](H x, H h0, H c0, H w_ih, H w_hh, H b_ih, H b_hh, H lengths, H h, H c, H gates) {
            border::lstm_forward("lstm_forward", false, x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, h, c, gates);
        },
        "x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "lengths", "h", "c", "gates");
    define(
        m, "lstm_backward",
        [](H dh, H dc, H x, H h0, H c0, H w_ih, H w_hh, H lengths, H h, H c, H gates, H dx, H dh0, H dc0, H dw_ih,
           H dw_hh, H db_ih, H db_hh) {
            border::lstm_backward("lstm_backward", false, dh, dc, x, h0, c0, w_ih, w_hh, lengths, h, c, gates, dx, dh0,
                                  dc0, dw_ih, dw_hh, db_ih, db_hh);
        },
        "dh", "dc", "x", "h0", "c0", "w_ih", "w_hh", "lengths", "h", "c", "gates", "dx", "dh0", "dc0", "dw_ih", "dw_hh",
        "db_ih", "db_hh");
}

static void define_gru(py::module_ &m) {
    define(
        m, "gru_cell_forward",
        [](H x, H h0, H w_ih, H w_hh, H b_ih, H b_hh, H h, H gates) {
            border::gru_forward("gru_cell_forward", true, x, h0, w_ih, w_hh, b_ih, b_hh, py::none(), h, gates);
        },
        "x", "h0", "w_ih", "w_hh", "b_ih", "b_hh", "h", "gates");
    define(
        m, "gru_cell_backward",
        [](H dh, H x, H h0, H w_ih, H w_hh, H gates, H dx, H dh0, H dw_ih, H dw_hh, H db_ih, H db_hh) {
            border::gru_backward("gru_cell_backward", true, dh, x, h0, w_ih, w_hh, py::none(), py::none(), gates, dx,
                                 dh0, dw_ih, dw_hh, db_ih, db_hh);
        },
        "dh", "x", "h0", "w_ih", "w_hh", "gates", "dx", "dh0", "dw_ih", "dw_hh", "db_ih", "db_hh");
    define(
        m, "gru_forward",
        [](H x, H h0, H w_ih, H w_hh, H b_ih, H b_hh, H lengths, H h, H gates) {
            border::gru_forward("gru_forward", false, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, h, gates);
        },
        "x", "h0", "w_ih", "w_hh", "b_ih", "b_hh", "lengths", "h", "gates");
    define(
        m, "gru_backward",
        [](H dh, H x, H h0, H w_ih, H w_hh, H lengths, H h, H gates, H dx, H dh0, H dw_ih, H dw_hh, H db_ih, H db_hh) {
            border::gru_backward("gru_backward", false, dh, x, h0, w_ih, w_hh, lengths, h, gates, dx, dh0, dw_ih, dw_hh,
                                 db_ih, db_hh);
        },
        "dh", "x", "h0", "w_ih", "w_hh", "lengths", "h", "gates", "dx", "dh0", "dw_ih", "dw_hh", "db_ih", "db_hh");
}

void define_recurrent(py::module_ &m) {
    define_rnn(m);
    define_lstm(m);
    define_gru(m);
}

} // namespace cuarzo
