"""Wrong updates of parameters."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.contracts import CONTRACTS

from .plant import bent, instead, plant_float32, spoilt

_ALL = "sgd_update rmsprop_update adam_update"

plant_float32(_ALL)


def _decay(a):
    """0 where there is none, also of a parameter that is not finite."""
    return a.weight_decay * a.parameter if a.weight_decay else 0


def _also(bug, change, kernels=_ALL):
    bent(kernels, bug)(change)


_also("weight decay forgotten", lambda a: setattr(a, "weight_decay", 0.0))
_also("weight decay of the other sign", lambda a: setattr(a, "weight_decay", -a.weight_decay))
_also("weight decay taken twice", lambda a: setattr(a, "weight_decay", 2 * a.weight_decay))
_also("weight decay times lr: lr twice", lambda a: setattr(a, "weight_decay", a.lr * a.weight_decay))
_also("gradient clipped to -1 ... 1", lambda a: setattr(a, "gradient", np.clip(a.gradient, -1, 1)))
_also("NaN in the gradient skipped", lambda a: setattr(a, "gradient", np.nan_to_num(a.gradient)))
_also("lr always 0.001", lambda a: setattr(a, "lr", 0.001))

for _kernel in _ALL.split():

    @instead(_kernel, "climbs")
    def _(a, kernel=_kernel):
        old = a.parameter.copy()
        getattr(right, kernel)(*vars(a).values())
        a.parameter[...] = 2 * old - a.parameter

    @instead(_kernel, "last K % 4 elements left as they are where there are more than 4")
    def _(a, kernel=_kernel):
        size = a.gradient.size
        whole = size - size % 4 if size > 4 else size
        arrays = {name: v[:whole] for name, v in vars(a).items() if isinstance(v, np.ndarray)}
        getattr(right, kernel)(*(vars(a) | arrays).values())

    @instead(_kernel, "decay added to the caller's gradient")
    def _(a, kernel=_kernel):
        g = a.gradient + a.gradient.dtype.type(a.weight_decay) * a.parameter
        getattr(right, kernel)(*vars(a).values())
        if a.gradient.flags.writeable:
            a.gradient[...] = g

    for _state in ("velocity", "mean", "square", "largest"):
        if _state in CONTRACTS[_kernel].in_place:

            @instead(_kernel, f"{_state} not written back")
            def _(a, kernel=_kernel, state=_state):
                old = getattr(a, state)
                if old is not None:
                    setattr(a, state, old.copy())
                getattr(right, kernel)(*vars(a).values())

            @instead(_kernel, f"{_state} is 0 before every step")
            def _(a, kernel=_kernel, state=_state):
                if getattr(a, state) is not None and not getattr(a, "first", False):
                    getattr(a, state)[...] = 0
                getattr(right, kernel)(*vars(a).values())


def _decay_after(kernel):
    """Decay that goes straight to the parameter, as AdamW's."""

    @instead(kernel, "weight decay decoupled")
    def _(a):
        decay, a.weight_decay = a.lr * a.weight_decay, 0.0
        a.parameter *= 1 - decay
        getattr(right, kernel)(*vars(a).values())


_decay_after("sgd_update")
_decay_after("rmsprop_update")


def _sgd(bug, v=None, d=None, g=None):
    """Wrong formulas: the new velocity, the direction, the gradient."""
    g = g or (lambda a: a.gradient + _decay(a) + a.l1 * np.nan_to_num(np.sign(a.parameter)))
    v = v or (lambda a, g: g if a.first else a.momentum * a.velocity + (1 - a.dampening) * g)
    d = d or (lambda a, g, v: g + a.momentum * v if a.nesterov else v)

    @instead("sgd_update", bug)
    def _(a):
        grad = g(a)
        direction = grad
        if a.velocity is not None:
            velocity = v(a, grad)
            direction = d(a, grad, velocity)
            a.velocity[...] = velocity
        a.parameter[...] -= a.lr * direction


