#include "../border/resample.hpp"
#include "define.hpp"

void cuarzo::define_resample(py::module_ &m) {
    define(m, "adaptive_avg_pool_forward", border::adaptive_avg_pool_forward, "x", "y");
    define(m, "adaptive_avg_pool_backward", border::adaptive_avg_pool_backward, "dy", "dx");
    define(m, "adaptive_max_pool_forward", border::adaptive_max_pool_forward, "x", "y", "indices");
    define(m, "adaptive_max_pool_backward", border::adaptive_max_pool_backward, "dy", "indices", "dx");
    define(m, "upsample_nearest_forward", border::upsample_nearest_forward, "x", "y");
    define(m, "upsample_nearest_backward", border::upsample_nearest_backward, "dy", "dx");
    define(m, "upsample_linear_forward", border::upsample_linear_forward, "x", "align_corners", "y");
    define(m, "upsample_linear_backward", border::upsample_linear_backward, "dy", "align_corners", "dx");
    define(m, "max_unpool_forward", border::max_unpool_forward, "x", "indices", "y");
    define(m, "max_unpool_backward", border::max_unpool_backward, "dy", "indices", "dx");
}
