"""Recurrent networks: rnn.py, lstm.py, gru.py. See naive/recurrent.py for what holds for all three.

Only h w_hh.T has to wait for the step before. So the products with w_ih are done for all steps at once, T N rows in one
BLAS product, and a step is one small product and some arithmetic on all gates together. Backwards likewise: a step
computes the gradients by its pre-activations and one product with w_hh; the gradients by x and by the weights are one
product each at the end, over all T N rows.

A cell is a sequence of one step.
"""

from .gru import *
from .lstm import *
from .rnn import *
