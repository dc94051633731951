#include "../border/matmul.hpp"
#include "define.hpp"

void cuarzo::define_matmul(py::module_ &m) {
    define(m, "matmul", border::matmul, "a", "b", "transpose_a", "transpose_b", "c");
}
