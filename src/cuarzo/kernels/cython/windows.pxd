# Where the windows of a pooling lie in a volume, and what of them counts.

cdef struct Axis:
    # Windows along one axis of a volume.
    Py_ssize_t size, outputs, window, stride, before, after, dilation

cdef struct Windows:
    Axis slices, rows, columns


cdef inline Axis _axis(along):
    size, outputs, window, stride, (before, after), dilation = along
    return Axis(size, outputs, window, stride, before, after, dilation)


cdef inline Windows windows(axes):
    return Windows(_axis(axes[0]), _axis(axes[1]), _axis(axes[2]))


cdef inline Py_ssize_t first_of(Axis axis, Py_ssize_t output) noexcept nogil:
    """The first position inside the volume that the window of an output reads."""
    cdef Py_ssize_t start = output * axis.stride - axis.before
    return start if start >= 0 else start + (axis.dilation - 1 - start) // axis.dilation * axis.dilation


cdef inline Py_ssize_t stop_of(Axis axis, Py_ssize_t output) noexcept nogil:
    """The positions that it reads end before this one."""
    return min(output * axis.stride - axis.before + (axis.window - 1) * axis.dilation + 1, axis.size)


cdef inline Py_ssize_t counted(Axis axis, Py_ssize_t output, bint count_include_pad) noexcept nogil:
    """How many positions of the window count in the mean's divisor."""
    cdef Py_ssize_t start = output * axis.stride - axis.before
    cdef Py_ssize_t stop = min(start + axis.window, axis.size + axis.after)
    return stop - start if count_include_pad else min(stop, axis.size) - max(start, 0)


cdef inline Py_ssize_t find_rows(Windows at, Py_ssize_t o, Py_ssize_t p, Py_ssize_t[::1] rows) noexcept nogil:
    """Where the rows that windows (o, p, all q) read begin in a flattened volume, written to `rows`; their number."""
    cdef Py_ssize_t count = 0, l = first_of(at.slices, o), h
    while l < stop_of(at.slices, o):
        h = first_of(at.rows, p)
        while h < stop_of(at.rows, p):
            rows[count] = (l * at.rows.size + h) * at.columns.size
            count += 1
            h += at.rows.dilation
        l += at.slices.dilation
    return count
