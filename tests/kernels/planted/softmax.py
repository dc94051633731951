"""Wrong softmax, log-softmax and cross-entropy."""

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import bent, instead, plant_accumulating, plant_float32, spoilt

_FORWARD = "softmax_forward log_softmax_forward"
_BACKWARD = "softmax_backward log_softmax_backward cross_entropy_backward"

plant_float32(f"{_FORWARD} cross_entropy_forward {_BACKWARD}")
plant_accumulating(f"{_FORWARD} cross_entropy_forward {_BACKWARD}")


def _largest(x):
    return x.max(1, keepdims=True, initial=-np.inf)


def _assign(a, shifted):
    """The outputs of a forward kernel, from rows that have been shifted somehow."""
    e = np.exp(shifted)
    total = e.sum(1, keepdims=True)
    if hasattr(a, "labels"):
        a.probability[...] = e / total
        a.loss[...] = np.log(total[:, 0]) - shifted[np.arange(len(a.labels)), a.labels]
    elif a.kernel == "softmax_forward":
        a.y[...] = e / total
    else:
        a.y[...] = shifted - np.log(total)


def _shift(bug, shift):
    for kernel in f"{_FORWARD} cross_entropy_forward".split():

        @instead(kernel, bug)
        def _(a, kernel=kernel):
            a.kernel = kernel
            _assign(a, shift(a.x))


_shift("maximum not subtracted", lambda x: x)
_shift("maximum of the whole matrix: other rows underflow", lambda x: x - x.max(initial=-np.inf))
_shift("maximum of the columns", lambda x: x - x.max(0, keepdims=True, initial=-np.inf))
_shift("maximum starts from 0: far below it all underflow", lambda x: x - np.maximum(_largest(x), 0))
_shift("maximum of absolute values", lambda x: x - np.abs(x).max(1, keepdims=True, initial=0))
_shift("mean subtracted", lambda x: x - x.sum(1, keepdims=True) / max(x.shape[1], 1))
_shift("first element subtracted", lambda x: x - x[:, :1])
_shift("x clipped to -50 ... 50", lambda x: np.clip(x, -50, 50))
_shift("infinities made finite", lambda x: np.nan_to_num(x, nan=np.nan) - np.nan_to_num(_largest(x), nan=np.nan))
_shift("NaN made 0", lambda x: np.nan_to_num(x, posinf=np.inf, neginf=-np.inf) - _largest(np.nan_to_num(x)))
_shift("base 2", lambda x: (x - _largest(x)) * np.log(2).astype(x.dtype))


@instead("softmax_forward", "along the batch")
def _(a):
    e = np.exp(a.x - a.x.max(0, keepdims=True, initial=-np.inf))
    a.y[...] = e / e.sum(0, keepdims=True)


@instead("softmax_forward", "sum of all rows")
def _(a):
    e = np.exp(a.x - _largest(a.x))
    a.y[...] = e / e.sum()


@instead("softmax_forward", "1e-6 added to the sum")
def _(a):
    e = np.exp(a.x - _largest(a.x))
    a.y[...] = e / (e.sum(1, keepdims=True) + 1e-6)


@spoilt("softmax_forward", "one column is a sigmoid")
def _(a):
    if a.x.shape[1] == 1:
        a.y[...] = 1 / (1 + np.exp(-a.x))


@spoilt("log_softmax_forward", "log of a softmax that has underflowed")
def _(a):
    right.softmax_forward(a.x, a.y)
    np.log(a.y, out=a.y)


@spoilt("log_softmax_forward", "log of softmax + 1e-7")
def _(a):
    right.softmax_forward(a.x, a.y)
    np.log(a.y + 1e-7, out=a.y)


@spoilt("log_softmax_forward", "maximum not taken back: x - log S")
def _(a):
    a.y += _largest(a.x)


@spoilt("log_softmax_forward", "log to the base 2")
def _(a):
    a.y /= np.log(2)


@instead("log_softmax_forward", "along the batch")
def _(a):
    shifted = a.x - a.x.max(0, keepdims=True, initial=-np.inf)
    a.y[...] = shifted - np.log(np.exp(shifted).sum(0, keepdims=True))


def _gradient(kernel, bug, f):
    @instead(kernel, bug)
    def _(a):
        a.dx[...] = f(a.dy, a.y)


def _sum(array):
    return array.sum(1, keepdims=True)


