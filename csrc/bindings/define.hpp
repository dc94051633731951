// How a kernel gets its Python name; and the families that do so, each in a file of its own.
#pragma once
#include "../arrays.hpp"
#include "../parallel.hpp"

namespace cuarzo {

template <class Function, class... Names>
void define(py::module_ &m, const char *name, Function kernel, Names... names) {
    m.def(name, kernel, py::arg(names)...);
}

void define_matmul(py::module_ &m);
void define_conv(py::module_ &m);
void define_pool(py::module_ &m);
void define_random(py::module_ &m);
void define_resample(py::module_ &m);
void define_recurrent(py::module_ &m);
void define_rbm(py::module_ &m);
void define_activation(py::module_ &m);
void define_dropout(py::module_ &m);
void define_embedding(py::module_ &m);
void define_norm(py::module_ &m);
void define_softmax(py::module_ &m);
void define_update(py::module_ &m);

} // namespace cuarzo
