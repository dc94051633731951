"""Wrong activations."""

import math

import numpy as np

from cuarzo.kernels import numpy as right

from .plant import bent, instead, plant_accumulating, plant_float32, spoilt

_NAMES = "relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softplus"
_FORWARD, _BACKWARD = (" ".join(f"{name}_{way}" for name in _NAMES) for way in ("forward", "backward"))

plant_float32(f"{_FORWARD} {_BACKWARD}")
plant_accumulating(_BACKWARD)


def _output(a):
    return a.y if not hasattr(a, "dx") else a.dx


def _value(kernel, bug, f):
    @instead(f"{kernel}_forward", bug)
    def _(a):
        a.y[...] = f(a.x, a)


def _slope(kernel, bug, f):
    """f' of x or y, whichever the kernel is given."""

    @instead(f"{kernel}_backward", bug)
    def _(a):
        a.dx[...] = a.dy * f(a.x if hasattr(a, "x") else a.y, a)


def _gradient(kernel, bug, f):
    @instead(f"{kernel}_backward", bug)
    def _(a):
        a.dx[...] = f(a.dy, a.x if hasattr(a, "x") else a.y)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _overflowing(x):
    return np.exp(x) / (1 + np.exp(x))


def _density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _erf(x):
    return np.vectorize(math.erf, otypes=[float])(x).astype(x.dtype)


for _kernel in f"{_FORWARD} {_BACKWARD}".split():

    @instead(_kernel, "last K % 8 elements not computed once there are more than 8")
    def _(a, kernel=_kernel):
        out, held = _output(a), _output(a).copy()
        getattr(right, kernel)(*vars(a).values())
        if out.size > 8:
            out[out.size - out.size % 8 :] = held[out.size - out.size % 8 :]


@spoilt(_FORWARD, "NaN becomes 0")
def _(a):
    a.y[np.isnan(a.x)] = 0


@spoilt("silu_forward gelu_forward", "minus infinity has its limit, 0")
def _(a):
    a.y[a.x == -np.inf] = 0


@spoilt("silu_backward gelu_backward", "infinities have their limits, 0 and dy")
def _(a):
    a.dx[...] = np.where(np.isinf(a.x), a.dy * (a.x > 0), a.dx)


_value("relu", "product with the mask: minus infinity gives NaN", lambda x, a: x * ~(x <= 0))
_value("relu", "capped at 6", lambda x, a: np.clip(x, 0, 6))
_value("relu", "absolute value", lambda x, a: np.abs(x))
_gradient("relu", "1 at 0", lambda dy, y: np.where(y < 0, 0, dy))
_gradient("relu", "1/2 at 0", lambda dy, y: np.where(y <= 0, dy / 2, dy))
_gradient("relu", "NaN has no gradient", lambda dy, y: np.where(y > 0, dy, 0))
_gradient("relu", "product with the mask: an infinite dy gives NaN", lambda dy, y: dy * ~(y <= 0))
_gradient("relu", "dy that is negative dropped", lambda dy, y: np.where((y <= 0) | (dy < 0), 0, dy))
_gradient("relu", "times y", lambda dy, y: np.where(y <= 0, 0, dy * y))

_value("leaky_relu", "slope always 0.01", lambda x, a: np.where(x > 0, x, 0.01 * x))
_value("leaky_relu", "max(x, slope x): another branch for a slope above 1", lambda x, a: np.maximum(x, a.slope * x))
_value("leaky_relu", "slope on the positive side", lambda x, a: np.where(x > 0, a.slope * x, x))
_value("leaky_relu", "slope taken as positive", lambda x, a: np.where(x > 0, x, abs(a.slope) * x))
_slope("leaky_relu", "1 at 0", lambda x, a: np.where(x >= 0, 1, a.slope))
_slope("leaky_relu", "0 for the slope", lambda x, a: np.where(x > 0, 1, 0))
_slope("leaky_relu", "slope x", lambda x, a: np.where(x > 0, 1, a.slope * x))
_slope("leaky_relu", "1 for NaN", lambda x, a: np.where(x <= 0, a.slope, 1))

