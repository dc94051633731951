# The patches of a volume as a matrix, there and back: inline, so that conv.pyx and conv_weight.pyx have copies that
# their compiler can see through.
# A window is the list of its taps: window (o, p, q) reads at (o st, p su, q sv) + taps[t], which may lie outside.

from cython cimport floating
from libc.stdint cimport int64_t


cdef struct Windows:
    Py_ssize_t st, su, sv  # strides
    Py_ssize_t P, Q  # rows and columns of windows; windows are numbered j = (o, p, q)


cdef inline Windows windows_of(stride, shape):
    """The windows of outputs (N, F, O, P, Q) with strides (st, su, sv)."""
    return Windows(stride[0], stride[1], stride[2], shape[3], shape[4])


cdef inline Py_ssize_t span(Py_ssize_t most, Py_ssize_t Q) noexcept nogil:
    """Windows in a block of up to `most`: whole rows of Q where one fits."""
    return most // Q * Q if 0 < Q <= most else most


cdef inline Py_ssize_t first_output(Py_ssize_t shift, Py_ssize_t stride, Py_ssize_t outputs) noexcept nogil:
    """The first output q for which q * stride + shift is not before the axis."""
    return min(outputs, 0 if shift >= 0 else (stride - 1 - shift) // stride)


cdef inline Py_ssize_t stop_output(Py_ssize_t shift, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t outputs) noexcept nogil:
    """The first output for which it is past an axis of `size`."""
    return min(outputs, 0 if shift >= size else (size - shift + stride - 1) // stride)


cdef inline void copy_patches(
    const floating[:, :, :, :, ::1] x, Py_ssize_t n,
    Py_ssize_t first, Py_ssize_t count,  # of taps of all channels, (c, t)
    const int64_t[:, ::1] taps,
    Windows at, Py_ssize_t j0, Py_ssize_t j1,
    floating[:, :] patches,  # OUT (count, j1 - j0), any strides
) noexcept nogil:
    """patches[k, j - j0]: what tap first + k of window j, with j0 <= j < j1, reads in volume n."""
    cdef Py_ssize_t D = x.shape[2], H = x.shape[3], W = x.shape[4]
    cdef Py_ssize_t k, c, t, j, o, p, q, d, h, a, z, q0, q1, shift, start, stop
    cdef const floating* channel
    cdef const floating* source
    if D * H * W == 0:
        patches[:count, : j1 - j0] = 0
        return
    for k in range(count):
        c, t = (first + k) // taps.shape[0], (first + k) % taps.shape[0]
        channel = &x[n, c, 0, 0, 0]
        shift = taps[t, 2]
        start, stop = first_output(shift, at.sv, at.Q), stop_output(shift, W, at.sv, at.Q)
        # One row of windows (o, p, a ... z - 1) after the other; window (o, p, 0) stands in column j, or would.
        o, p, a = j0 // at.Q // at.P, j0 // at.Q % at.P, j0 % at.Q
        j = -a
        while j < j1 - j0:
            z = min(at.Q, j1 - j0 - j)
            d, h = o * at.st + taps[t, 0], p * at.su + taps[t, 1]
            q0, q1 = min(max(a, start), z), min(stop, z)
            if d < 0 or d >= D or h < 0 or h >= H or q0 >= q1:
                for q in range(a, z):
                    patches[k, j + q] = 0
            else:
                source = channel + (d * H + h) * W
                for q in range(a, q0):
                    patches[k, j + q] = 0
                for q in range(q0, q1):
                    patches[k, j + q] = source[q * at.sv + shift]
                for q in range(q1, z):
                    patches[k, j + q] = 0
            j += at.Q
            a = 0
            p += 1
            if p == at.P:
                o, p = o + 1, 0


cdef inline void add_patches(
    const floating[:, ::1] patches,  # IN (count, j1 - j0)
    Py_ssize_t count,
    Py_ssize_t n, Py_ssize_t first,
    const int64_t[:, ::1] taps,
    Windows at, Py_ssize_t j0, Py_ssize_t j1,
    floating[:, :, :, :, ::1] dx,  # INOUT (N, C, D, H, W)
) noexcept nogil:
    """The way back: each entry is added to the element of volume n that it was copied from."""
    cdef Py_ssize_t D = dx.shape[2], H = dx.shape[3], W = dx.shape[4]
    cdef Py_ssize_t k, c, t, j, o, p, q, d, h, a, q0, q1, shift, start, stop
    cdef floating* target
    for k in range(count):
        c, t = (first + k) // taps.shape[0], (first + k) % taps.shape[0]
        shift = taps[t, 2]
        start, stop = first_output(shift, at.sv, at.Q), stop_output(shift, W, at.sv, at.Q)
        o, p, a = j0 // at.Q // at.P, j0 // at.Q % at.P, j0 % at.Q
        j = -a
        while j < j1 - j0:
            d, h = o * at.st + taps[t, 0], p * at.su + taps[t, 1]
            q0, q1 = max(a, start), min(stop, j1 - j0 - j)
            if 0 <= d < D and 0 <= h < H and q0 < q1:
                target = &dx[n, c, d, h, 0]
                for q in range(q0, q1):
                    target[q * at.sv + shift] += patches[k, j + q]
            j += at.Q
            a = 0
            p += 1
            if p == at.P:
                o, p = o + 1, 0
