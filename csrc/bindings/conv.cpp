#include "../border/conv.hpp"
#include "define.hpp"

namespace cuarzo {

static constexpr Rung direct = Rung::direct, im2col = Rung::im2col, grouped = Rung::grouped;
static constexpr Rung depthwise = Rung::depthwise, winograd = Rung::winograd, col2im = Rung::col2im;

template <auto kernel, class... Handles, class... Names>
void define_with(void (*)(const char *, const Rung *, Handles...), py::module_ &m, const char *name,
                 const char *contract, const Rung *rung, Names... names) {
    m.def(name, [contract, rung](Handles... arguments) { kernel(contract, rung, arguments...); }, py::arg(names)...);
}

template <auto kernel, class... Names>
void define_rung(py::module_ &m, const char *name, const char *contract, const Rung *rung, Names... names) {
    define_with<kernel>(kernel, m, name, contract, rung, names...);
}

// A convolution under its own name, by the rule for its shape, and under the name of each rung.
#define CUARZO_RUNGS(n, way, ...)                                                                                      \
    define_rung<border::conv_##way<n>>(m, "conv" #n "d_" #way, "conv" #n "d_" #way, nullptr, __VA_ARGS__);             \
    define_rung<border::conv_##way<n>>(m, "conv" #n "d_" #way "_direct", "conv" #n "d_" #way, &direct, __VA_ARGS__);   \
    define_rung<border::conv_##way<n>>(m, "conv" #n "d_" #way "_im2col", "conv" #n "d_" #way, &im2col, __VA_ARGS__);   \
    define_rung<border::conv_##way<n>>(m, "conv" #n "d_" #way "_grouped", "conv" #n "d_" #way, &grouped, __VA_ARGS__); \
    define_rung<border::conv_##way<n>>(m, "conv" #n "d_" #way "_depthwise", "conv" #n "d_" #way, &depthwise,           \
                                       __VA_ARGS__)

#define CUARZO_CONVOLUTION(n)                                                                                          \
    CUARZO_RUNGS(n, forward, "x", "w", "b", "stride", "padding", "dilation", "groups", "y");                           \
    CUARZO_RUNGS(n, backward_input, "dy", "w", "stride", "padding", "dilation", "groups", "dx");                       \
    define_rung<border::conv_backward_input<n>>(m, "conv" #n "d_backward_input_col2im", "conv" #n "d_backward_input",  \
                                                &col2im, "dy", "w", "stride", "padding", "dilation", "groups", "dx");  \
    CUARZO_RUNGS(n, backward_weight, "x", "dy", "stride", "padding", "dilation", "groups", "dw", "db")

void define_conv(py::module_ &m) {
    CUARZO_CONVOLUTION(1);
    CUARZO_CONVOLUTION(2);
    CUARZO_CONVOLUTION(3);
    define_rung<border::conv_forward<2>>(m, "conv2d_forward_winograd", "conv2d_forward", &winograd, "x", "w", "b",
                                         "stride", "padding", "dilation", "groups", "y");
    define_rung<border::conv_backward_input<2>>(m, "conv2d_backward_input_winograd", "conv2d_backward_input", &winograd,
                                                "dy", "w", "stride", "padding", "dilation", "groups", "dx");
    define_rung<border::conv_backward_weight<2>>(m, "conv2d_backward_weight_winograd", "conv2d_backward_weight",
                                                 &winograd, "x", "dy", "stride", "padding", "dilation", "groups", "dw",
                                                 "db");
}

} // namespace cuarzo
