// The module of one build. Each family's file beside this one defines its kernels: a line for each kernel and each of
// its rungs. All of them are compiled once per instruction set (setup.py); kernels/naive/ describes the arguments.
#include "define.hpp"

namespace cuarzo {

PYBIND11_MODULE(CUARZO_MODULE, m) {
    m.doc() = "The C++ kernels, built for one instruction set. See cuarzo.kernels.naive for what each computes.";
    pool::prepare();
    define(m, "set_num_threads", [](Index n) { set_num_threads(n); }, "n");
    define_matmul(m);
    define_conv(m);
    define_pool(m);
    define_random(m);
    define_resample(m);
    define_recurrent(m);
    define_rbm(m);
    define_activation(m);
    define_dropout(m);
    define_embedding(m);
    define_norm(m);
    define_softmax(m);
    define_update(m);
}

} // namespace cuarzo
