#include "../border/softmax.hpp"
#include "define.hpp"

namespace cuarzo {

// Softmax, or its logarithm.
static void define_pair(py::module_ &m, const char *forward, const char *backward, bool log) {
    define(m, forward, [=](py::handle x, py::handle y) { border::softmax_forward(forward, log, x, y); }, "x", "y");
    define(
        m, backward,
        [=](py::handle dy, py::handle y, py::handle dx) { border::softmax_backward(backward, log, dy, y, dx); }, "dy",
        "y", "dx");
}

void define_softmax(py::module_ &m) {
    define_pair(m, "softmax_forward", "softmax_backward", false);
    define_pair(m, "log_softmax_forward", "log_softmax_backward", true);
    define(m, "cross_entropy_forward", border::cross_entropy_forward, "x", "labels", "loss", "probability");
    define(m, "cross_entropy_backward", border::cross_entropy_backward, "dloss", "probability", "labels", "dx");
}

} // namespace cuarzo
