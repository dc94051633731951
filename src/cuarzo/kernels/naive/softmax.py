"""Softmax, its logarithm, and cross-entropy, of each row of (M, K) by itself.

    softmax        y[k]  = e^(x[k] - X) / S         X = max_k x[k],  S = sum_k e^(x[k] - X)
                   dx[k] = y[k] (dy[k] - sum_j dy[j] y[j])
    log_softmax    y[k]  = x[k] - X - log S
                   dx[k] = dy[k] - e^y[k] sum_j dy[j]
    cross_entropy  loss  = -log softmax(x)[label] = log S - (x[label] - X)      probability = softmax(x)
                   dx[k] = dloss (probability[k] - [k = label])

The maximum changes no value: it cancels in exact arithmetic. Without it e^x overflows. A row whose maximum is an
infinity (or that holds a NaN) gives NaN: inf - inf has no value. Labels lie in 0 ... K - 1.

Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs"; the shift as in
Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax functions".
"""

from math import exp, inf, log

from numpy.typing import NDArray


def softmax_forward(x: NDArray, y: NDArray) -> None:
    # x  IN  (M, K)
    # y  OUT (M, K)
    for m, row in enumerate(x.tolist()):
        shifted, total = _shifted(row)
        for k, z in enumerate(shifted):
            y[m, k] = exp(z) / total


def softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    # dy  IN  (M, K)
    # y   IN  (M, K)
    # dx  OUT (M, K)
    for m, (gradient, row) in enumerate(zip(dy.tolist(), y.tolist())):
        mean = 0.0
        for d, p in zip(gradient, row):
            mean += d * p
        for k, (d, p) in enumerate(zip(gradient, row)):
            dx[m, k] = p * (d - mean)


def log_softmax_forward(x: NDArray, y: NDArray) -> None:
    # x  IN  (M, K)
    # y  OUT (M, K)
    for m, row in enumerate(x.tolist()):
        shifted, total = _shifted(row)
        for k, z in enumerate(shifted):
            y[m, k] = z - log(total)


def log_softmax_backward(dy: NDArray, y: NDArray, dx: NDArray) -> None:
    # dy  IN  (M, K)
    # y   IN  (M, K)
    # dx  OUT (M, K)
    for m, (gradient, row) in enumerate(zip(dy.tolist(), y.tolist())):
        total = 0.0
        for d in gradient:
            total += d
        for k, (d, log_p) in enumerate(zip(gradient, row)):
            dx[m, k] = d - exp(log_p) * total


def cross_entropy_forward(x: NDArray, labels: NDArray, loss: NDArray, probability: NDArray) -> None:
    # x            IN  (M, K)
    # labels       IN  (M,) int64
    # loss         OUT (M,)
    # probability  OUT (M, K)
    for m, (row, label) in enumerate(zip(x.tolist(), labels.tolist())):
        shifted, total = _shifted(row)
        loss[m] = log(total) - shifted[label]
        for k, z in enumerate(shifted):
            probability[m, k] = exp(z) / total


def cross_entropy_backward(dloss: NDArray, probability: NDArray, labels: NDArray, dx: NDArray) -> None:
    # dloss        IN  (M,)
    # probability  IN  (M, K)
    # labels       IN  (M,) int64
    # dx           OUT (M, K)
    for m, (gradient, row, label) in enumerate(zip(dloss.tolist(), probability.tolist(), labels.tolist())):
        for k, p in enumerate(row):
            dx[m, k] = gradient * (p - 1 if k == label else p)


def _shifted(row: list[float]) -> tuple[list[float], float]:
    """The row less its maximum, and the sum of its exponentials."""
    largest = -inf
    for value in row:
        largest = value if value > largest else largest
    shifted, total = [], 0.0
    for value in row:
        shifted.append(value - largest)
        total += exp(value - largest)
    return shifted, total
