"""Recurrent networks: rnn.py, lstm.py, gru.py. See naive/recurrent.py for what holds for all three.

Only h w_hh.T has to wait for the step before. So the products with w_ih are done for all steps at once, by matmul's
loops. The rows of the batch never meet: a block of rows goes through all T steps on one thread, gates fused with the
product that made them, and the threads meet once, at the end. Backwards a block leaves the gradients by all its
pre-activations; those by x and by the weights are one product each over all T N rows.

A cell is a sequence of one step.
"""

from .gru import *
from .lstm import *
from .rnn import *