_value("elu", "alpha forgotten", lambda x, a: np.where(x > 0, x, np.expm1(x)))
_value("elu", "alpha inside the exponent", lambda x, a: np.where(x > 0, x, np.expm1(a.alpha * x)))
_value("elu", "alpha e^x - 1", lambda x, a: np.where(x > 0, x, a.alpha * np.exp(x) - 1))
_value("elu", "e^x - 1 without expm1: small x lost", lambda x, a: np.where(x > 0, x, a.alpha * (np.exp(x) - 1)))
_value("elu", "masks: e^x overflows to NaN", lambda x, a: (x > 0) * x + (x <= 0) * a.alpha * np.expm1(x))
_slope("elu", "alpha forgotten", lambda x, a: np.where(x > 0, 1, np.exp(x)))
_slope("elu", "y + 1 for y + alpha", lambda x, a: np.where(x > 0, 1, a.alpha * np.expm1(x) + 1))
_slope("elu", "1 at 0, whatever alpha", lambda x, a: np.where(x >= 0, 1, a.alpha * np.exp(x)))
_slope("elu", "alpha (e^x - 1), the value itself", lambda x, a: np.where(x > 0, 1, a.alpha * np.expm1(x)))
_slope("elu", "masks: e^x overflows to NaN", lambda x, a: (x > 0) + (x <= 0) * a.alpha * np.exp(x))

_value("sigmoid", "e^x / (1 + e^x): NaN for large x", lambda x, a: _overflowing(x))
_value("sigmoid", "x clipped to -6 ... 6", lambda x, a: _sigmoid(np.clip(x, -6, 6)))
_value("sigmoid", "hard", lambda x, a: np.clip(0.2 * x + 0.5, 0, 1))
_value("sigmoid", "clipping turns NaN into a number", lambda x, a: _sigmoid(np.fmax(np.fmin(x, 80), -80)))
_value("sigmoid", "(1 + tanh(x / 2)) / 2: the small values are lost", lambda x, a: (1 + np.tanh(x / 2)) / 2)
_value("sigmoid", "e^x for e^-x", lambda x, a: _sigmoid(-x))
_slope("sigmoid", "of y, as if it were x", lambda y, a: _sigmoid(y) * (1 - _sigmoid(y)))
_slope("sigmoid", "1 - y^2, which is tanh's", lambda y, a: 1 - y * y)
_slope("sigmoid", "at least 0.001, to keep the gradient alive", lambda y, a: np.maximum(y * (1 - y), 1e-3))
_slope("sigmoid", "y", lambda y, a: y)

_value("tanh", "(e^2x - 1) / (e^2x + 1): NaN for large x", lambda x, a: 2 * _overflowing(2 * x) - 1)
_value("tanh", "of e^-2|x|: small x lost", lambda x, a: np.sign(x) * (2 / (1 + np.exp(-2 * np.abs(x))) - 1))
_value("tanh", "x (27 + x^2) / (27 + 9 x^2)", lambda x, a: x * (27 + x * x) / (27 + 9 * x * x))
_value("tanh", "clipped x", lambda x, a: np.clip(x, -1, 1))
_value("tanh", "scaled, 1.7159 tanh(2 x / 3)", lambda x, a: 1.7159 * np.tanh(2 * x / 3))
_slope("tanh", "1 - y", lambda y, a: 1 - y)
_slope("tanh", "of y, as if it were x", lambda y, a: 1 - np.tanh(y) ** 2)
_slope("tanh", "y (1 - y), the sigmoid's", lambda y, a: y * (1 - y))
_slope("tanh", "(1 - y^2)^2", lambda y, a: (1 - y * y) ** 2)

for _way in ("forward", "backward"):
    for _flag in (True, False):

        @bent(f"gelu_{_way}", f"approximate is always {_flag}")
        def _(a, flag=_flag):
            a.approximate = flag

    @bent(f"gelu_{_way}", "approximate the wrong way round")
    def _(a):
        a.approximate = not a.approximate


def _gelu(bug, approximate, f, kernel=_value):
    """Wrong in one of the two forms."""
    plain = right.gelu_forward if kernel is _value else right.gelu_backward

    def either(x, a):
        if a.approximate == approximate:
            return f(x)
        made = np.empty_like(x)
        plain(*(() if kernel is _value else (np.ones_like(x),)), x, a.approximate, made)
        return made

    kernel("gelu", bug, either)


_ROOT = math.sqrt(2 / math.pi)


def _form(x, root=_ROOT, cubic=0.044715, power=3):
    return x / 2 * (1 + np.tanh(root * (x + cubic * x**power)))


def _form_slope(x, inner=lambda x: 1 + 3 * 0.044715 * x * x, root=_ROOT):
    t = np.tanh(_ROOT * (x + 0.044715 * x**3))
    return (1 + t) / 2 + x / 2 * (1 - t * t) * root * inner(x)