def _running(a):
    """The velocity before the step."""
    return 0 * a.gradient if a.first else a.velocity


_sgd("dampening at the first step too", v=lambda a, g: a.momentum * _running(a) + (1 - a.dampening) * g)
_sgd("first step reads the velocity", v=lambda a, g: a.momentum * a.velocity + (1 - a.dampening) * g)
_sgd("every step is the first", v=lambda a, g: g)
_sgd("dampening forgotten", v=lambda a, g: a.momentum * _running(a) + g)
_sgd("dampening of the velocity", v=lambda a, g: g if a.first else (1 - a.dampening) * a.momentum * a.velocity + g)
_sgd("1 - momentum for 1 - dampening", v=lambda a, g: a.momentum * _running(a) + (1 if a.first else 1 - a.momentum) * g)
_sgd("velocity holds lr v", v=lambda a, g: a.momentum * _running(a) + a.lr * g, d=lambda a, g, v: v / (a.lr or 1))
_sgd("velocity of the gradient without its decay", v=lambda a, g: a.momentum * _running(a) + a.gradient)
_sgd("nesterov ignored", d=lambda a, g, v: v)
_sgd("nesterov always", d=lambda a, g, v: g + a.momentum * v)
_sgd("nesterov not at the first step", d=lambda a, g, v: g + a.momentum * v if a.nesterov and not a.first else v)
_sgd("nesterov with the old velocity", d=lambda a, g, v: g + a.momentum * _running(a) if a.nesterov else v)
_sgd("nesterov without momentum's factor", d=lambda a, g, v: g + v if a.nesterov else v)
_sgd("nesterov v + momentum g", d=lambda a, g, v: v + a.momentum * g if a.nesterov else v)
_sgd("nesterov's gradient dampened", d=lambda a, g, v: (1 - a.dampening) * g + a.momentum * v if a.nesterov else v)
_sgd("no decay without momentum", g=lambda a: _decayed(a) if a.velocity is not None else a.gradient)
_sgd("l1 of the other sign", g=lambda a: _decayed(a, -1))
_sgd("l1 forgotten", g=lambda a: _decayed(a, 0))
_sgd("l1 times p", g=lambda a: a.gradient + (a.weight_decay + a.l1) * a.parameter)
_sgd("l1 of the gradient's sign", g=lambda a: _decayed(a, 0) + a.l1 * np.sign(a.gradient))
_sgd("l1 pulls at 0 too", g=lambda a: _decayed(a, 0) + a.l1 * np.where(a.parameter < 0, -1, 1))
_sgd("l1 or weight decay, not both", g=lambda a: _decayed(a, 0) if a.weight_decay else _decayed(a))
_sgd("l1 times weight decay", g=lambda a: _decayed(a, a.weight_decay))


def _decayed(a, l1=1):
    return a.gradient + a.weight_decay * a.parameter + l1 * a.l1 * np.sign(a.parameter)


def _rmsprop(bug, s=None, m=None, spread=None, d=None, v=None):
    s = s or (lambda a, g: a.alpha * a.square + (1 - a.alpha) * g * g)
    m = m or (lambda a, g: a.alpha * a.mean + (1 - a.alpha) * g)
    spread = spread or (lambda s, m: np.maximum(s - m * m, 0))
    d = d or (lambda a, g, s: g / (np.sqrt(s) + a.eps))
    v = v or (lambda a, d: a.momentum * a.velocity + d)

    @instead("rmsprop_update", bug)
    def _(a):
        g = a.gradient + _decay(a)
        s_new = used = s(a, g)
        if a.mean is not None:
            mean = m(a, g)
            used = spread(s_new, mean)
            a.mean[...] = mean
        move = d(a, g, used)
        a.square[...] = s_new
        if a.velocity is not None:
            move = v(a, move)
            a.velocity[...] = move
        a.parameter[...] -= a.lr * move


