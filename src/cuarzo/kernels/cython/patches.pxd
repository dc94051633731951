# The patches of an image as a matrix, there and back: inline, so that conv.pyx has a copy its compiler can see through.

from cython cimport floating


cdef struct Geometry:
    # Where tap (c, r, s) of window (p, q) reads: channel c, row p su + r du - top, column q sv + s dv - left.
    Py_ssize_t R, S, su, sv, du, dv, top, left


cdef inline Py_ssize_t first_output(Py_ssize_t shift, Py_ssize_t stride, Py_ssize_t outputs) noexcept nogil:
    """The first output q for which q * stride + shift is not before the axis."""
    return min(outputs, 0 if shift >= 0 else (stride - 1 - shift) // stride)


cdef inline Py_ssize_t stop_output(Py_ssize_t shift, Py_ssize_t size, Py_ssize_t stride, Py_ssize_t outputs) noexcept nogil:
    """The first output for which it is past an axis of `size`."""
    return min(outputs, 0 if shift >= size else (size - shift + stride - 1) // stride)


cdef inline void copy_patches(
    const floating[:, :, :, ::1] x, Py_ssize_t n,
    Py_ssize_t first, Py_ssize_t count,  # of taps
    Geometry at, Py_ssize_t p0, Py_ssize_t p1, Py_ssize_t Q,
    floating[:, :] patches,  # OUT (taps, windows), any strides
) noexcept nogil:
    """patches[k, j]: what tap first + k of window j = (p, q), with p0 <= p < p1, reads in image n."""
    cdef Py_ssize_t H = x.shape[2], W = x.shape[3], k, c, r, s, p, q, h, j, q0, q1, shift
    for k in range(count):
        c, r, s = (first + k) // (at.R * at.S), (first + k) // at.S % at.R, (first + k) % at.S
        shift = s * at.dv - at.left
        q0, q1 = first_output(shift, at.sv, Q), stop_output(shift, W, at.sv, Q)
        for p in range(p0, p1):
            h = p * at.su + r * at.du - at.top
            j = (p - p0) * Q
            if h < 0 or h >= H or q0 >= q1:
                for q in range(Q):
                    patches[k, j + q] = 0
                continue
            for q in range(q0):
                patches[k, j + q] = 0
            for q in range(q0, q1):
                patches[k, j + q] = x[n, c, h, q * at.sv + shift]
            for q in range(q1, Q):
                patches[k, j + q] = 0


cdef inline void add_patches(
    const floating[:, ::1] patches,  # IN (taps, windows)
    Py_ssize_t count,  # of taps
    Py_ssize_t n, Py_ssize_t first,
    Geometry at, Py_ssize_t p0, Py_ssize_t p1, Py_ssize_t Q,
    floating[:, :, :, ::1] dx,  # INOUT (N, C, H, W)
) noexcept nogil:
    """The way back: each entry is added to the pixel of image n that it was copied from."""
    cdef Py_ssize_t H = dx.shape[2], W = dx.shape[3], k, c, r, s, p, q, h, j, shift
    for k in range(count):
        c, r, s = (first + k) // (at.R * at.S), (first + k) // at.S % at.R, (first + k) % at.S
        shift = s * at.dv - at.left
        for p in range(p0, p1):
            h = p * at.su + r * at.du - at.top
            j = (p - p0) * Q
            if h < 0 or h >= H:
                continue
            for q in range(first_output(shift, at.sv, Q), stop_output(shift, W, at.sv, Q)):
                dx[n, c, h, q * at.sv + shift] += patches[k, j + q]
