"""Cases of the recurrent kernels: rows of different length with NaN past their end, states and biases left out.

The bounds are a running error analysis (`running.py`): the equations of the networks once more, in float64 and for all
rows at a time, on numbers that carry a bound of their error from step to step. Forwards each pre-activation rounds
(I + U + 2 terms) and passes on |w_hh| times the state's error; tanh and sigmoid shrink that by their slope. Backwards
the saved states and gates are exact inputs; the error of dh grows by |w_hh| and |dgates|, and 1 - h^2 counts with the
rounding of the 1. Weights are drawn as networks have them, of size 1 / sqrt(U), so that errors do not explode.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .family import Arguments, Draw
from .running import Rounded, product_sum

_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


class Recurrent(NamedTuple):
    T: int
    N: int
    I: int
    U: int
    relu: bool = False
    lengths: tuple[int, ...] = ()  # of each sequence; x is NaN past its end
    state: str = "hc"  # which are given: h0; c0 and dc
    b_ih: bool = True
    b_hh: bool = True
    wanted: str = "xhcb"  # backwards, of the optional outputs: dx, dh0, dc0, biases
    gain: int = 1  # of the weights and of c0: saturated gates
    special: bool = False  # row 0 reads NaN, row 1 has an infinite dh

    def make(self, kernel: str, draw: Draw) -> Arguments:
        given = self._forward_inputs(kernel, draw)
        if kernel.endswith("forward"):
            return given | self._states(kernel)
        with np.errstate(all="ignore"):  # of what is not finite
            made = {name: rounded.value for name, rounded in _forward(kernel, given, 0.0).items()}
        given |= {name: value.astype(given["x"].dtype) for name, value in made.items()}
        given |= {"dh": draw(*given["h"].shape), "dc": draw(self.N, self.U) if "c" in self.state else None}
        if self.special:
            given["dh"].reshape(-1, self.N, self.U)[-1, 1] = np.inf
        return given | self._gradients(kernel, given)

    def _forward_inputs(self, kernel: str, draw: Draw) -> Arguments:
        T, N, I, U = self[:4]
        rows, size = _GATES[kernel[: kernel.index("_")]] * U, self.gain / U**0.5
        x = draw(T, N, I)
        for n, length in enumerate(self.lengths):
            x[length:, n] = np.nan
        if self.special:
            x[0, 0, 0] = np.nan
        return {
            "x": x[0] if "cell" in kernel else x,
            "h0": draw(N, U) * 0.5 if "h" in self.state or "cell" in kernel else None,
            "c0": draw(N, U) * self.gain if "c" in self.state or "cell" in kernel else None,
            "w_ih": draw(rows, I) * size,
            "w_hh": draw(rows, U) * size,
            "b_ih": draw(rows) if self.b_ih else None,
            "b_hh": draw(rows) if self.b_hh else None,
            "lengths": np.array(self.lengths, np.int64) if self.lengths else None,
            "relu": self.relu,
        }

    def _states(self, kernel: str) -> Arguments:
        steps = () if "cell" in kernel else (self.T,)
        state = (*steps, self.N, self.U)
        return {"h": state, "c": state, "gates": (*steps, self.N, 4 * self.U)}

    def _gradients(self, kernel: str, given: Arguments) -> Arguments:
        """An output has the shape of what it is the gradient of. Cells ask for all but the biases."""
        wanted = "xhc" + self.wanted if "cell" in kernel else self.wanted
        rows, state = (len(given["w_ih"]),), (self.N, self.U)
        return {
            "dx": given["x"].shape if "x" in wanted else None,
            "dh0": state if "h" in wanted else None,
            "dc0": state if "c" in wanted else None,
            "dw_ih": given["w_ih"].shape,
            "dw_hh": given["w_hh"].shape,
            "db_ih": rows if "b" in wanted and self.b_ih else None,
            "db_hh": rows if "b" in wanted and self.b_hh else None,
        }

    def terms(self, kernel: str) -> int:
        return self.I + self.U + 2 if kernel.endswith("forward") else self.T * self.N

    def flops(self, kernel: str) -> int:
        products = 2 * self.T * self.N * _GATES[kernel[: kernel.index("_")]] * self.U * (self.I + self.U)
        return products if kernel.endswith("forward") else 2 * products


def bounds(kernel: str, settings: Recurrent, given: Arguments, expected: dict, eps: float) -> dict[str, NDArray]:
    with np.errstate(all="ignore"):  # of what is not finite
        bounded = (_forward if kernel.endswith("forward") else _backward)(kernel, given, eps)
    return {name: bounded[name].error for name in expected}


def _forward(kernel: str, given: Arguments, eps: float) -> dict[str, Rounded]:
    x, runs = _steps(kernel, given)
    T, N, _ = x.shape
    U = given["w_hh"].shape[1]
    weights = [Rounded.exact(given[name].T.astype(np.float64), eps) for name in ("w_ih", "w_hh")]
    zero = Rounded.exact(np.zeros((N, U)), eps)
    biases = [zero[:1, :1] if given[b] is None else Rounded.exact(given[b][None], eps) for b in ("b_ih", "b_hh")]
    state = {name: zero if given.get(name) is None else Rounded.exact(given[name], eps) for name in ("h0", "c0")}
    step: Callable[..., dict[str, Rounded]] = {"rnn": _rnn_step, "lstm": _lstm_step, "gru": _gru_step}[
        kernel[: kernel.index("_")]
    ]
    made: list[dict[str, Rounded]] = []
    for t in range(T):
        new = step(Rounded.exact(x[t], eps), state["h0"], state["c0"], *weights, *biases, given.get("relu", False))
        carried = {"h": state["h0"], "c": state["c0"], "gates": Rounded.exact(np.zeros((N, 4 * U)), eps)}
        made.append({name: value.where(runs[t], carried[name]) for name, value in new.items()})
        state = {"h0": made[-1]["h"], "c0": made[-1].get("c", zero)}
    return {name: _stack(kernel, [step[name] for step in made]) for name in made[0]}


def _rnn_step(x, h, _, w_ih, w_hh, b_ih, b_hh, relu: bool) -> dict[str, Rounded]:
    a = product_sum(x.eps, [(x, w_ih), (h, w_hh)], [b_ih, b_hh])
    return {"h": Rounded(np.maximum(a.value, 0), a.error, a.eps) if relu else a.tanh()}


def _lstm_step(x, h, c, w_ih, w_hh, b_ih, b_hh, _) -> dict[str, Rounded]:
    a = _blocks(product_sum(x.eps, [(x, w_ih), (h, w_hh)], [b_ih, b_hh]), 4)
    i, f, g, o = a[0].sigmoid(), a[1].sigmoid(), a[2].tanh(), a[3].sigmoid()
    c = f * c + i * g
    return {"h": o * c.tanh(), "c": c, "gates": _join([i, f, g, o])}


def _gru_step(x, h, _, w_ih, w_hh, b_ih, b_hh, __) -> dict[str, Rounded]:
    U = h.value.shape[1]
    n_rows = slice(2 * U, None)
    both = _blocks(product_sum(x.eps, [(x, w_ih), (h, w_hh)], [b_ih, b_hh]), 3)
    m = product_sum(x.eps, [(h, w_hh[:, n_rows])], [_last(b_hh, n_rows)])
    r, z = both[0].sigmoid(), both[1].sigmoid()
    n = product_sum(x.eps, [(x, w_ih[:, n_rows])], [_last(b_ih, n_rows), r * m]).tanh()
    return {"h": z.complement() * n + z * h, "gates": _join([r, z, n, m])}


def _backward(kernel: str, given: Arguments, eps: float) -> dict[str, Rounded]:
    x, runs = _steps(kernel, given)
    T, N, _ = x.shape
    U = given["w_hh"].shape[1]
    zero = np.zeros((N, U))
    saved = {name: given[name] for name in ("dh", "h", "c", "gates") if name in given}
    if "cell" in kernel:
        saved = {name: values[None] for name, values in saved.items()}
    first = {name: zero if given.get(name) is None else given[name] for name in ("h0", "c0", "dc")}
    w_ih, w_hh = Rounded.exact(given["w_ih"], eps), Rounded.exact(given["w_hh"], eps)
    d, d_cell = Rounded.exact(zero, eps), Rounded.exact(first["dc"], eps)
    back = {"rnn": _rnn_back, "lstm": _lstm_back, "gru": _gru_back}[kernel[: kernel.index("_")]]
    sides: list[tuple[Rounded, Rounded]] = []
    before = np.zeros((T, N, U))
    for t in reversed(range(T)):
        now: dict[str, Rounded] = {name: Rounded.exact(values[t], eps) for name, values in saved.items()}
        for name in ("h", "c"):
            previous = saved[name][t - 1] if t > 0 and name in saved else first[name + "0"]
            now[name + "0"] = Rounded.exact(previous, eps)
        before[t] = np.where(runs[t], now["h0"].value, 0)
        d = d + now["dh"]
        p, q, kept, cell = back(now, d, d_cell, given.get("relu", False))
        nothing = Rounded.exact(np.zeros(p.value.shape), eps)
        sides.insert(0, (p.where(runs[t], nothing), q.where(runs[t], nothing)))
        d = product_sum(eps, [(sides[0][1], w_hh)], kept).where(runs[t], d)
        d_cell = cell.where(runs[t], d_cell)
    p, q = (_stack("", list(side)) for side in zip(*sides))
    dx = product_sum(eps, [(p, w_ih)], []).where(runs, Rounded.exact(np.zeros(x.shape), eps))
    dw_ih, db_ih = _weight_sums(p, x)
    dw_hh, db_hh = _weight_sums(q, before)
    sums = {"dw_ih": dw_ih, "dw_hh": dw_hh, "db_ih": db_ih, "db_hh": db_hh}
    return {"dx": dx[0] if "cell" in kernel else dx, "dh0": d, "dc0": d_cell, **sums}


# Each returns the gradients by the pre-activations of both sides, what else reaches h0, and the gradient by c0.
def _rnn_back(now, d, d_cell, relu: bool):
    h = now["h"]
    if relu:
        da = d.where(~(h.value <= 0), Rounded.exact(np.zeros(h.value.shape), h.eps))
    else:
        da = d * (h * h).complement()
    return da, da, [], d_cell


def _lstm_back(now, d, d_cell, _):
    i, f, g, o = _blocks(now["gates"], 4)
    squashed = now["c"].tanh()
    d_cell = d_cell + d * o * (squashed * squashed).complement()
    da_i, da_f = d_cell * g * i * i.complement(), d_cell * now["c0"] * f * f.complement()
    da = _join([da_i, da_f, d_cell * i * (g * g).complement(), d * squashed * o * o.complement()])
    return da, da, [], d_cell * f


def _gru_back(now, d, d_cell, _):
    r, z, n, m = _blocks(now["gates"], 4)
    dn = d * z.complement() * (n * n).complement()
    dr, dz = dn * m * r * r.complement(), d * (now["h0"] - n) * z * z.complement()
    return _join([dr, dz, dn]), _join([dr, dz, dn * r]), [d * z], d_cell


def _steps(kernel: str, given: Arguments) -> tuple[NDArray, NDArray]:
    """x as (T, N, I), zero past the lengths; and which rows run at each step, (T, N, 1)."""
    x = given["x"][None] if "cell" in kernel else given["x"]
    T, N, _ = x.shape
    lengths = np.full(N, T) if given.get("lengths") is None else given["lengths"]
    runs = (np.arange(T)[:, None] < lengths)[:, :, None]
    return np.where(runs, x, 0).astype(np.float64), runs


def _weight_sums(da: Rounded, right: NDArray) -> tuple[Rounded, Rounded]:
    rows = da.value.shape[2]
    left = Rounded(da.value.reshape(-1, rows).T, da.error.reshape(-1, rows).T, da.eps)
    flat = right.reshape(-1, right.shape[2])
    factor, ones = (Rounded.exact(array, da.eps) for array in (flat, np.ones((len(flat), 1))))
    return product_sum(da.eps, [(left, factor)], []), product_sum(da.eps, [(left, ones)], [])[:, 0]


def _last(b: Rounded, rows: slice) -> Rounded:
    return b if b.value.shape[1] == 1 else b[:, rows]


def _blocks(a: Rounded, count: int) -> list[Rounded]:
    U = a.value.shape[1] // count
    return [a[:, k * U : (k + 1) * U] for k in range(count)]


def _join(parts: list[Rounded]) -> Rounded:
    value, error = (np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in ("value", "error"))
    return Rounded(value, error, parts[0].eps)


def _stack(kernel: str, steps: list[Rounded]) -> Rounded:
    value, error = (np.stack([getattr(step, name) for step in steps]) for name in ("value", "error"))
    stacked = Rounded(value, error, steps[0].eps)
    return stacked[0] if "cell" in kernel else stacked


_CELLS = [
    Recurrent(1, 1, 1, 1),
    Recurrent(1, 0, 2, 3),
    Recurrent(1, 3, 2, 3, b_ih=False),
    Recurrent(1, 1, 5, 16, b_hh=False),
    Recurrent(1, 3, 4, 17, b_ih=False, b_hh=False),
    Recurrent(1, 3, 1, 35),
    Recurrent(1, 19, 3, 4, wanted=""),  # more rows than a register tile has
    *(Recurrent(1, 2, I, U) for I, U in [(3, 3), (12, 3), (12, 4)]),  # w_ih is square: of rnn, lstm, gru in turn
    Recurrent(1, 4, 1, 1),  # gates of one unit, four numbers apart
    Recurrent(1, 3, 3, 5, gain=400),  # exponentials overflow
    Recurrent(1, 3, 2, 17, special=True),
]
_SEQUENCES = [
    Recurrent(1, 1, 1, 1),
    Recurrent(3, 0, 2, 3),
    Recurrent(4, 3, 2, 3),
    Recurrent(3, 1, 5, 16, state=""),
    Recurrent(2, 3, 4, 17, b_ih=False),
    Recurrent(2, 3, 1, 35, b_hh=False),
    Recurrent(6, 1, 3, 3, b_ih=False, b_hh=False, state=""),
    Recurrent(3, 3, 2, 17, wanted=""),
    Recurrent(6, 3, 2, 3, lengths=(3, 6, 1)),
    Recurrent(5, 3, 3, 16, lengths=(2, 4, 3), state=""),  # no row reaches the last step
    Recurrent(4, 1, 1, 17, lengths=(1,), wanted=""),
    Recurrent(3, 19, 2, 3, lengths=(3, 2, 1, *(2,) * 14, 3, 1)),  # more rows than a register tile has
    Recurrent(2, 19, 5, 4),
    Recurrent(2, 2, 3, 53),  # more units than a register tile has columns
    Recurrent(4, 2, 3, 5, gain=40),  # saturated gates
    Recurrent(2, 3, 3, 5, gain=400),  # exponentials overflow
    *(Recurrent(2, 2, I, U) for I, U in [(3, 3), (12, 3), (12, 4)]),  # w_ih is square: of rnn, lstm, gru in turn
    Recurrent(2, 4, 1, 1),  # gates of one unit, four numbers apart
    *(Recurrent(2, 2, 2, 3, state=state) for state in "hc"),
    *(Recurrent(2, 2, 2, 3, wanted=wanted) for wanted in "xhcb"),
    Recurrent(2, 3, 2, 17, special=True),
]
_COURSE = [
    Recurrent(4, 2, 3, 5),
    Recurrent(28, 64, 28, 128),  # rows of an image, as words of a sentence
    Recurrent(50, 32, 64, 256),
]


def _with_relu(cases: list[Recurrent]) -> list[Recurrent]:
    return [*cases, *(case._replace(relu=True) for case in cases if case.gain == 1 or case.T == 1)]


_NAMES = [f"{kind}{cell}_{way}" for kind in _GATES for cell in ("_cell", "") for way in ("forward", "backward")]
SMALL = {
    name: (_with_relu if name.startswith("rnn") else list)(_CELLS if "cell" in name else _SEQUENCES) for name in _NAMES
}
COURSE = {name: [case._replace(T=1) for case in _COURSE] if "cell" in name else _COURSE for name in _NAMES}