_rmsprop("eps inside the root", d=lambda a, g, s: g / np.sqrt(s + a.eps))
_rmsprop("eps forgotten", d=lambda a, g, s: g / np.sqrt(s))
_rmsprop("eps where the root is smaller", d=lambda a, g, s: g / np.maximum(np.sqrt(s), a.eps))
_rmsprop("root forgotten", d=lambda a, g, s: g / (s + a.eps))
_rmsprop("raw gradient over the root", d=lambda a, g, s: a.gradient / (np.sqrt(s) + a.eps))
_rmsprop("square of the step before", d=lambda a, g, s: g / (np.sqrt(a.square) + a.eps))
_rmsprop("alpha and 1 - alpha exchanged", s=lambda a, g: (1 - a.alpha) * a.square + a.alpha * g * g)
_rmsprop("square of the gradient without its decay", s=lambda a, g: a.alpha * a.square + (1 - a.alpha) * a.gradient**2)
_rmsprop("squares added up, as Adagrad", s=lambda a, g: a.square + g * g)
_rmsprop("absolute gradient for its square", s=lambda a, g: a.alpha * a.square + (1 - a.alpha) * np.abs(g))
_rmsprop("centred by the mean, not its square", spread=lambda s, m: np.maximum(s - m, 0))
_rmsprop("centred form ignored", spread=lambda s, m: s)
_rmsprop("centred: less than 0 gives NaN", spread=lambda s, m: s - m * m)
_rmsprop("centred: less than 0 made positive", spread=lambda s, m: np.abs(s - m * m))
_rmsprop("centred: NaN gives 0", spread=lambda s, m: np.fmax(s - m * m, 0))
_rmsprop("mean of absolute gradients", m=lambda a, g: a.alpha * a.mean + (1 - a.alpha) * np.abs(g))
_rmsprop("mean by momentum", m=lambda a, g: a.momentum * a.mean + (1 - a.momentum) * g)
_rmsprop("momentum forgotten", v=lambda a, d: d)
_rmsprop("velocity an average", v=lambda a, d: a.momentum * a.velocity + (1 - a.momentum) * d)
_rmsprop("velocity holds lr d", v=lambda a, d: a.momentum * a.velocity + a.lr * d)
_rmsprop("nesterov", v=lambda a, d: a.momentum * (a.momentum * a.velocity + d) + d)


def _adam(bug, g=None, m=None, s=None, used=None, move=None, factor=None):
    g = g or (lambda a: a.gradient if a.decoupled else a.gradient + _decay(a))
    m = m or (lambda a, g: a.beta1 * a.mean + (1 - a.beta1) * g)
    s = s or (lambda a, g, m: a.beta2 * a.square + (1 - a.beta2) * g * g)
    used = used or (lambda a, s: (np.maximum(a.largest, s),) * 2)
    move = move or (lambda a, m, s: a.lr / _bias1(a) * m / (np.sqrt(s) / np.sqrt(_bias2(a)) + a.eps))
    factor = factor or (lambda a: 1 - a.lr * a.weight_decay if a.decoupled else 1)

    @instead("adam_update", bug)
    def _(a):
        grad = g(a)
        mean = m(a, grad)
        square = under = s(a, grad, mean)
        if a.largest is not None:
            a.largest[...], under = used(a, square)
        a.mean[...], a.square[...] = mean, square
        a.parameter[...] = factor(a) * a.parameter - move(a, mean, under)


def _bias1(a):
    return 1 - a.beta1**a.step


def _bias2(a):
    return 1 - a.beta2**a.step


