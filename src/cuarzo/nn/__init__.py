"""Layers and losses: objects that own parameters and call one op, under torch.nn's names.

module.py      Module and Parameter: finding, saving and loading what a network owns
sequential.py  Sequential
linear.py conv.py pool.py dropout.py activation.py loss.py     the layers, each its own equation
summary.py     the table of a network's layers
"""

from cuarzo.nn.activation import ELU as ELU
from cuarzo.nn.activation import GELU as GELU
from cuarzo.nn.activation import Identity as Identity
from cuarzo.nn.activation import LeakyReLU as LeakyReLU
from cuarzo.nn.activation import LogSoftmax as LogSoftmax
from cuarzo.nn.activation import ReLU as ReLU
from cuarzo.nn.activation import Sigmoid as Sigmoid
from cuarzo.nn.activation import Softmax as Softmax
from cuarzo.nn.activation import Softplus as Softplus
from cuarzo.nn.activation import Tanh as Tanh
from cuarzo.nn.conv import Conv2d as Conv2d
from cuarzo.nn.dropout import Dropout as Dropout
from cuarzo.nn.linear import Flatten as Flatten
from cuarzo.nn.linear import Linear as Linear
from cuarzo.nn.loss import BCELoss as BCELoss
from cuarzo.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from cuarzo.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from cuarzo.nn.loss import MSELoss as MSELoss
from cuarzo.nn.module import Module as Module
from cuarzo.nn.module import Parameter as Parameter
from cuarzo.nn.pool import AvgPool2d as AvgPool2d
from cuarzo.nn.pool import MaxPool2d as MaxPool2d
from cuarzo.nn.sequential import Sequential as Sequential
