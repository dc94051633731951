#include "../border/embedding.hpp"
#include "define.hpp"

void cuarzo::define_embedding(py::module_ &m) {
    define(m, "embedding_forward", border::embedding_forward, "indices", "weight", "y");
    define(m, "embedding_backward", border::embedding_backward, "dy", "indices", "padding_index", "dweight");
}
