"""Differentiable functions, under torch.nn.functional's names: each checks, allocates, calls one kernel, and returns
the closure of its backward pass.

    linear.py                     layers with weights
    conv.py conv_transpose.py     convolution as networks use it, and signal.py: as signal processing does
    pool.py adaptive.py unpool.py resample.py     windows and sizes
    recurrent.py recurrent_cell.py     sequences and single steps; recurrence.py: what they share
    norm.py embedding.py          normalisation, tables
    activation.py dropout.py      functions of the elements
    loss.py                       losses
    shape.py                      flatten, concatenate, stack, pad
    checks.py windows.py          what every op asks of its arguments, and those with windows
    arrays.py                     what ops hand to kernels
"""

from cuarzo.ops.activation import elu as elu
from cuarzo.ops.activation import gelu as gelu
from cuarzo.ops.activation import leaky_relu as leaky_relu
from cuarzo.ops.activation import log_softmax as log_softmax
from cuarzo.ops.activation import relu as relu
from cuarzo.ops.activation import sigmoid as sigmoid
from cuarzo.ops.activation import silu as silu
from cuarzo.ops.activation import softmax as softmax
from cuarzo.ops.activation import softplus as softplus
from cuarzo.ops.activation import tanh as tanh
from cuarzo.ops.adaptive import adaptive_avg_pool1d as adaptive_avg_pool1d
from cuarzo.ops.adaptive import adaptive_avg_pool2d as adaptive_avg_pool2d
from cuarzo.ops.adaptive import adaptive_avg_pool3d as adaptive_avg_pool3d
from cuarzo.ops.adaptive import adaptive_max_pool1d as adaptive_max_pool1d
from cuarzo.ops.adaptive import adaptive_max_pool2d as adaptive_max_pool2d
from cuarzo.ops.adaptive import adaptive_max_pool3d as adaptive_max_pool3d
from cuarzo.ops.conv import conv1d as conv1d
from cuarzo.ops.conv import conv2d as conv2d
from cuarzo.ops.conv import conv3d as conv3d
from cuarzo.ops.conv_transpose import conv_transpose1d as conv_transpose1d
from cuarzo.ops.conv_transpose import conv_transpose2d as conv_transpose2d
from cuarzo.ops.conv_transpose import conv_transpose3d as conv_transpose3d
from cuarzo.ops.dropout import dropout as dropout
from cuarzo.ops.embedding import embedding as embedding
from cuarzo.ops.linear import linear as linear
from cuarzo.ops.loss import binary_cross_entropy as binary_cross_entropy
from cuarzo.ops.loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from cuarzo.ops.loss import cross_entropy as cross_entropy
from cuarzo.ops.loss import mse_loss as mse_loss
from cuarzo.ops.norm import batch_norm as batch_norm
from cuarzo.ops.norm import layer_norm as layer_norm
from cuarzo.ops.norm import local_response_norm as local_response_norm
from cuarzo.ops.pool import avg_pool1d as avg_pool1d
from cuarzo.ops.pool import avg_pool2d as avg_pool2d
from cuarzo.ops.pool import avg_pool3d as avg_pool3d
from cuarzo.ops.pool import max_pool1d as max_pool1d
from cuarzo.ops.pool import max_pool2d as max_pool2d
from cuarzo.ops.pool import max_pool3d as max_pool3d
from cuarzo.ops.recurrent import gru as gru
from cuarzo.ops.recurrent import lstm as lstm
from cuarzo.ops.recurrent import reverse_time as reverse_time
from cuarzo.ops.recurrent import rnn as rnn
from cuarzo.ops.recurrent_cell import gru_cell as gru_cell
from cuarzo.ops.recurrent_cell import lstm_cell as lstm_cell
from cuarzo.ops.recurrent_cell import rnn_cell as rnn_cell
from cuarzo.ops.resample import interpolate as interpolate
from cuarzo.ops.resample import upsample as upsample
from cuarzo.ops.shape import concatenate as concatenate
from cuarzo.ops.shape import flatten as flatten
from cuarzo.ops.shape import pad as pad
from cuarzo.ops.shape import stack as stack
from cuarzo.ops.signal import convolve as convolve
from cuarzo.ops.signal import correlate as correlate
from cuarzo.ops.unpool import max_unpool1d as max_unpool1d
from cuarzo.ops.unpool import max_unpool2d as max_unpool2d
from cuarzo.ops.unpool import max_unpool3d as max_unpool3d
