"""Where the window of a pooling lies in a volume, and what of it counts: the parts that run inside a thread."""

from cuarzo.kernels.numba._compile import serial


@serial
def rows_of(slice_start, D, E, dt, row_start, H, R, du, W, rows):
    """Where the rows that a window reads begin in a flattened volume, written to `rows`; how many they are."""
    l0, l1 = taps(slice_start, D, E, dt)
    h0, h1 = taps(row_start, H, R, du)
    count = 0
    for l in range(l0, l1, dt):
        for h in range(h0, h1, du):
            rows[count] = (l * H + h) * W
            count += 1
    return count


@serial
def taps(start, size, window, dilation):
    """The positions range(first, stop, dilation) that a window from `start` reads inside the image."""
    skipped = (-start + dilation - 1) // dilation if start < 0 else 0
    return start + skipped * dilation, min(start + (window - 1) * dilation + 1, size)


@serial
def counted(start, size, window, after, count_include_pad):
    """How many positions of the window count in the mean's divisor, along one axis."""
    stop = min(start + window, size + after)
    return stop - start if count_include_pad else min(stop, size) - max(start, 0)
