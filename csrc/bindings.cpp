// The module of one build: a line for each kernel and each of its rungs. Compiled once per instruction set (setup.py);
// the arguments are described in kernels/naive/.
#include "border/conv.hpp"
#include "border/matmul.hpp"
#include "border/pool.hpp"
#include "border/random.hpp"

namespace cuarzo {

// A convolution under its own name, by the rule for its shape, and under the name of each rung.
#define CUARZO_RUNGS(kernel, ...)                                                                                      \
    define_rung<border::kernel>(m, #kernel, #kernel, nullptr, __VA_ARGS__);                                            \
    define_rung<border::kernel>(m, #kernel "_direct", #kernel, &direct, __VA_ARGS__);                                  \
    define_rung<border::kernel>(m, #kernel "_im2col", #kernel, &im2col, __VA_ARGS__)

static constexpr Rung direct = Rung::direct, im2col = Rung::im2col;

template <auto kernel, class... Handles, class... Names>
void define_with(void (*)(const char *, const Rung *, Handles...), py::module_ &m, const char *name,
                 const char *contract, const Rung *rung, Names... names) {
    m.def(name, [contract, rung](Handles... arguments) { kernel(contract, rung, arguments...); }, py::arg(names)...);
}

template <auto kernel, class... Names>
void define_rung(py::module_ &m, const char *name, const char *contract, const Rung *rung, Names... names) {
    define_with<kernel>(kernel, m, name, contract, rung, names...);
}

template <class Function, class... Names>
void define(py::module_ &m, const char *name, Function kernel, Names... names) {
    m.def(name, kernel, py::arg(names)...);
}

PYBIND11_MODULE(CUARZO_MODULE, m) {
    m.doc() = "The C++ kernels, built for one instruction set. See cuarzo.kernels.naive for what each computes.";
    pool::prepare();
    define(m, "set_num_threads", [](Index n) { set_num_threads(n); }, "n");
    define(m, "matmul", border::matmul, "a", "b", "transpose_a", "transpose_b", "c");
    CUARZO_RUNGS(conv2d_forward, "x", "w", "b", "stride", "padding", "dilation", "groups", "y");
    CUARZO_RUNGS(conv2d_backward_input, "dy", "w", "stride", "padding", "dilation", "groups", "dx");
    CUARZO_RUNGS(conv2d_backward_weight, "x", "dy", "stride", "padding", "dilation", "groups", "dw", "db");
    define(m, "max_pool2d_forward", border::max_pool2d_forward, "x", "window", "stride", "padding", "dilation", "y",
           "indices");
    define(m, "max_pool2d_backward", border::max_pool2d_backward, "dy", "x", "indices", "window", "stride", "padding",
           "dilation", "dx");
    define(m, "avg_pool2d_forward", border::avg_pool2d_forward, "x", "window", "stride", "padding", "count_include_pad",
           "y");
    define(m, "avg_pool2d_backward", border::avg_pool2d_backward, "dy", "window", "stride", "padding",
           "count_include_pad", "dx");
    define(m, "philox_uniform", border::philox_uniform, "key", "counter", "u");
}

} // namespace cuarzo
