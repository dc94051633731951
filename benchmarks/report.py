"""The table and the picture that `make bench` leaves in benchmarks/results/."""

import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from cuarzo import kernels
from cuarzo.study import machine, roof
from cuarzo.study.sides import Group, Side, label, moved

COLOURS = {"naive": "#8c8c8c", "numpy": "#4c78a8", "numba": "#54a24b", "cython": "#eeca3b", "cpp": "#e45756"}


HEADS = ("size", "dtype", "threads", "backend", "median ms", "quartiles", "rate", "share of the roof", "× naive")


class Report:
    """What the run has measured: seconds of single calls, by group and side."""

    def __init__(self) -> None:
        self.seconds: dict[Group, dict[Side, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.compiled: dict[tuple[str, str], float] = {}
        self.busy: set[Group] = set()
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")

    def write(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        table, picture = folder / "kernels.md", folder / "kernels.png"
        table.write_text(self.markdown(), encoding="utf-8")
        self.draw(picture)
        return [table, picture]

    def head(self) -> list[str]:
        """On what all this was measured."""
        facts = machine.describe()
        missing = [f"{name}: {state}" for name, state in kernels.backends().items() if state != "available"]
        rates = [
            f"{roof.peak(dtype, n) / 1e9:.0f} GFLOP/s {dtype} on {n} {'threads' if n > 1 else 'thread'}"
            for dtype in sorted({group.dtype for group in self.seconds})
            for n in sorted({group.threads for group in self.seconds})
        ]
        return [
            f"CPU: {facts['cpu']}, {facts['cpus']} cores, load {self.load:.2f} at the start",
            f"C++ build: {facts['build']}",
            f"NumPy's BLAS: {', '.join(machine.blas()) or 'none that threadpoolctl knows'}",
            f"Roof: {'; '.join(rates)}",
            f"Versions: {', '.join(f'{name} {number}' for name, number in machine.versions().items())}",
            f"Missing: {'; '.join(missing) or 'nothing'}",
        ]

    def markdown(self) -> str:
        lines = ["# Kernels, timed", "", *(f"- {line}" for line in self.head()), ""]
        lines += ["## At a glance", "", *self.glance(), ""]
        for kernel in dict.fromkeys(group.case.kernel for group in self.seconds):
            lines += [f"## {kernel}", "", *self.details(kernel), ""]
        return "\n".join(lines)

    def glance(self) -> list[str]:
        """One line a size: the best rung of each backend, in single precision, on all threads."""
        lines = _row("kernel", "size", *(f"{name}, ms" for name in kernels.BACKENDS), head=True)
        for group, best in self.best().items():
            times = (_milliseconds(best[name]) if name in best else "" for name in kernels.BACKENDS)
            lines += _row(group.case.kernel, label(group.case), *times)
        return lines

    def best(self) -> dict[Group, dict[str, float]]:
        """Backend -> seconds of its best rung; naive, which has no threads, is taken from the group with one."""
        found: dict[Group, dict[str, float]] = {}
        threads = max((group.threads for group in self.seconds), default=1)
        for group in self.seconds:
            if group.dtype == "float32" and group.threads == threads:
                medians = {**self.medians(group._replace(threads=1)), **self.medians(group)}
                found[group] = {}
                for side, seconds in medians.items():
                    if side in self.seconds[group] or side.backend == "naive":
                        found[group][side.backend] = min(seconds, found[group].get(side.backend, np.inf))
        return found

    def medians(self, group: Group) -> dict[Side, float]:
        return {side: float(np.median(times)) for side, times in self.seconds.get(group, {}).items()}

    def details(self, kernel: str) -> list[str]:
        lines = _row(*HEADS, head=True)
        for (name, dtype), seconds in self.compiled.items():
            if name == kernel:
                lines += _row("first call", dtype, "", "numba, compiling", _milliseconds(seconds), "", "", "", "")
        for group, measured in self.seconds.items():
            if group.case.kernel == kernel:
                naive = self.medians(group._replace(threads=1)).get(Side("naive", "default"))
                for side, times in sorted(measured.items(), key=lambda item: -np.median(item[1])):
                    lines += self.detail(group, side, times, naive)
        return lines

    def detail(self, group: Group, side: Side, times: list[float], naive: float | None) -> list[str]:
        low, median, high = np.percentile(times, (25, 50, 75))
        flops = group.case.flops()
        threads = 1 if side.backend == "naive" else group.threads
        top = roof.peak(group.dtype, threads) if flops else roof.copy(moved(group), threads)
        rate = (flops or moved(group)) / median
        return _row(
            label(group.case),
            group.dtype,
            f"{group.threads}{' (busy)' if group in self.busy else ''}",
            side.id,
            _milliseconds(median),
            f"{_milliseconds(low)} to {_milliseconds(high)}",
            f"{rate / 1e9:.3g} {'GFLOP/s' if flops else 'GB/s'}",
            f"{100 * rate / top:.2g} %",
            f"{naive / median:.3g}" if naive else "",
        )

    def draw(self, path: Path) -> None:
        import matplotlib

        matplotlib.use("agg")
        import matplotlib.pyplot as plt

        best = self.best()
        names = list(dict.fromkeys(group.case.kernel for group in best))
        columns = min(3, max(1, len(names)))
        rows = max(1, -(-len(names) // columns))
        size = (7.5 * columns, 4 * rows)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axis, name in zip(axes.flat, names, strict=False):
            _bars(axis, name, {group: times for group, times in best.items() if group.case.kernel == name})
        for axis in axes.flat[len(names) :]:
            axis.set_axis_off()
        handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
        figure.legend(handles, COLOURS, loc="outside upper center", ncols=len(COLOURS), frameon=False)
        figure.savefig(path, dpi=90)
        plt.close(figure)


def _bars(axis, kernel: str, best: dict[Group, dict[str, float]]) -> None:
    """Milliseconds on a logarithmic scale, one cluster of bars a size; lower is faster."""
    for slot, (name, colour) in enumerate(COLOURS.items()):
        at = [i for i, times in enumerate(best.values()) if name in times]
        heights = [1e3 * times[name] for times in best.values() if name in times]
        axis.bar([i + 0.16 * (slot - 2) for i in at], heights, 0.15, color=colour)
    axis.set_yscale("log")
    axis.set_ylabel("ms a call (float32)")
    axis.set_title(kernel, fontsize=11)
    axis.set_xticks(range(len(best)), [label(group.case).replace(", ", "\n") for group in best], fontsize=6)
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)


def _row(*cells: str, head: bool = False) -> list[str]:
    line = f"| {' | '.join(cells)} |"
    return [line, "|" + "---|" * len(cells)] if head else [line]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:.0f}"
