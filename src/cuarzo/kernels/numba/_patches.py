"""The patches of a volume as a matrix, there and back: inner loops of convolution, each inside one thread.

A window is the list of its taps: window (o, p, q) reads at (o, p, q) * steps + taps[t], which may lie outside.
"""

from cuarzo.kernels.numba._compile import serial


@serial
def copy_patches(x, first, taps, steps, j0, j1, P, Q, patches):
    """patches[k, j - j0]: what tap first + k of window j = (o, p, q), with j0 <= j < j1, reads in x (C, D, H, W)."""
    (_, D, H, W), (st, su, sv) = x.shape, (steps[0], steps[1], steps[2])
    for k in range(patches.shape[0]):
        c, t = (first + k) // len(taps), (first + k) % len(taps)
        front, top, left = taps[t, 0], taps[t, 1], taps[t, 2]
        first_inside, stop_inside = inside(left, W, sv, Q)
        j, o, p = j0, j0 // Q // P, j0 // Q % P
        while j < j1:  # one row of windows (o, p, a ... z - 1) after the other: counting on is cheaper than dividing
            a = j - (o * P + p) * Q
            z = min(Q, a + j1 - j)
            line = patches[k][j - j0 : j - j0 + z - a]
            d, h = o * st + front, p * su + top
            if d < 0 or d >= D or h < 0 or h >= H:
                line[:] = 0
            else:
                q0, q1 = min(max(a, first_inside), z), max(a, min(stop_inside, z))
                line[: q0 - a] = 0
                _copy_every(sv, x[c, d, h][q0 * sv + left :], line[q0 - a : q1 - a])
                line[q1 - a :] = 0
            j += z - a
            o, p = (o, p + 1) if p + 1 < P else (o + 1, 0)


@serial
def add_patches(patches, first, taps, steps, j0, j1, P, Q, dx):
    """The way back: each entry is added to the element of dx (C, D, H, W) that it was copied from."""
    (_, D, H, W), (st, su, sv) = dx.shape, (steps[0], steps[1], steps[2])
    for k in range(patches.shape[0]):
        c, t = (first + k) // len(taps), (first + k) % len(taps)
        front, top, left = taps[t, 0], taps[t, 1], taps[t, 2]
        first_inside, stop_inside = inside(left, W, sv, Q)
        j, o, p = j0, j0 // Q // P, j0 // Q % P
        while j < j1:
            a = j - (o * P + p) * Q
            z = min(Q, a + j1 - j)
            d, h = o * st + front, p * su + top
            if 0 <= d < D and 0 <= h < H:
                q0, q1 = min(max(a, first_inside), z), max(a, min(stop_inside, z))
                line = patches[k][j - j0 + q0 - a : j - j0 + q1 - a]
                _add_to_every(sv, line, dx[c, d, h][q0 * sv + left :])
            j += z - a
            o, p = (o, p + 1) if p + 1 < P else (o + 1, 0)


@serial
def inside(shift, size, step, outputs):
    """The outputs q0 <= q < q1 for which q * step + shift lies inside an axis of `size`."""
    q0 = 0 if shift >= 0 else (step - 1 - shift) // step
    q1 = 0 if shift >= size else (size - shift + step - 1) // step
    q1 = min(q1, outputs)
    return min(q0, q1), q1


@serial
def span(most, Q):
    """Windows in a block of up to `most`: whole rows of Q where one fits."""
    return most // Q * Q if 0 < Q <= most else most


# A step known to be 1 means consecutive memory, hence vector instructions: it gets a loop of its own.


@serial
def _copy_every(step, source, line):
    if step == 1:
        for q in range(line.size):
            line[q] = source[q]
    else:
        for q in range(line.size):
            line[q] = source[q * step]


@serial
def add_every(step, factor, source, line):
    if step == 1:
        for q in range(line.size):
            line[q] += factor * source[q]
    else:
        for q in range(line.size):
            line[q] += factor * source[q * step]


@serial
def _add_to_every(step, line, target):
    if step == 1:
        for q in range(line.size):
            target[q] += line[q]
    else:
        for q in range(line.size):
            target[q * step] += line[q]
