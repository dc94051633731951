"""Optimisers and schedules of the learning rate, under torch.optim's names, with its order of arguments and formulas.

optimizer.py   what they share: parameters, state, zero_grad
sgd.py adaptive.py   SGD; RMSprop, Adam, AdamW
schedule.py    StepLR, LinearLR, CosineAnnealingLR, ReduceLROnPlateau
clip.py        clipping of gradients
"""

from cuarzo.optim.adaptive import Adam as Adam
from cuarzo.optim.adaptive import AdamW as AdamW
from cuarzo.optim.adaptive import RMSprop as RMSprop
from cuarzo.optim.clip import clip_grad_norm_ as clip_grad_norm_
from cuarzo.optim.clip import clip_grad_value_ as clip_grad_value_
from cuarzo.optim.optimizer import Optimizer as Optimizer
from cuarzo.optim.schedule import CosineAnnealingLR as CosineAnnealingLR
from cuarzo.optim.schedule import LinearLR as LinearLR
from cuarzo.optim.schedule import ReduceLROnPlateau as ReduceLROnPlateau
from cuarzo.optim.schedule import Schedule as Schedule
from cuarzo.optim.schedule import StepLR as StepLR
from cuarzo.optim.sgd import SGD as SGD