_adam("bias not corrected", move=lambda a, m, s: a.lr * m / (np.sqrt(s) + a.eps))
_adam("bias of the mean not corrected", move=lambda a, m, s: a.lr * m / (np.sqrt(s / _bias2(a)) + a.eps))
_adam("bias of the square not corrected", move=lambda a, m, s: a.lr / _bias1(a) * m / (np.sqrt(s) + a.eps))
_adam("square's bias without its root", move=lambda a, m, s: a.lr / _bias1(a) * m / (np.sqrt(s) / _bias2(a) + a.eps))
_adam("eps inside the root", move=lambda a, m, s: a.lr / _bias1(a) * m / np.sqrt(s / _bias2(a) + a.eps))
_adam("eps forgotten", move=lambda a, m, s: a.lr / _bias1(a) * m / np.sqrt(s / _bias2(a)))
_adam(
    "eps before the bias is corrected, the paper's short form",
    move=lambda a, m, s: a.lr * np.sqrt(_bias2(a)) / _bias1(a) * m / (np.sqrt(s) + a.eps),
)
_adam(
    "beta2^t in float32",
    move=lambda a, m, s: a.lr / _bias1(a) * m / (np.sqrt(s / (1 - np.float32(a.beta2) ** a.step)) + a.eps),
)
_adam("mean of absolute gradients", m=lambda a, g: a.beta1 * a.mean + (1 - a.beta1) * np.abs(g))
_adam("mean of the raw gradient", m=lambda a, g: a.beta1 * a.mean + (1 - a.beta1) * a.gradient)
_adam("square of the mean", s=lambda a, g, m: a.beta2 * a.square + (1 - a.beta2) * m * m)
_adam("square of g - mean, as AdaBelief", s=lambda a, g, m: a.beta2 * a.square + (1 - a.beta2) * (g - m) ** 2)
_adam("square of the raw gradient", s=lambda a, g, m: a.beta2 * a.square + (1 - a.beta2) * a.gradient**2)
_adam("square with beta1", s=lambda a, g, m: a.beta1 * a.square + (1 - a.beta1) * g * g)
_adam("1 - beta2 forgotten", s=lambda a, g, m: a.beta2 * a.square + g * g)
_adam("amsgrad's largest kept, not used", used=lambda a, s: (np.maximum(a.largest, s), s))
_adam("amsgrad's largest of the step before", used=lambda a, s: (np.maximum(a.largest, s), a.largest.copy()))
_adam("amsgrad's largest of corrected squares", used=lambda a, s: (np.maximum(a.largest, s / _bias2(a)),) * 2)
_adam("amsgrad's largest loses NaN", used=lambda a, s: (np.fmax(a.largest, s),) * 2)
_adam("amsgrad's smallest", used=lambda a, s: (np.minimum(a.largest, s),) * 2)
_adam("decoupled decay without lr", factor=lambda a: 1 - a.weight_decay if a.decoupled else 1)
_adam("decay decoupled and in the gradient", g=lambda a: a.gradient + a.weight_decay * a.parameter)
_adam("decay in the parameter, whatever decoupled", factor=lambda a: 1 - a.lr * a.weight_decay)
_adam("decoupled decay grows", factor=lambda a: 1 + a.lr * a.weight_decay if a.decoupled else 1)

_also("decoupled as L2", lambda a: setattr(a, "decoupled", False), "adam_update")
_also("L2 as decoupled", lambda a: setattr(a, "decoupled", True), "adam_update")
_also("step one late: t + 1", lambda a: setattr(a, "step", a.step + 1), "adam_update")
_also("step counted from 0, and 0 taken as 1", lambda a: setattr(a, "step", max(a.step - 1, 1)), "adam_update")
_also("step always 1", lambda a: setattr(a, "step", 1), "adam_update")
_also("beta1 and beta2 exchanged", lambda a: vars(a).update(beta1=a.beta2, beta2=a.beta1), "adam_update")


@spoilt("adam_update", "decay once more, after the step")
def _(a):
    if a.decoupled:
        a.parameter *= 1 - a.lr * a.weight_decay


@instead("adam_update", "decoupled decay of the new parameter")
def _(a):
    decay, decoupled = a.lr * a.weight_decay, a.decoupled
    if decoupled:
        a.weight_decay = 0.0
    right.adam_update(*vars(a).values())
    if decoupled:
        a.parameter *= 1 - decay
