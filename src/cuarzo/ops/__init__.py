"""Differentiable functions, under torch.nn.functional's names: each checks, allocates, calls one kernel, and returns
the closure of its backward pass.

    linear.py conv.py pool.py     layers with weights and windows
    activation.py dropout.py      functions of the elements
    loss.py                       losses
    shape.py                      flatten, concatenate, stack, pad
    checks.py                     what every op asks of its arguments
"""

from cuarzo.ops.activation import elu as elu
from cuarzo.ops.activation import gelu as gelu
from cuarzo.ops.activation import leaky_relu as leaky_relu
from cuarzo.ops.activation import log_softmax as log_softmax
from cuarzo.ops.activation import relu as relu
from cuarzo.ops.activation import sigmoid as sigmoid
from cuarzo.ops.activation import softmax as softmax
from cuarzo.ops.activation import softplus as softplus
from cuarzo.ops.activation import tanh as tanh
from cuarzo.ops.conv import conv2d as conv2d
from cuarzo.ops.dropout import dropout as dropout
from cuarzo.ops.linear import linear as linear
from cuarzo.ops.loss import binary_cross_entropy as binary_cross_entropy
from cuarzo.ops.loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from cuarzo.ops.loss import cross_entropy as cross_entropy
from cuarzo.ops.loss import mse_loss as mse_loss
from cuarzo.ops.pool import avg_pool2d as avg_pool2d
from cuarzo.ops.pool import max_pool2d as max_pool2d
from cuarzo.ops.shape import concatenate as concatenate
from cuarzo.ops.shape import flatten as flatten
from cuarzo.ops.shape import pad as pad
from cuarzo.ops.shape import stack as stack
