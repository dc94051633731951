#include "../border/pool.hpp"
#include "define.hpp"

namespace cuarzo {

template <auto kernel, class... Handles, class... Names>
void define_named(void (*)(const char *, Handles...), py::module_ &m, const char *name, Names... names) {
    m.def(name, [name](Handles... arguments) { kernel(name, arguments...); }, py::arg(names)...);
}

#define CUARZO_POOL(n, kind, way, ...)                                                                                 \
    define_named<border::kind##_pool_##way<n>>(border::kind##_pool_##way<n>, m, #kind "_pool" #n "d_" #way, __VA_ARGS__)

#define CUARZO_POOLS(n)                                                                                                \
    CUARZO_POOL(n, max, forward, "x", "window", "stride", "padding", "dilation", "y", "indices");                      \
    CUARZO_POOL(n, max, backward, "dy", "x", "indices", "window", "stride", "padding", "dilation", "dx");              \
    CUARZO_POOL(n, avg, forward, "x", "window", "stride", "padding", "count_include_pad", "y");                        \
    CUARZO_POOL(n, avg, backward, "dy", "window", "stride", "padding", "count_include_pad", "dx")

void define_pool(py::module_ &m) {
    CUARZO_POOLS(1);
    CUARZO_POOLS(2);
    CUARZO_POOLS(3);
}

} // namespace cuarzo