_gelu("x s(1.702 x) for the approximate form", True, lambda x: x * _sigmoid(1.702 * x))
_gelu("approximate form with x^2 for x^3", True, lambda x: _form(x, power=2))
_gelu("approximate form with 0.0044715", True, lambda x: _form(x, cubic=0.0044715))
_gelu("approximate form with sqrt(1 / pi)", True, lambda x: _form(x, root=math.sqrt(1 / math.pi)))
_gelu("approximate form by 1 + tanh: the small values are lost", True, _form)
_gelu("erf of x, not of x / sqrt 2", False, lambda x: x / 2 * (1 + _erf(x)))
_gelu("1 + erf: the small values are lost", False, lambda x: x / 2 * (1 + _erf(x / math.sqrt(2))))
_gelu("Phi alone", False, lambda x: (1 + _erf(x / math.sqrt(2))) / 2)
_gelu("slope without x phi(x)", False, lambda x: (1 + _erf(x / math.sqrt(2))) / 2, _slope)
_gelu("slope without x", False, lambda x: (1 + _erf(x / math.sqrt(2))) / 2 + _density(x), _slope)
_gelu("density without sqrt(2 pi)", False, lambda x: (1 + _erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2), _slope)
_gelu("density e^-x^2", False, lambda x: (1 + _erf(x / math.sqrt(2))) / 2 + x * _density(math.sqrt(2) * x), _slope)
_gelu("approximate slope without g'", True, lambda x: _form_slope(x, inner=np.ones_like, root=1), _slope)
_gelu("approximate slope without the cubic's", True, lambda x: _form_slope(x, inner=np.ones_like), _slope)
_gelu("approximate slope with 0.044715 x^2", True, lambda x: _form_slope(x, lambda x: 1 + 0.044715 * x * x), _slope)

_value("silu", "x s(1.702 x)", lambda x, a: x * _sigmoid(1.702 * x))
_value("silu", "x e^x / (1 + e^x): NaN for large x", lambda x, a: x * _overflowing(x))
_value("silu", "s(x) alone", lambda x, a: _sigmoid(x))
_value("silu", "x relu6(x + 3) / 6, the hard one", lambda x, a: x * np.clip(x + 3, 0, 6) / 6)
_slope("silu", "s(x) alone", lambda x, a: _sigmoid(x))
_slope("silu", "s(x) (1 + x s(x))", lambda x, a: _sigmoid(x) * (1 + x * _sigmoid(x)))
_slope("silu", "s(x) + x s(-x)", lambda x, a: _sigmoid(x) + x * _sigmoid(-x))
_slope("silu", "s(x) (1 - x s(-x))", lambda x, a: _sigmoid(x) * (1 - x * _sigmoid(-x)))

for _way in ("forward", "backward"):

    @bent(f"softplus_{_way}", "no threshold")
    def _(a):
        a.threshold = 1e30

    @bent(f"softplus_{_way}", "threshold of x, not beta x")
    def _(a):
        a.threshold *= a.beta

    @bent(f"softplus_{_way}", "beta forgotten")
    def _(a):
        a.beta = 1.0


def _softplus(bug, f):
    _value("softplus", bug, lambda x, a: np.where(a.beta * x > a.threshold, x, f(a.beta * x, a.beta)))


_softplus("not divided by beta", lambda z, beta: np.logaddexp(0, z))
_softplus("e^z overflows below a large threshold", lambda z, beta: np.log1p(np.exp(z)) / beta)
_softplus(
    "log(1 + e^z) without log1p: small values are lost",
    lambda z, beta: (np.maximum(z, 0) + np.log(1 + np.exp(-np.abs(z)))) / beta,
)
_softplus("0 below -9", lambda z, beta: np.where(z < -9, 0, np.logaddexp(0, z)) / beta)
_value(
    "softplus",
    "x where beta x is the threshold",
    lambda x, a: np.where(a.beta * x >= a.threshold, x, np.logaddexp(0, a.beta * x) / a.beta),
)
_slope(
    "softplus",
    "1 where beta x is the threshold",
    lambda x, a: np.where(a.beta * x >= a.threshold, 1, _sigmoid(a.beta * x)),
)
_slope("softplus", "times beta", lambda x, a: np.where(a.beta * x > a.threshold, 1, a.beta * _sigmoid(a.beta * x)))
_slope("softplus", "e^z / (1 + e^z): NaN", lambda x, a: np.where(a.beta * x > a.threshold, 1, _overflowing(a.beta * x)))
_slope("softplus", "s(-z)", lambda x, a: np.where(a.beta * x > a.threshold, 1, _sigmoid(-a.beta * x)))