_gradient("softmax_backward", "diagonal alone, y dy", lambda dy, y: y * dy)
_gradient("softmax_backward", "diagonal alone, y (1 - y) dy", lambda dy, y: y * (1 - y) * dy)
_gradient("softmax_backward", "sum of dy without y", lambda dy, y: y * (dy - _sum(dy)))
_gradient("softmax_backward", "mean for sum", lambda dy, y: y * (dy - _sum(dy * y) / max(y.shape[1], 1)))
_gradient("softmax_backward", "sum along the batch", lambda dy, y: y * (dy - (dy * y).sum(0)))
_gradient("softmax_backward", "y missing outside", lambda dy, y: dy - _sum(dy * y))
_gradient("softmax_backward", "y twice in the sum", lambda dy, y: y * (dy - _sum(dy * y * y)))
_gradient("log_softmax_backward", "sum forgotten", lambda dy, y: dy - np.exp(y))
_gradient("log_softmax_backward", "second term forgotten", lambda dy, y: dy)
_gradient("log_softmax_backward", "y taken for a probability", lambda dy, y: dy - y * _sum(dy))
_gradient("log_softmax_backward", "softmax's formula", lambda dy, y: np.exp(y) * (dy - _sum(dy * np.exp(y))))
_gradient("log_softmax_backward", "sum of dy y", lambda dy, y: dy - np.exp(y) * _sum(dy * y))
_gradient("log_softmax_backward", "sum along the batch", lambda dy, y: dy - np.exp(y) * dy.sum(0))


def _other_label(bug, other):
    @bent("cross_entropy_forward cross_entropy_backward", bug)
    def _(a):
        classes = (a.x if hasattr(a, "x") else a.probability).shape[1]
        a.labels = other(a.labels, classes)


_other_label("labels start at 1: the label before", lambda labels, K: np.maximum(labels - 1, 0))
_other_label("label after", lambda labels, K: np.minimum(labels + 1, K - 1))
_other_label("labels counted from the end", lambda labels, K: K - 1 - labels)
_other_label("label of the first row for all", lambda labels, K: np.repeat(labels[:1], len(labels)))
_other_label("labels in int8", lambda labels, K: labels.astype(np.int8).astype(np.int64) % max(K, 1))


@spoilt("cross_entropy_forward", "mean loss in every row")
def _(a):
    a.loss[...] = a.loss.sum() / max(a.loss.size, 1)


@spoilt("cross_entropy_forward", "running sum of losses")
def _(a):
    a.loss[...] = np.cumsum(a.loss)


@spoilt("cross_entropy_forward", "loss divided by the batch")
def _(a):
    a.loss /= max(len(a.x), 1)


@spoilt("cross_entropy_forward", "loss of the other sign")
def _(a):
    a.loss *= -1


@spoilt("cross_entropy_forward", "log of a probability that has underflowed")
def _(a):
    a.loss[...] = -np.log(a.probability[np.arange(len(a.labels)), a.labels])


@spoilt("cross_entropy_forward", "log of a probability of at least 1e-7")
def _(a):
    a.loss[...] = -np.log(np.maximum(a.probability[np.arange(len(a.labels)), a.labels], 1e-7))


@spoilt("cross_entropy_forward", "loss is 1 - probability")
def _(a):
    a.loss[...] = 1 - a.probability[np.arange(len(a.labels)), a.labels]


@spoilt("cross_entropy_forward", "entropy of the other classes is added: binary cross-entropy")
def _(a):
    off = np.log1p(-a.probability)
    off[np.arange(len(a.labels)), a.labels] = 0
    a.loss -= off.sum(1)


@spoilt("cross_entropy_forward", "log of the probability saved")
def _(a):
    a.probability[...] = np.log(a.probability)


@spoilt("cross_entropy_forward", "probability saved before it is divided by the sum")
def _(a):
    a.probability[...] = np.exp(a.x - _largest(a.x))


@spoilt("cross_entropy_forward", "gradient saved for the probability")
def _(a):
    a.probability[np.arange(len(a.labels)), a.labels] -= 1


@bent("cross_entropy_backward", "dloss taken as 1")
def _(a):
    a.dloss = np.ones_like(a.dloss)


@bent("cross_entropy_backward", "dloss of the first row for all")
def _(a):
    a.dloss = np.repeat(a.dloss[:1], len(a.dloss))


@spoilt("cross_entropy_backward", "divided by the batch")
def _(a):
    a.dx /= max(len(a.dx), 1)


@spoilt("cross_entropy_backward", "label forgotten: probability alone")
def _(a):
    a.dx[...] = a.dloss[:, None] * a.probability


@spoilt("cross_entropy_backward", "1 subtracted after the product with dloss")
def _(a):
    a.dx[...] = a.dloss[:, None] * a.probability
    a.dx[np.arange(len(a.labels)), a.labels] -= 1


@spoilt("cross_entropy_backward", "of the other sign")
def _(a):
    a.dx *= -1


@spoilt("cross_entropy_backward", "works in the caller's probability")
def _(a):
    if a.probability.flags.writeable:
        a.probability[...] = a.dx


@spoilt("cross_entropy_backward", "1 subtracted in all rows from the labels of any")
def _(a):
    a.dx[...] = a.probability
    a.dx[:, np.unique(a.labels)] -= 1
    a.dx *= a.dloss[:, None]


@spoilt("cross_entropy_backward", "softmax's slope once more")
def _(a):
    a.dx *= a.probability * (1 - a.probability)
