"""Recurrent networks: one step (`..._cell_...`), and a whole sequence with its back-propagation through time.

    rnn.py   tanh or ReLU of a sum        lstm.py   a cell with three gates        gru.py   two gates

What holds for all three. x (T, N, I) are T steps of N sequences, h (T, N, U) the states after each step: step t reads
h[t - 1], the first one h0, and h[T - 1] is the last state. h0 = None (c0 = None) is a state of zeros, b_ih = None
(b_hh = None) a bias of zeros.

Lengths. Sequence n has lengths[n] steps, 1 ... T. Past its end, at t >= lengths[n],

    h[t, n] = h[t - 1, n],   c[t, n] = c[t - 1, n],   gates[t, n] = 0

so that the last state stands in h[T - 1] for all; x is not looked at there, not even where it is NaN, and dx = 0.

Backwards, dh[t] is the gradient of the loss by h[t], carried states included: what comes in past the end flows back to
the step that made the state. dc is the gradient by the last c alone, None if there is none. The gradients by weights
and biases are sums over t and n. Outputs that are None are not wanted.

Source: Werbos 1990, "Backpropagation through time: what it does and how to do it"; the equations of each network in its
own file. Arguments, gate orders and the two biases are torch's.
"""

from .gru import *
from .lstm import *
from .rnn import *
