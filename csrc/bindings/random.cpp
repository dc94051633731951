#include "../border/random.hpp"
#include "define.hpp"

void cuarzo::define_random(py::module_ &m) {
    define(m, "philox_uniform", border::philox_uniform, "key", "counter", "u");
}
