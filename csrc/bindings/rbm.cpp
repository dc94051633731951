#include "../border/rbm.hpp"
#include "define.hpp"

void cuarzo::define_rbm(py::module_ &m) {
    define(m, "rbm_hidden", border::rbm_hidden, "v", "w", "b", "key", "counter", "mean", "sample");
    define(m, "rbm_visible", border::rbm_visible, "h", "w", "a", "gaussian", "key", "counter", "mean", "sample");
    define(m, "rbm_gibbs", border::rbm_gibbs, "h", "w", "a", "b", "gaussian", "steps", "key", "counter", "v_mean",
           "v_sample", "h_mean", "h_sample");
    define(m, "rbm_free_energy", border::rbm_free_energy, "v", "w", "a", "b", "gaussian", "f");
    define(m, "rbm_gradient", border::rbm_gradient, "v", "h", "v_chain", "h_chain", "dw", "da", "db");
}
