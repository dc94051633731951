#include "../border/update.hpp"
#include "define.hpp"

void cuarzo::define_update(py::module_ &m) {
    define(m, "sgd_update", border::sgd_update, "gradient", "lr", "momentum", "dampening", "weight_decay", "nesterov",
           "l1", "first", "parameter", "velocity");
    define(m, "rmsprop_update", border::rmsprop_update, "gradient", "lr", "alpha", "eps", "weight_decay", "momentum",
           "parameter", "square", "mean", "velocity");
    define(m, "adam_update", border::adam_update, "gradient", "lr", "beta1", "beta2", "eps", "weight_decay",
           "decoupled", "step", "parameter", "mean", "square", "largest");
}
