"""What was to be reached, and whether it was."""

from collections.abc import Iterator
from math import exp, log
from typing import NamedTuple

DEFAULT_MEANS = {"convolution": 3.0, "pooling": 10.0, "recurrent": 2.0, "training step": 3.0}
BEST_MEANS = {"convolution": 2.0, "pooling": 2.0, "recurrent": 1.6, "training step": 2.5}
LARGE = 1e9  # FLOPs of a forward convolution, from which on the share of the peak counts
THREADED = 1e-3  # seconds on one thread, from which on the gain of a second counts


class Goal(NamedTuple):
    text: str
    wanted: float
    got: float
    reached: bool


def goals(result: dict) -> list[Goal]:
    rows = result["rows"]
    return [*_default(rows), *_best(rows), *_shares(rows), *_threads(rows), *_epoch(rows), *_memory(result["memory"])]


def bound(row: dict) -> float:
    """Of the ratio against the best mode: a peer that reaches 75 % of the floor leaves little above itself."""
    return 0.95 if row["at_the_roof"] else 1.0


def mean(ratios: list[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios)) if ratios else float("nan")


def _least(text: str, wanted: float, got: float) -> Goal:
    return Goal(text, wanted, got, got >= wanted)


def _default(rows: list[dict]) -> Iterator[Goal]:
    yield _least("default mode: the lowest row", 1.0, min(row["default"][0] for row in rows))
    for family, wanted in DEFAULT_MEANS.items():
        if ratios := [row["default"][0] for row in rows if row["family"] == family]:
            yield _least(f"default mode: geometric mean, {family}", wanted, mean(ratios))


def _best(rows: list[dict]) -> Iterator[Goal]:
    under = [row for row in rows if row["best"][0] < bound(row)]
    yield Goal(f"best mode: rows under their bound, of {len(rows)}", 3, len(under), len(under) <= 3)
    yield _least("best mode: the lowest row", 0.8, min(row["best"][0] for row in rows))
    for family, wanted in BEST_MEANS.items():
        if ratios := [row["best"][0] for row in rows if row["family"] == family]:
            yield _least(f"best mode: geometric mean, {family}", wanted, mean(ratios))
    if ratios := [row["scikit"] for row in rows if "scikit" in row]:
        yield _least("RBM against scikit-learn: geometric mean", 2.5, mean(ratios))


def _shares(rows: list[dict]) -> Iterator[Goal]:
    groups = {
        "product 1024³, lowest share of the peak": (0.8, lambda row: "1024·1024·1024" in row["name"]),
        "forward convolutions above 1 GFLOP, lowest share": (0.8, lambda row: _large(row) and not _backward(row)),
        "the same with gradients, lowest share": (0.65, lambda row: _large(row) and _backward(row)),
    }
    for text, (wanted, chosen) in groups.items():
        if shares := [row["share"] for row in rows if chosen(row)]:
            yield _least(text, wanted, min(shares))


def _large(row: dict) -> bool:
    return row["family"] == "convolution" and row["flops"] > LARGE * (3 if _backward(row) else 1)


def _backward(row: dict) -> bool:
    return row["name"].endswith("with gradients")


def _threads(rows: list[dict]) -> Iterator[Goal]:
    """The gain of a second thread, as a part of the gain that the row's own floor shows."""
    one = {row["name"]: row for row in rows if row["threads"] == 1}
    two = {row["name"]: row for row in rows if row["threads"] == 2}
    parts = {
        name: (row["seconds"]["cuarzo"] / two[name]["seconds"]["cuarzo"]) / (row["floor"] / two[name]["floor"])
        for name, row in one.items()
        if name in two and row["seconds"]["cuarzo"] > THREADED
    }
    if parts:
        low = [name for name, part in parts.items() if part < 0.85]
        text = f"two threads: part of the floor's own gain, lowest ({len(low)} of {len(parts)} rows below)"
        yield _least(text, 0.85, min(parts.values()))


def _epoch(rows: list[dict]) -> Iterator[Goal]:
    for row in rows:
        if row["name"].startswith("epoch of LeNet-5") and row["threads"] == 2:
            seconds = row["seconds"]["cuarzo"]
            yield Goal("epoch of LeNet-5 on MNIST, two threads, seconds", 2.0, seconds, seconds <= 2.0)


def _memory(steps: list[dict]) -> Iterator[Goal]:
    if steps:
        worst = max(step["cuarzo"] / step["torch"] for step in steps)
        yield Goal("memory of a training step, ours / PyTorch's, highest", 1.0, worst, worst <= 1.0)
