#include "../border/norm.hpp"
#include "define.hpp"

void cuarzo::define_norm(py::module_ &m) {
    define(m, "batch_norm_forward", border::batch_norm_forward, "x", "weight", "bias", "eps", "y", "mean", "variance");
    define(m, "batch_norm_backward", border::batch_norm_backward, "dy", "x", "weight", "mean", "variance", "eps", "dx",
           "dweight", "dbias");
    define(m, "layer_norm_forward", border::layer_norm_forward, "x", "weight", "bias", "eps", "y", "mean", "variance");
    define(m, "layer_norm_backward", border::layer_norm_backward, "dy", "x", "weight", "mean", "variance", "eps", "dx",
           "dweight", "dbias");
    define(m, "local_response_norm_forward", border::local_response_norm_forward, "x", "size", "alpha", "beta", "k",
           "y", "scale");
    define(m, "local_response_norm_backward", border::local_response_norm_backward, "dy", "x", "scale", "size", "alpha",
           "beta", "k", "dx");
}
