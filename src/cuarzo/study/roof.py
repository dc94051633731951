"""The roofs: what this machine can do at most, measured beside the kernels, with the same number of threads.

peak(dtype, threads)    fused multiply-adds that stay in registers, in FLOP/s: no kernel multiplies and adds faster
copy(nbytes, threads)   a plain copy that moves as many bytes as the kernel must, in bytes/s: a small case lives in the
                        cache, for its roof as for itself
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

ACCUMULATORS = 12  # two units with a latency of four or five cycles need ten; AVX2 has sixteen registers
ROUNDS = 400_000


def vector_bytes() -> int:
    """The width of the widest vector register that this CPU has."""
    from llvmlite.binding import get_host_cpu_features  # type: ignore[import-untyped]

    features = get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


@cache
def _multiply_add(dtype: str) -> Callable[[int, float, float], float]:
    """f(rounds, a, b): v <- v a + b in ACCUMULATORS independent vectors.

    Written in LLVM's own language, since a loop in Python would measure the compiler's vectoriser instead.
    """
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic

    bits = np.dtype(dtype).itemsize * 8
    lanes = vector_bytes() * 8 // bits
    scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
    vector = ir.VectorType(scalar, lanes)

    @intrinsic
    def loop(typing, rounds, a, b):
        def generate(context, builder, signature, args):
            kind = ir.FunctionType(vector, [vector] * 3)
            fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f{bits}")

            def splat(value):
                narrow = builder.fptrunc(value, scalar) if bits == 32 else value
                filled = ir.Constant(vector, ir.Undefined)
                for lane in range(lanes):
                    filled = builder.insert_element(filled, narrow, ir.Constant(ir.IntType(32), lane))
                return filled

            a, b = splat(args[1]), splat(args[2])
            starts = [ir.Constant(vector, [i + 1.0] * lanes) for i in range(ACCUMULATORS)]  # equal ones would be merged
            sums = [cgutils.alloca_once_value(builder, start) for start in starts]
            with cgutils.for_range(builder, args[0]):
                for each in sums:
                    builder.store(builder.call(fma, [builder.load(each), a, b]), each)
            total = builder.load(sums[0])
            for each in sums[1:]:
                total = builder.fadd(total, builder.load(each))
            lane = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
            return builder.fpext(lane, ir.DoubleType()) if bits == 32 else lane

        return types.float64(types.intp, types.float64, types.float64), generate

    @njit(nogil=True)
    def run(rounds: int, a: float, b: float) -> float:
        return loop(rounds, a, b)

    run(1, 0.5, 1.0)
    return run


def fma(dtype: str, threads: int) -> float:
    """FLOP/s of fused multiply-adds on `threads` threads now: the best of five runs of a millisecond or so."""
    run = _multiply_add(dtype)
    flops = threads * 2 * ACCUMULATORS * (vector_bytes() // np.dtype(dtype).itemsize) * ROUNDS
    rate = flops / _fastest(lambda _: run(ROUNDS, 0.5, 1.0), threads)
    _best[dtype, threads] = max(rate, _best.get((dtype, threads), 0.0))
    return rate


_best: dict[tuple[str, int], float] = {}


def peak(dtype: str, threads: int) -> float:
    """The best that `fma` has seen in this process: the roof."""
    if (dtype, threads) not in _best:
        fma(dtype, threads)
    return _best[dtype, threads]


@cache
def copy(nbytes: int, threads: int) -> float:
    """Bytes/s, read and written, of a copy that moves `nbytes` in all on up to `threads` threads."""
    source = np.ones(max(nbytes // 2, 64), np.uint8)  # zeros would be one page, read again and again
    target = np.empty_like(source)
    repeats = max(1, 1_000_000 // source.size)  # a small copy is timed many times over
    rates = []
    for parts in {1, threads}:  # one alone may win: threads cost more than a small copy
        pairs = list(zip(np.array_split(source, parts), np.array_split(target, parts), strict=True))

        def work(part: int, pairs: list = pairs) -> None:
            for _ in range(repeats):
                np.copyto(pairs[part][1], pairs[part][0])

        rates.append(2 * source.size * repeats / _fastest(work, parts))
    return max(rates)


def _fastest(work: Callable[[int], object], threads: int, runs: int = 5) -> float:
    """Seconds until `work(0) ... work(threads - 1)`, run at once, are all done: the least of `runs`."""
    with ThreadPoolExecutor(threads) as pool:
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            list(pool.map(work, range(threads)))
            times.append(time.perf_counter() - start)
    return min(times)
