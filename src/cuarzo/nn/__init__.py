"""Layers and losses: objects that own parameters and call one op, under torch.nn's names.

module.py      Module, Parameter, Buffer: finding, saving and loading what a network owns
sequential.py  Sequential
container.py   Sum and Concatenate, of branches
linear.py conv.py conv_transpose.py pool.py resample.py dropout.py activation.py loss.py     the layers
recurrent.py recurrent_cell.py jordan.py norm.py embedding.py     more of them
summary.py     the table of a network's layers
"""

from cuarzo.nn.activation import ELU as ELU
from cuarzo.nn.activation import GELU as GELU
from cuarzo.nn.activation import Identity as Identity
from cuarzo.nn.activation import LeakyReLU as LeakyReLU
from cuarzo.nn.activation import LogSoftmax as LogSoftmax
from cuarzo.nn.activation import ReLU as ReLU
from cuarzo.nn.activation import Sigmoid as Sigmoid
from cuarzo.nn.activation import SiLU as SiLU
from cuarzo.nn.activation import Softmax as Softmax
from cuarzo.nn.activation import Softplus as Softplus
from cuarzo.nn.activation import Tanh as Tanh
from cuarzo.nn.container import Concatenate as Concatenate
from cuarzo.nn.container import Sum as Sum
from cuarzo.nn.conv import Conv1d as Conv1d
from cuarzo.nn.conv import Conv2d as Conv2d
from cuarzo.nn.conv import Conv3d as Conv3d
from cuarzo.nn.conv_transpose import ConvTranspose1d as ConvTranspose1d
from cuarzo.nn.conv_transpose import ConvTranspose2d as ConvTranspose2d
from cuarzo.nn.conv_transpose import ConvTranspose3d as ConvTranspose3d
from cuarzo.nn.dropout import Dropout as Dropout
from cuarzo.nn.embedding import Embedding as Embedding
from cuarzo.nn.jordan import Jordan as Jordan
from cuarzo.nn.linear import Flatten as Flatten
from cuarzo.nn.linear import Linear as Linear
from cuarzo.nn.loss import BCELoss as BCELoss
from cuarzo.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from cuarzo.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from cuarzo.nn.loss import MSELoss as MSELoss
from cuarzo.nn.module import Buffer as Buffer
from cuarzo.nn.module import Module as Module
from cuarzo.nn.module import Parameter as Parameter
from cuarzo.nn.norm import BatchNorm1d as BatchNorm1d
from cuarzo.nn.norm import BatchNorm2d as BatchNorm2d
from cuarzo.nn.norm import BatchNorm3d as BatchNorm3d
from cuarzo.nn.norm import LayerNorm as LayerNorm
from cuarzo.nn.norm import LocalResponseNorm as LocalResponseNorm
from cuarzo.nn.pool import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from cuarzo.nn.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from cuarzo.nn.pool import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from cuarzo.nn.pool import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from cuarzo.nn.pool import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from cuarzo.nn.pool import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from cuarzo.nn.pool import AvgPool1d as AvgPool1d
from cuarzo.nn.pool import AvgPool2d as AvgPool2d
from cuarzo.nn.pool import AvgPool3d as AvgPool3d
from cuarzo.nn.pool import MaxPool1d as MaxPool1d
from cuarzo.nn.pool import MaxPool2d as MaxPool2d
from cuarzo.nn.pool import MaxPool3d as MaxPool3d
from cuarzo.nn.pool import MaxUnpool1d as MaxUnpool1d
from cuarzo.nn.pool import MaxUnpool2d as MaxUnpool2d
from cuarzo.nn.pool import MaxUnpool3d as MaxUnpool3d
from cuarzo.nn.pool import Subsample2d as Subsample2d
from cuarzo.nn.recurrent import GRU as GRU
from cuarzo.nn.recurrent import LSTM as LSTM
from cuarzo.nn.recurrent import RNN as RNN
from cuarzo.nn.recurrent_cell import GRUCell as GRUCell
from cuarzo.nn.recurrent_cell import LSTMCell as LSTMCell
from cuarzo.nn.recurrent_cell import RNNCell as RNNCell
from cuarzo.nn.resample import Upsample as Upsample
from cuarzo.nn.sequential import Sequential as Sequential
