"""Wrong kernels: what the tests of kernels must find. Each violates its contract for some legal input, as quietly as
a student or an engineer in a hurry would. Most bend the arguments or spoil the result of a right kernel.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cuarzo.kernels import naive
from cuarzo.kernels import numpy as right
from cuarzo.kernels.numpy._windows import pad, reach, shifted
from cuarzo.kernels.numpy.pool import _divisors
from cuarzo.kernels.threads import get_num_threads


class Planted(NamedTuple):
    kernel: str
    bug: str
    function: Callable[..., None]


PLANTED: list[Planted] = []


def planted(kernel: str, bug: str) -> Callable:
    def add(function: Callable[..., None]) -> Callable[..., None]:
        PLANTED.append(Planted(kernel, bug, function))
        return function

    return add


def _fresh(kernel: Callable[..., None], *args: Any) -> np.ndarray:
    """What `kernel` writes into its last argument, which itself stays as it is."""
    made = np.empty_like(args[-1])
    kernel(*args[:-1], made)
    return made


def _low_precision(kernel: Callable[..., None], dtype: Any, *args: Any) -> np.ndarray:
    """`kernel` with every floating-point array, its last argument included, in `dtype`."""
    floating = [isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in args]
    return _fresh(kernel, *(a.astype(dtype) if f else a for a, f in zip(args, floating)))


# --- matmul -----------------------------------------------------------------------------------------------------------


@planted("matmul", "reshapes a transposed operand instead of transposing it")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a.reshape(a.shape[::-1]) if transpose_a else a, b, False, transpose_b, c)


@planted("matmul", "guesses from the shape whether b is transposed: wrong for a square b")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a, b, transpose_a, transpose_b and b.shape[0] != b.shape[1], c)


@planted("matmul", "returns at once for K = 0, c not cleared")
def _(a, b, transpose_a, transpose_b, c):
    if a.size:
        right.matmul(a, b, transpose_a, transpose_b, c)


@planted("matmul", "adds to what c held instead of assigning it")
def _(*args):
    args[-1][...] += _fresh(right.matmul, *args)


@planted("matmul", "blocks of 256 along K: each overwrites the one before it")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    c[...] = 0
    for k in range(0, A.shape[1], 256):
        c[...] = A[:, k : k + 256] @ B[k : k + 256]


@planted("matmul", "four sums at a time along K: the rest of a K that is no multiple of 4 is lost once K > 4")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    K = A.shape[1]
    whole = K if K < 4 else K - K % 4
    c[...] = A[:, :whole] @ B[:whole]


@planted("matmul", "mask of a 16-wide tail one lane short: the last column is not written for N % 16 == 15")
def _(*args):
    c = args[-1]
    whole = c.shape[1] - (c.shape[1] % 16 == 15)
    c[:, :whole] = _fresh(right.matmul, *args)[:, :whole]


@planted("matmul", "fast path for N a multiple of 8 takes four rows at a time: the last M % 4 rows are not written")
def _(*args):
    c = args[-1]
    whole = c.shape[0] - (c.shape[0] % 4 if c.shape[1] % 8 == 0 else 0)
    c[:whole] = _fresh(right.matmul, *args)[:whole]


@planted("matmul", "sums float64 in float32")
def _(*args):
    args[-1][...] = _low_precision(right.matmul, np.float32, *args)


@planted("matmul", "rounds float32 operands to 10 bits, as a tensor core would")
def _(a, b, transpose_a, transpose_b, c):
    if c.dtype == np.float32:
        a, b = ((m.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for m in (a, b))
    right.matmul(a, b, transpose_a, transpose_b, c)


@planted("matmul", "one step of Strassen: errors of the size of the largest element in all of c")
def _(a, b, transpose_a, transpose_b, c):
    A, B = a.T if transpose_a else a, b.T if transpose_b else b
    (M, K), N = A.shape, B.shape[1]
    if M % 2 or K % 2 or N % 2 or K == 0:
        right.matmul(a, b, transpose_a, transpose_b, c)
        return
    m, k, n = M // 2, K // 2, N // 2
    a11, a12, a21, a22 = A[:m, :k], A[:m, k:], A[m:, :k], A[m:, k:]
    b11, b12, b21, b22 = B[:k, :n], B[:k, n:], B[k:, :n], B[k:, n:]
    p, q, r, s = (a11 + a22) @ (b11 + b22), (a21 + a22) @ b11, a11 @ (b12 - b22), a22 @ (b21 - b11)
    t, u, v = (a11 + a12) @ b22, (a21 - a11) @ (b11 + b12), (a12 - a22) @ (b21 + b22)
    c[...] = np.block([[p + s - t + v, r + t], [q + s, p - q + r + u]])


@planted("matmul", "takes a product of an array with itself for symmetric, even when neither or both are transposed")
def _(a, b, transpose_a, transpose_b, c):
    right.matmul(a, b, transpose_a, transpose_b, c)
    if np.shares_memory(a, b) and c.shape[0] == c.shape[1]:
        c[...] = np.triu(c) + np.triu(c, 1).T


# --- conv2d_forward ---------------------------------------------------------------------------------------------------


@planted("conv2d_forward", "stride (height, width) taken as (width, height)")
def _(x, w, b, stride, *rest):
    right.conv2d_forward(x, w, b, stride[::-1], *rest)


@planted("conv2d_forward", "dilation of the height used for the width too")
def _(x, w, b, stride, padding, dilation, groups, y):
    right.conv2d_forward(x, w, b, stride, padding, (dilation[0], dilation[0]), groups, y)


@planted("conv2d_forward", "dilation dropped where it comes with a stride")
def _(x, w, b, stride, padding, dilation, groups, y):
    dilation = tuple(d if step == 1 else 1 for d, step in zip(dilation, stride))
    right.conv2d_forward(x, w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "window flipped left to right")
def _(x, w, *rest):
    right.conv2d_forward(x, w[..., ::-1], *rest)


@planted("conv2d_forward", "offset by the padding after the image instead of the padding before it")
def _(x, w, b, stride, padding, *rest):
    right.conv2d_forward(x, w, b, stride, tuple(side[::-1] for side in padding), *rest)


@planted("conv2d_forward", "window's flat index r * R + s, right for square windows only")
def _(x, w, *rest):
    F, CG, R, S = w.shape
    taps = np.minimum(np.arange(R)[:, None] * R + np.arange(S), R * S - 1)
    right.conv2d_forward(x, w.reshape(F, CG, R * S)[:, :, taps], *rest)


@planted("conv2d_forward", "right of the image reads on into the next row: only the flat index is checked")
def _(x, w, b, stride, padding, dilation, groups, y):
    N, C, H, W = x.shape
    width = max(W, reach((H, W), w.shape[2:], y.shape[2:], stride, padding, dilation)[1] - padding[1][0])
    flat = np.zeros((N, C, H * W + width), x.dtype)
    flat[:, :, : H * W] = x.reshape(N, C, H * W)
    wide = flat[:, :, np.arange(H)[:, None] * W + np.arange(width)]
    right.conv2d_forward(wide, w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "clips taps to the image's height in both axes: a wide image loses its right")
def _(x, w, *rest):
    clipped = x.copy()
    clipped[..., x.shape[2] :] = 0
    right.conv2d_forward(clipped, w, *rest)


@planted("conv2d_forward", "filters dealt to the groups in turn, f % G; right for one group and for one filter each")
def _(x, w, b, stride, padding, dilation, groups, y):
    order = np.argsort(np.arange(len(w)) % groups, kind="stable")
    bias = None if b is None else b[order]
    y[:, order] = _fresh(right.conv2d_forward, x, w[order], bias, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "group's first channel is g F/G instead of g C/G; right if F = C")
def _(x, w, b, stride, padding, dilation, groups, y):
    C, (F, CG) = x.shape[1], w.shape[:2]
    channels = [(g * (F // groups) + c) % C for g in range(groups) for c in range(CG)]
    right.conv2d_forward(x[:, channels], w, b, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "bias counted within the group: every group has the first one's")
def _(x, w, b, stride, padding, dilation, groups, y):
    bias = None if b is None else np.tile(b[: len(b) // groups], groups)
    right.conv2d_forward(x, w, bias, stride, padding, dilation, groups, y)


@planted("conv2d_forward", "last 8 columns done again for a Q that is no multiple of 8: the overlap has its bias twice")
def _(*args):
    right.conv2d_forward(*args)
    b, y = args[2], args[-1]
    Q = y.shape[3]
    if b is not None and Q > 8:
        y[..., Q - 8 : Q - Q % 8] += b[:, None, None]


@planted("conv2d_forward", "last P Q % 8 outputs of the flattened plane not written once there are more than 8")
def _(*args):
    y = args[-1]
    N, F, P, Q = y.shape
    whole = P * Q - P * Q % 8 if P * Q > 8 else P * Q
    y.reshape(N, F, P * Q)[..., :whole] = _fresh(right.conv2d_forward, *args).reshape(N, F, P * Q)[..., :whole]


@planted("conv2d_forward", "channels summed in blocks of 4 where a group has more: the rest is forgotten")
def _(x, w, *rest):
    CG = w.shape[1]
    if CG > 4:
        w = w.copy()
        w[:, CG - CG % 4 :] = 0
    right.conv2d_forward(x, w, *rest)


@planted("conv2d_forward", "two threads take N // 2 images each: the last image of an odd batch is not computed")
def _(*args):
    y = args[-1]
    count = len(y) if len(y) == 1 else len(y) // 2 * 2
    y[:count] = _fresh(right.conv2d_forward, *args)[:count]


@planted("conv2d_forward", "adds to y where there is no bias to start from")
def _(*args):
    made = _fresh(right.conv2d_forward, *args)
    if args[2] is None:
        made += args[-1]
    args[-1][...] = made


@planted("conv2d_forward", "columns of im2col kept in float16")
def _(x, *rest):
    right.conv2d_forward(x.astype(np.float16).astype(x.dtype), *rest)


@planted("conv2d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = _low_precision(right.conv2d_forward, np.float32, *args)


@planted("conv2d_forward", "turns the window round in place, for a loop that runs backwards, and leaves it so")
def _(x, w, *rest):
    right.conv2d_forward(x, w, *rest)
    w[...] = w[:, :, ::-1, ::-1].copy()


@planted("conv2d_forward", "by FFT: a large pixel anywhere costs the precision of every small one")
def _(x, w, b, stride, padding, dilation, groups, y):
    (N, F, P, Q), (CG, R, S) = y.shape, w.shape[1:]
    size = reach(x.shape[2:], (R, S), (P, Q), stride, padding, dilation)
    spread = np.zeros((F, CG, (R - 1) * dilation[0] + 1, (S - 1) * dilation[1] + 1), w.dtype)
    spread[:, :, :: dilation[0], :: dilation[1]] = w
    X = np.fft.rfft2(pad(x, size, padding))
    V = np.fft.rfft2(spread, size).conj()
    X, V = X.reshape(N, groups, CG, *X.shape[2:]), V.reshape(groups, F // groups, CG, *V.shape[2:])
    product = np.einsum("ngcij,gfcij->ngfij", X, V).reshape(N, F, *X.shape[3:])
    y[...] = shifted(np.fft.irfft2(product, size), 0, 0, (P, Q), stride, (1, 1))
    if b is not None:
        y += b[:, None, None]


# --- conv2d_backward_input --------------------------------------------------------------------------------------------


@planted("conv2d_backward_input", "window turned round once too often")
def _(dy, w, *rest):
    right.conv2d_backward_input(dy, w[:, :, ::-1, ::-1], *rest)


@planted("conv2d_backward_input", "top and left padding swapped")
def _(dy, w, stride, padding, *rest):
    right.conv2d_backward_input(dy, w, stride, padding[::-1], *rest)


@planted("conv2d_backward_input", "as a convolution of dy padded by d (R - 1) - top, taken as 0 where it is negative")
def _(dy, w, stride, padding, dilation, groups, dx):
    spans = [d * (taps - 1) for d, taps in zip(dilation, w.shape[2:])]
    padding = tuple((min(before, span), after) for (before, after), span in zip(padding, spans))
    right.conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "pixels that no window reads keep what they held")
def _(dy, w, *rest):
    read = _fresh(right.conv2d_backward_input, np.ones_like(dy), np.ones_like(w), *rest) > 0
    np.copyto(rest[-1], _fresh(right.conv2d_backward_input, dy, w, *rest), where=read)


@planted("conv2d_backward_input", "rows and columns after the last window's end keep what they held")
def _(dy, w, stride, padding, dilation, groups, dx):
    made = _fresh(right.conv2d_backward_input, dy, w, stride, padding, dilation, groups, dx)
    axes = zip(dy.shape[2:], w.shape[2:], stride, padding, dilation)
    h, k = (max((m - 1) * step + (taps - 1) * d + 1 - before, 0) for m, taps, step, (before, _), d in axes)
    dx[:, :, :h, :k] = made[:, :, :h, :k]


@planted("conv2d_backward_input", "windows that end beyond the padding (ceil mode) send nothing")
def _(dy, w, stride, padding, dilation, groups, dx):
    axes = zip(dx.shape[2:], w.shape[2:], stride, padding, dilation)
    p, q = (max((n + sum(side) - (taps - 1) * d - 1) // step + 1, 0) for n, taps, step, side, d in axes)
    dy = dy.copy()
    dy[:, :, p:], dy[..., q:] = 0, 0
    right.conv2d_backward_input(dy, w, stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "x[index] += with an index that repeats: where windows overlap, one of them counts")
def _(dy, w, stride, padding, dilation, groups, dx):
    (N, F, P, Q), (C, H, W), (CG, R, S) = dy.shape, dx.shape[1:], w.shape[1:]
    dcolumns = w.reshape(groups, F // groups, -1).swapaxes(1, 2) @ dy.reshape(N, groups, F // groups, P * Q)
    rows = (np.arange(R) * dilation[0])[:, None, None, None] + (np.arange(P) * stride[0])[:, None]
    columns = (np.arange(S) * dilation[1])[:, None, None] + np.arange(Q) * stride[1]
    padded = np.zeros((N, C, *reach((H, W), (R, S), (P, Q), stride, padding, dilation)), dx.dtype)
    padded[:, :, rows, columns] += dcolumns.reshape(N, groups * CG, R, S, P, Q)
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


@planted("conv2d_backward_input", "group's first filter is g C/G instead of g F/G; right if F = C")
def _(dy, w, stride, padding, dilation, groups, dx):
    F, CG = w.shape[:2]
    filters = [(g * CG + f) % F for g in range(groups) for f in range(F // groups)]
    right.conv2d_backward_input(dy[:, filters], w[filters], stride, padding, dilation, groups, dx)


@planted("conv2d_backward_input", "channel c of group g is c G + g; right for one group and for one channel each")
def _(*args):
    dx, groups = args[-1], args[-2]
    order = np.arange(dx.shape[1]).reshape(-1, groups).T.reshape(-1)
    dx[:, order] = _fresh(right.conv2d_backward_input, *args)


@planted("conv2d_backward_input", "adds to what dx held, for it will be accumulated anyway")
def _(*args):
    args[-1][...] += _fresh(right.conv2d_backward_input, *args)


@planted("conv2d_backward_input", "scatter 8 columns wide: the last of Q columns counts twice for Q % 8 == 1")
def _(dy, *rest):
    if dy.shape[3] > 8 and dy.shape[3] % 8 == 1:
        dy = dy.copy()
        dy[..., -1] *= 2
    right.conv2d_backward_input(dy, *rest)


@planted("conv2d_backward_input", "filters added in the order in which threads finish: other bits at each call")
def _(dy, w, *rest):
    dx = rest[-1]
    total = np.zeros_like(dx)
    for f in np.random.default_rng().permutation(len(w)):
        alone = np.zeros_like(dy)
        alone[:, f] = dy[:, f]
        total += _fresh(right.conv2d_backward_input, alone, w, *rest)
    dx[...] = total


# --- conv2d_backward_weight -------------------------------------------------------------------------------------------


@planted("conv2d_backward_weight", "stride and dilation not exchanged in the convolution of x with dy")
def _(x, dy, stride, padding, dilation, *rest):
    right.conv2d_backward_weight(x, dy, dilation, padding, stride, *rest)


@planted("conv2d_backward_weight", "db is the mean over the batch")
def _(*args):
    right.conv2d_backward_weight(*args)
    if args[-1] is not None and len(args[0]):
        args[-1][...] /= len(args[0])


@planted("conv2d_backward_weight", "db is the first image's")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    if rest[-1] is not None:
        rest[-1][...] = dy[:1].sum(axis=(0, 2, 3))


@planted("conv2d_backward_weight", "db is added to what it held")
def _(*args):
    before = None if args[-1] is None else args[-1].copy()
    right.conv2d_backward_weight(*args)
    if before is not None:
        args[-1][...] += before


@planted("conv2d_backward_weight", "dw cleared inside the loop over the batch: only the last image counts")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    right.conv2d_backward_weight(x[-1:], dy[-1:], stride, padding, dilation, groups, dw, None)


@planted("conv2d_backward_weight", "an empty batch leaves dw as it was; db is cleared")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    if len(x):
        right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    elif db is not None:
        db[...] = 0


@planted("conv2d_backward_weight", "taps below the image read its last row again")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    H = x.shape[2]
    height = reach(x.shape[2:], dw.shape[2:], dy.shape[2:], stride, padding, dilation)[0] - padding[0][0]
    x = np.pad(x, ((0, 0), (0, 0), (0, max(height - H, 0)), (0, 0)), "edge")
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)


@planted("conv2d_backward_weight", "group's first channel is g F/G instead of g C/G; right if F = C")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    (F, CG), C = dw.shape[:2], x.shape[1]
    channels = [(g * (F // groups) + c) % C for g in range(groups) for c in range(CG)]
    right.conv2d_backward_weight(x[:, channels], dy, stride, padding, dilation, groups, dw, db)


@planted("conv2d_backward_weight", "dw comes as (C/G, F, R, S) and is turned round only if its shape tells")
def _(*args):
    right.conv2d_backward_weight(*args)
    dw = args[-2]
    if dw.shape[0] == dw.shape[1]:
        dw[...] = dw.swapaxes(0, 1).copy()


@planted("conv2d_backward_weight", "sums rows of dy in vectors of 8: the rest of a row longer than 8 is lost")
def _(x, dy, stride, padding, dilation, groups, dw, db):
    right.conv2d_backward_weight(x, dy, stride, padding, dilation, groups, dw, db)
    if dy.shape[3] > 8:
        whole = dy.copy()
        whole[..., dy.shape[3] - dy.shape[3] % 8 :] = 0
        right.conv2d_backward_weight(x, whole, stride, padding, dilation, groups, dw, None)


@planted("conv2d_backward_weight", "sums over the batch into dy's first image on the way to db, which changes dy")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    if rest[-1] is not None and len(dy):
        dy[0] = dy.sum(axis=0)


@planted("conv2d_backward_weight", "sums float64 in float32")
def _(*args):
    *rest, dw, _ = args
    right.conv2d_backward_weight(*args)
    dw[...] = _low_precision(lambda *a: right.conv2d_backward_weight(*a, None), np.float32, *rest, dw)


@planted("conv2d_backward_weight", "one sum per thread, added up at the end: the bits depend on the number of threads")
def _(x, dy, *rest):
    right.conv2d_backward_weight(x, dy, *rest)
    *options, dw, _ = rest
    dw[...] = 0
    threads = get_num_threads()
    for t in range(threads):
        part = np.empty_like(dw)
        right.conv2d_backward_weight(x[t::threads], dy[t::threads], *options, part, None)
        dw += part


# --- max_pool2d_forward -----------------------------------------------------------------------------------------------


def _max_pool(x, window, stride, padding, dilation, y, indices, wins, taps=None):
    """Maximum pooling with a rule of its own: wins(tap, best, first) tells where a tap takes the window."""
    (H, W), (P, Q) = x.shape[2:], y.shape[2:]
    padded = pad(x, reach((H, W), window, (P, Q), stride, padding, dilation), padding, -np.inf)
    indices = np.empty(y.shape, np.int64) if indices is None else indices
    y[...], indices[...] = -np.inf, -1
    for r, s in np.ndindex(*window) if taps is None else taps:
        tap = shifted(padded, r, s, (P, Q), stride, dilation)
        h = (np.arange(P) * stride[0] + r * dilation[0] - padding[0][0])[:, None]
        k = np.arange(Q) * stride[1] + s * dilation[1] - padding[1][0]
        taken = (h >= 0) & (h < H) & (k >= 0) & (k < W) & wins(tap, y, indices == -1)
        np.copyto(y, tap, where=taken)
        np.copyto(indices, h * W + k, where=taken)


def _definition(tap, best, first):
    return first | (tap > best) | (np.isnan(tap) & ~np.isnan(best))


@planted("max_pool2d_forward", "ties to the last maximum")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap >= best) | (np.isnan(tap) & ~np.isnan(best)))


@planted("max_pool2d_forward", "columns outside, rows inside: ties to the first maximum in column-major order")
def _(x, window, *rest):
    taps = [(r, s) for s in range(window[1]) for r in range(window[0])]
    _max_pool(x, window, *rest, _definition, taps)


@planted("max_pool2d_forward", "a NaN is kept as the window's first element only")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap > best))


@planted("max_pool2d_forward", "the last NaN wins, not the first")
def _(*args):
    _max_pool(*args, lambda tap, best, first: first | (tap > best) | np.isnan(tap))


@planted("max_pool2d_forward", "y is NaN where it should be, with the index of the largest number")
def _(*args):
    *rest, y, _ = args
    _max_pool(*args, lambda tap, best, first: first | (tap > best) | (np.isnan(best) & ~np.isnan(tap)))
    right.max_pool2d_forward(*rest, y, None)


@planted("max_pool2d_forward", "NaN lost where no indices are asked for")
def _(*args):
    indices = args[-1]
    if indices is None:
        _max_pool(*args, lambda tap, best, first: first | (tap > best) | (np.isnan(best) & ~np.isnan(tap)))
    else:
        right.max_pool2d_forward(*args)


@planted("max_pool2d_forward", "padding is 0: it beats negative pixels, though the index stays in the image")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    inside = pad(np.ones_like(x), reach(x.shape[2:], window, y.shape[2:], stride, padding, dilation), padding)
    for r, s in np.ndindex(*window):
        np.maximum(y, 0, out=y, where=shifted(inside, r, s, y.shape[2:], stride, dilation) == 0)


@planted("max_pool2d_forward", "pixels of -inf taken for padding: index -1")
def _(*args):
    _max_pool(*args, lambda tap, best, first: (tap > best) | (np.isnan(tap) & ~np.isnan(best)))


@planted("max_pool2d_forward", "starts from the least finite number: -inf is never the result")
def _(*args):
    y = args[-2]
    right.max_pool2d_forward(*args)
    np.maximum(y, np.finfo(y.dtype).min, out=y)


@planted("max_pool2d_forward", "a window that sees only padding has index 0")
def _(*args):
    right.max_pool2d_forward(*args)
    if args[-1] is not None:
        np.maximum(args[-1], 0, out=args[-1])


@planted("max_pool2d_forward", "index within the window")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    if indices is not None:
        h, k = np.divmod(indices, x.shape[3])
        r = (h + padding[0][0] - np.arange(y.shape[2])[:, None] * stride[0]) // dilation[0]
        s = (k + padding[1][0] - np.arange(y.shape[3]) * stride[1]) // dilation[1]
        np.copyto(indices, r * window[1] + s, where=indices >= 0)


@planted("max_pool2d_forward", "index in the padded plane")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
    if indices is not None:
        (top, _), (left, after) = padding
        h, k = np.divmod(indices, x.shape[3])
        np.copyto(indices, (h + top) * (left + x.shape[3] + after) + k + left, where=indices >= 0)


@planted("max_pool2d_forward", "index h H + k, right for square images only")
def _(x, *rest):
    right.max_pool2d_forward(x, *rest)
    indices = rest[-1]
    if indices is not None:
        h, k = np.divmod(indices, x.shape[3])
        np.copyto(indices, h * x.shape[2] + k, where=indices >= 0)


@planted("max_pool2d_forward", "index counts on through the channels of an image")
def _(x, *rest):
    right.max_pool2d_forward(x, *rest)
    indices = rest[-1]
    if indices is not None:
        C, H, W = x.shape[1:]
        indices += np.where(indices >= 0, np.arange(C)[:, None, None] * (H * W), 0)


@planted("max_pool2d_forward", "dilation of height and width swapped")
def _(x, window, stride, padding, dilation, y, indices):
    right.max_pool2d_forward(x, window, stride, padding, dilation[::-1], y, indices)


@planted("max_pool2d_forward", "index of the last Q % 8 columns of more than 8 not written")
def _(*args):
    *rest, y, indices = args
    keep = None if indices is None else indices.copy()
    right.max_pool2d_forward(*rest, y, indices)
    if indices is not None and y.shape[3] > 8:
        whole = y.shape[3] - y.shape[3] % 8
        indices[..., whole:] = keep[..., whole:]


# --- max_pool2d_backward ----------------------------------------------------------------------------------------------


def _winners(dy, x, indices, *options):
    """The indices that were given, or those of the definition."""
    if indices is None:
        indices = np.empty(dy.shape, np.int64)
        right.max_pool2d_forward(x, *options, np.empty_like(dy), indices)
    return indices


@planted("max_pool2d_backward", "index -1 sends its gradient to the plane's last pixel")
def _(dy, x, indices, *rest):
    *options, dx = rest
    winners = _winners(dy, x, indices, *options)
    last = dx.shape[2] * dx.shape[3] - 1
    right.max_pool2d_backward(dy, x, np.where(winners < 0, last, winners), *options, dx)


@planted("max_pool2d_backward", "assigned, not added: a pixel that wins many windows has the last one's gradient")
def _(dy, x, indices, *rest):
    *options, dx = rest
    (N, C, P, Q), (H, W) = dy.shape, dx.shape[2:]
    winners = _winners(dy, x, indices, *options)
    planes = np.zeros((N * C, H * W + 1), dx.dtype)  # index -1 goes to the extra column
    np.put_along_axis(planes, winners.reshape(N * C, P * Q), dy.reshape(N * C, P * Q), 1)
    dx[...] = planes[:, :-1].reshape(dx.shape)


@planted("max_pool2d_backward", "without indices, all pixels equal to the maximum have the gradient; NaN has none")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    if indices is not None:
        right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)
        return
    (H, W), outputs = dx.shape[2:], dy.shape[2:]
    y = np.empty_like(dy)
    right.max_pool2d_forward(x, window, stride, padding, dilation, y, None)
    size = reach((H, W), window, outputs, stride, padding, dilation)
    padded, total = pad(x, size, padding, np.nan), np.zeros((*dx.shape[:2], *size), np.float64)
    for r, s in np.ndindex(*window):
        tap = shifted(padded, r, s, outputs, stride, dilation)
        shifted(total, r, s, outputs, stride, dilation)[...] += np.where(tap == y, dy, 0)
    (top, _), (left, _) = padding
    dx[...] = total[:, :, top : top + H, left : left + W]


@planted("max_pool2d_backward", "without indices, ties to the last maximum")
def _(dy, x, indices, *rest):
    def wins(tap, best, first):
        return first | (tap >= best) | (np.isnan(tap) & ~np.isnan(best))

    *options, dx = rest
    if indices is None:
        indices = np.empty(dy.shape, np.int64)
        _max_pool(x, *options, np.empty_like(dy), indices, wins)
    right.max_pool2d_backward(dy, x, indices, *options, dx)


@planted("max_pool2d_backward", "without indices, padding of 0 wins over negative pixels and takes their gradient")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    if indices is None:
        inside = pad(np.ones_like(x), reach(x.shape[2:], window, dy.shape[2:], stride, padding, dilation), padding)
        y, indices = np.empty_like(dy), np.empty(dy.shape, np.int64)
        right.max_pool2d_forward(x, window, stride, padding, dilation, y, indices)
        for r, s in np.ndindex(*window):
            indices[(shifted(inside, r, s, dy.shape[2:], stride, dilation) == 0) & (y < 0)] = -1
    right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)


@planted("max_pool2d_backward", "without indices, dilation forgotten")
def _(dy, x, indices, window, stride, padding, dilation, dx):
    dilation = (1, 1) if indices is None else dilation
    right.max_pool2d_backward(dy, x, indices, window, stride, padding, dilation, dx)


@planted("max_pool2d_backward", "index taken apart by H, right for square images only")
def _(dy, x, indices, *rest):
    *options, dx = rest
    H, W = dx.shape[2:]
    winners = _winners(dy, x, indices, *options)
    taken_apart = np.where(winners < 0, -1, (winners // H * W + winners % H) % (H * W))
    right.max_pool2d_backward(dy, x, taken_apart, *options, dx)


@planted("max_pool2d_backward", "makes the indices it was given count through the whole array, in place")
def _(dy, x, indices, *rest):
    right.max_pool2d_backward(dy, x, indices, *rest)
    if indices is not None:
        (N, C), plane = dy.shape[:2], rest[-1].shape[2] * rest[-1].shape[3]
        indices += np.where(indices >= 0, np.arange(N * C).reshape(N, C, 1, 1) * plane, 0)


@planted("max_pool2d_backward", "pixels that win no window keep what they held")
def _(dy, *rest):
    won = _fresh(right.max_pool2d_backward, np.ones_like(dy), *rest) > 0
    np.copyto(rest[-1], _fresh(right.max_pool2d_backward, dy, *rest), where=won)


# --- avg_pool2d_forward -----------------------------------------------------------------------------------------------


def _one_sided(size, window, outputs, stride, padding, count_include_pad):
    """Divisors that leave out the padding before the image but not that after it."""
    counts = []
    for n, taps, m, step, (before, after) in zip(size, window, outputs, stride, padding):
        low = np.arange(m) * step - before
        high = np.minimum(low + taps, n + after)
        counts.append(high - (low if count_include_pad else np.maximum(low, 0)))
    return counts[0][:, None] * counts[1]


def _divide(array, size, options, wrong):
    """`array` (N, C, P, Q) with the divisors `wrong` instead of the right ones; those below 1 count as 1."""
    window, stride, padding, count_include_pad = options
    truth = _divisors(size, window, array.shape[2:], stride, padding, count_include_pad)
    return (array * (truth / np.maximum(wrong, 1))).astype(array.dtype)


@planted("avg_pool2d_forward", "with padding counted, always divides by the whole window: not clipped in ceil mode")
def _(x, *rest):
    *options, y = rest
    right.avg_pool2d_forward(x, *rest)
    if options[-1]:
        y[...] = _divide(y, x.shape[2:], options, options[0][0] * options[0][1])


@planted("avg_pool2d_forward", "padding after the image is not counted, padding before it is")
def _(x, window, stride, padding, count_include_pad, y):
    right.avg_pool2d_forward(x, window, stride, padding, count_include_pad, y)
    before = [(side[0], 0) for side in padding]
    wrong = _divisors(x.shape[2:], window, y.shape[2:], stride, before, count_include_pad)
    y[...] = _divide(y, x.shape[2:], (window, stride, padding, count_include_pad), wrong)


@planted("avg_pool2d_forward", "padding after the image counted as wide as that before it")
def _(x, window, stride, padding, count_include_pad, y):
    right.avg_pool2d_forward(x, window, stride, padding, count_include_pad, y)
    before = [(side[0], side[0]) for side in padding]
    wrong = _divisors(x.shape[2:], window, y.shape[2:], stride, before, count_include_pad)
    y[...] = _divide(y, x.shape[2:], (window, stride, padding, count_include_pad), wrong)


@planted("avg_pool2d_forward", "with padding not counted, leaves out that before the image but not that after it")
def _(x, *rest):
    *options, y = rest
    right.avg_pool2d_forward(x, *rest)
    window, stride, padding, count_include_pad = options
    wrong = _one_sided(x.shape[2:], window, y.shape[2:], stride, padding, count_include_pad)
    y[...] = _divide(y, x.shape[2:], options, wrong)


@planted("avg_pool2d_forward", "differences of a running sum: a large or NaN pixel spoils the windows after it")
def _(x, window, stride, padding, count_include_pad, y):
    P, Q = y.shape[2:]
    rows, columns = reach(x.shape[2:], window, (P, Q), stride, padding, (1, 1))
    (top, _), (left, _) = padding
    table = pad(x, (rows + 1, columns + 1), ((top + 1, 0), (left + 1, 0))).cumsum(2).cumsum(3)
    corners = [[shifted(table, r, s, (P, Q), stride, (1, 1)) for s in (0, window[1])] for r in (0, window[0])]
    sums = corners[1][1] - corners[1][0] - corners[0][1] + corners[0][0]
    y[...] = sums / _divisors(x.shape[2:], window, (P, Q), stride, padding, count_include_pad)


@planted("avg_pool2d_forward", "sums float64 in float32")
def _(*args):
    args[-1][...] = _low_precision(right.avg_pool2d_forward, np.float32, *args)


@planted("avg_pool2d_forward", "mask of an 8-wide tail one lane short: the last column is not written for Q % 8 == 7")
def _(*args):
    y = args[-1]
    whole = y.shape[3] - (y.shape[3] % 8 == 7)
    y[..., :whole] = _fresh(right.avg_pool2d_forward, *args)[..., :whole]


# --- avg_pool2d_backward ----------------------------------------------------------------------------------------------


@planted("avg_pool2d_backward", "always divides by the whole window, though forward may leave out the padding")
def _(dy, *rest):
    *options, dx = rest
    dy = _divide(dy, dx.shape[2:], options, options[0][0] * options[0][1])
    right.avg_pool2d_backward(dy, *rest)


@planted("avg_pool2d_backward", "with padding counted, does not clip the window to it in ceil mode")
def _(dy, *rest):
    *options, dx = rest
    if options[-1]:
        dy = _divide(dy, dx.shape[2:], options, options[0][0] * options[0][1])
    right.avg_pool2d_backward(dy, *rest)


@planted("avg_pool2d_backward", "table of divisors written by rows and read by columns")
def _(dy, *rest):
    *options, dx = rest
    window, stride, padding, count_include_pad = options
    P, Q = dy.shape[2:]
    truth = _divisors(dx.shape[2:], window, (P, Q), stride, padding, count_include_pad)
    wrong = truth.reshape(Q, P).T
    right.avg_pool2d_backward(_divide(dy, dx.shape[2:], options, wrong), *rest)


@planted("avg_pool2d_backward", "assigned, not added: where windows overlap, the last one's gradient stands alone")
def _(dy, window, stride, padding, count_include_pad, dx):
    (P, Q), (H, W) = dy.shape[2:], dx.shape[2:]
    share = dy / _divisors((H, W), window, (P, Q), stride, padding, count_include_pad).astype(dy.dtype)
    padded = np.zeros((*dx.shape[:2], *reach((H, W), window, (P, Q), stride, padding, (1, 1))), dx.dtype)
    for p, q in np.ndindex(P, Q):
        h, k = p * stride[0], q * stride[1]
        padded[:, :, h : h + window[0], k : k + window[1]] = share[:, :, p, q, None, None]
    (top, _), (left, _) = padding
    dx[...] = padded[:, :, top : top + H, left : left + W]


@planted("avg_pool2d_backward", "gaps between windows, where the stride is longer than the window, keep what they held")
def _(dy, *rest):
    covered = _fresh(right.avg_pool2d_backward, np.ones_like(dy), *rest) > 0
    np.copyto(rest[-1], _fresh(right.avg_pool2d_backward, dy, *rest), where=covered)


@planted("avg_pool2d_backward", "divides dy by the divisors in place")
def _(dy, window, stride, padding, count_include_pad, dx):
    right.avg_pool2d_backward(dy, window, stride, padding, count_include_pad, dx)
    dy /= _divisors(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad).astype(dy.dtype)


@planted("avg_pool2d_backward", "with padding not counted, leaves out that before the image but not that after it")
def _(dy, *rest):
    *options, dx = rest
    window, stride, padding, count_include_pad = options
    wrong = _one_sided(dx.shape[2:], window, dy.shape[2:], stride, padding, count_include_pad)
    right.avg_pool2d_backward(_divide(dy, dx.shape[2:], options, wrong), *rest)


# --- philox_uniform ---------------------------------------------------------------------------------------------------

_LOW = 2**32 - 1


def _split(number):
    return number & _LOW, number >> 32 & _LOW


def _block(key, counter):
    """The blocks of the definition: block(0), block(1), ..."""
    return lambda j: naive.philox4x32((*_split((counter + j) % 2**64), 0, 0), _split(key))


def _single(word):
    return (word >> np.uint64(8)) * 2.0**-24


def _double(first, second):
    return ((first >> np.uint64(5)) << np.uint64(26) | (second >> np.uint64(6))) * 2.0**-53


def _fill(u, block, single=_single, double=_double):
    """`u` from the words of block(0), block(1), ..."""
    per_block = 4 if u.dtype == np.float32 else 2
    words = np.array([block(j) for j in range(-(-u.size // per_block))], np.uint64).reshape(-1, 4)
    drawn = single(words) if per_block == 4 else double(words[:, 0::2], words[:, 1::2])
    u.reshape(-1)[...] = drawn.reshape(-1)[: u.size]


def _rounds(words, key, count=10, bump=None):
    """Philox4x32 with `count` rounds; bump(key) replaces the step from one round's key to the next."""
    x0, x1, x2, x3 = words
    k0, k1 = key
    for _ in range(count):
        low, high = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = (high >> 32) ^ x1 ^ k0, high & _LOW, (low >> 32) ^ x3 ^ k1, low & _LOW
        k0, k1 = bump(k0, k1) if bump else ((k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW)
    return x0, x1, x2, x3


@planted("philox_uniform", "counter raised before its first use")
def _(key, counter, u):
    right.philox_uniform(key, (counter + 1) % 2**64, u)


@planted("philox_uniform", "counter not wrapped at 2**64: the carry goes into the third word")
def _(key, counter, u):
    _fill(u, lambda j: naive.philox4x32((*_split(counter + j), (counter + j) >> 64, 0), _split(key)))


@planted("philox_uniform", "carry from the first word of the counter into the second lost")
def _(key, counter, u):
    low, high = _split(counter)
    _fill(u, lambda j: naive.philox4x32(((low + j) & _LOW, high, 0, 0), _split(key)))


@planted("philox_uniform", "halves of the key swapped")
def _(key, counter, u):
    right.philox_uniform((key & _LOW) << 32 | key >> 32, counter, u)


@planted("philox_uniform", "upper half of the key dropped")
def _(key, counter, u):
    right.philox_uniform(key & _LOW, counter, u)


@planted("philox_uniform", "nine rounds")
def _(key, counter, u):
    _fill(u, lambda j: _rounds((*_split((counter + j) % 2**64), 0, 0), _split(key), count=9))


@planted("philox_uniform", "key raised as one number of 64 bits: the lower half carries into the upper one")
def _(key, counter, u):
    def bump(k0, k1):
        return _split((k1 << 32 | k0) + (0xBB67AE85 << 32 | 0x9E3779B9))

    _fill(u, lambda j: _rounds((*_split((counter + j) % 2**64), 0, 0), _split(key), bump=bump))


@planted("philox_uniform", "float64 takes the second word of each pair for the high one")
def _(key, counter, u):
    _fill(u, _block(key, counter), double=lambda first, second: _double(second, first))


@planted("philox_uniform", "float64 of the upper 53 of 64 bits, not of 27 and 26: agrees to eight digits")
def _(key, counter, u):
    def double(first, second):
        return ((first << np.uint64(32) | second) >> np.uint64(11)) * 2.0**-53

    _fill(u, _block(key, counter), double=double)


@planted("philox_uniform", "float32 of all 32 bits, rounded: off the grid, and 1 is possible")
def _(key, counter, u):
    _fill(u, _block(key, counter), single=lambda word: word.astype(np.float32) * np.float32(2.0**-32))


@planted("philox_uniform", "last block not written where u needs only a part of it")
def _(key, counter, u):
    per_block = 4 if u.dtype == np.float32 else 2
    whole = u.size - u.size % per_block
    u.reshape(-1)[:whole] = _fresh(right.philox_uniform, key, counter, u).reshape(-1)[:whole]


@planted("philox_uniform", "eight blocks at a time come out word by word: their transposition is forgotten")
def _(key, counter, u):
    right.philox_uniform(key, counter, u)
    flat, per_block = u.reshape(-1), 4 if u.dtype == np.float32 else 2
    for start in range(0, flat.size - 8 * per_block + 1, 8 * per_block):
        eight = flat[start : start + 8 * per_block]
        eight[...] = eight.reshape(8, per_block).T.reshape(-1)


@planted("philox_uniform", "filled column by column: right for one axis")
def _(key, counter, u):
    flat = np.empty(u.size, u.dtype)
    right.philox_uniform(key, counter, flat)
    u[...] = flat.reshape(u.shape, order="F")


@planted("philox_uniform", "each row of u begins a new block")
def _(key, counter, u):
    right.philox_uniform(key, counter, u)
    if u.ndim > 1 and u.size:
        rows = u.reshape(-1, u.shape[-1])
        blocks = -(-rows.shape[1] // (4 if u.dtype == np.float32 else 2))
        for i, row in enumerate(rows):
            right.philox_uniform(key, (counter + i * blocks) % 2**64, row)
