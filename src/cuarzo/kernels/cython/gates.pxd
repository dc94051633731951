# What rnn.pyx, lstm.pyx and gru.pyx share: the functions of the gates, in the arrays' own precision.

from cython cimport floating
from libc.math cimport exp, expf, tanh, tanhf

cdef enum:
    ROWS = 8  # of the batch in a block: few enough for many threads, enough to reuse what is loaded of the weights


cdef inline floating squash(floating a) noexcept nogil:
    if floating is float:
        return tanhf(a)
    else:
        return tanh(a)


cdef inline floating sigmoid(floating a) noexcept nogil:
    if floating is float:
        return 1 / (1 + expf(-a))
    else:
        return 1 / (1 + exp(-a))
