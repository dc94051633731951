#include "../border/dropout.hpp"
#include "define.hpp"

void cuarzo::define_dropout(py::module_ &m) { define(m, "dropout", border::dropout, "x", "p", "key", "counter", "y"); }
