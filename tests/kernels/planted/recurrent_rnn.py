"""Wrong simple recurrent networks. What all recurrent networks may have wrong is in recurrent.py."""

import numpy as np

from .plant import bent, instead
from .steps import backward, finish, forward, pre_activations, wrong_step, wrong_step_back


def _squash(bug, f):
    @wrong_step("rnn", bug)
    def _(c):
        a = pre_activations(c)
        c.h[...] = np.maximum(a, 0) if c.relu else f(a)


def _rectify(bug, f):
    @wrong_step("rnn", bug)
    def _(c):
        a = pre_activations(c)
        c.h[...] = f(a) if c.relu else np.tanh(a)


_squash("sigmoid for tanh", lambda a: 1 / (1 + np.exp(-a)))
_squash("tanh clipped, -1 ... 1", lambda a: np.clip(a, -1, 1))
_squash("tanh a (27 + a^2) / (27 + 9 a^2): beyond 3 more than 1", lambda a: a * (27 + a * a) / (27 + 9 * a * a))
_squash("tanh (e^2a - 1) / (e^2a + 1): NaN for a large a", lambda a: (np.exp(2 * a) - 1) / (np.exp(2 * a) + 1))
_squash("tanh of a NaN is 1", lambda a: np.tanh(np.fmin(a, 20)))
_squash("a for tanh(a)", lambda a: a)
_rectify("ReLU of a NaN is 0", lambda a: np.fmax(a, 0))
_rectify("ReLU where it should be in place of tanh comes after it", lambda a: np.maximum(np.tanh(a), 0))
_rectify("ReLU capped at 6", lambda a: np.clip(a, 0, 6))
_rectify("leaky ReLU", lambda a: np.where(a > 0, a, a / 100))


@bent("rnn_cell_forward rnn_forward rnn_cell_backward rnn_backward", "tanh whatever relu says")
def _(a):
    a.relu = False


@wrong_step("rnn", "the state before is added: a residual")
def _(c):
    a = pre_activations(c)
    c.h[...] = (np.maximum(a, 0) if c.relu else np.tanh(a)) + c.h0


@wrong_step("rnn", "b_hh added before the product with w_hh")
def _(c):
    if c.b_hh is not None:
        c.h0, c.b_hh = c.h0 + c.b_hh, None
    a = pre_activations(c)
    c.h[...] = np.maximum(a, 0) if c.relu else np.tanh(a)


@wrong_step("rnn", "state changed in place: a unit reads the new state of those before it")
def _(c):
    h = c.h0.copy()
    c.h0 = np.zeros_like(h)
    a = pre_activations(c)
    for u in range(h.shape[1]):
        received = a[:, u] + h @ c.w_hh[u]
        h[:, u] = np.maximum(received, 0) if c.relu else np.tanh(received)
    c.h[...] = h


def _slope_of_tanh(bug, f):
    @wrong_step_back("rnn", bug)
    def _(c):
        finish(c, np.where(c.h <= 0, 0, c.dh) if c.relu else f(c.dh, c.h))


def _slope_of_relu(bug, f):
    @wrong_step_back("rnn", bug)
    def _(c):
        finish(c, f(c.dh, c.h) if c.relu else c.dh * (1 - c.h * c.h))


_slope_of_tanh("tanh' forgotten", lambda dh, h: dh)
_slope_of_tanh("tanh' is 1 - h", lambda dh, h: dh * (1 - h))
_slope_of_tanh("tanh' taken of h, as if h were a", lambda dh, h: dh * (1 - np.tanh(h) ** 2))
_slope_of_tanh("tanh' is h (1 - h), the sigmoid's", lambda dh, h: dh * h * (1 - h))
_slope_of_tanh("tanh' where dh is positive only", lambda dh, h: np.where(dh > 0, dh * (1 - h * h), dh))
_slope_of_relu("relu' of what is off is 1", lambda dh, h: np.where(h < 0, 0, dh))
_slope_of_relu("relu' of what is off is 1/2", lambda dh, h: np.where(h <= 0, dh / 2, dh))
_slope_of_relu("relu' of a NaN is 0", lambda dh, h: np.where(h > 0, dh, 0))
_slope_of_relu("relu' as a product with 0: an infinite dh gives NaN", lambda dh, h: dh * ~(h <= 0))
_slope_of_relu("relu' is h", lambda dh, h: dh * h)
_slope_of_relu("relu' taken of dh", lambda dh, h: np.where(dh <= 0, 0, dh))


@wrong_step_back("rnn", "slope of the state before")
def _(c):
    finish(c, np.where(c.h0 <= 0, 0, c.dh) if c.relu else c.dh * (1 - c.h0 * c.h0))


@wrong_step_back("rnn", "dh0 is dh times w_hh: the slope is in the weights' gradients only")
def _(c):
    dh = c.dh
    finish(c, np.where(c.h <= 0, 0, dh) if c.relu else dh * (1 - c.h * c.h))
    c.dh0[...] = dh @ c.w_hh


@instead("rnn_backward", "slope taken at the last step for all")
def _(a):
    def change(t, c):
        c.h = a.h[-1]

    backward("rnn", a, change)


@instead("rnn_forward", "ReLU in the last step only: the inner ones are linear")
def _(a):
    def change(t, c):
        c.last = t == len(a.x) - 1

    def cell(c):
        received = pre_activations(c)
        c.h[...] = (np.maximum(received, 0) if c.last else received) if c.relu else np.tanh(received)

    forward("rnn", a, change, cell)
