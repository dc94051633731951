"""The picture: how many times faster than PyTorch, row by row."""

from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

COLOURS = {"default": "#9ecae1", "best": "#e45756"}
LEGEND = {"default": "against the default mode", "best": "against the best mode of any peer"}


def draw(result: dict, path: Path) -> None:
    """A panel a thread count, a line of two points a row; right of 1 cuarzo is faster."""
    counts = sorted({row["threads"] for row in result["rows"]})
    longest = max(sum(row["threads"] == n for row in result["rows"]) for n in counts)
    size = (7.5 * len(counts) + 2, 0.165 * longest + 2)
    figure, axes = plt.subplots(1, len(counts), figsize=size, squeeze=False, sharey=True, layout="constrained")
    for axis, threads in zip(axes.flat, counts, strict=True):
        rows = [row for row in result["rows"] if row["threads"] == threads][::-1]
        _panel(axis, rows, f"{threads} thread{'s' * (threads > 1)}")
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=colour) for colour in COLOURS.values()]
    figure.legend(handles, [LEGEND[name] for name in COLOURS], loc="outside upper center", ncols=2, frameon=False)
    figure.supxlabel(f"{result['machine']['cpu']}, {result['date']}", fontsize=9, color="#555555")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _panel(axis, rows: list[dict], title: str) -> None:
    at = range(len(rows))
    for i, row in enumerate(rows):
        axis.plot([row["best"][0], row["default"][0]], [i, i], color="#dddddd", linewidth=1.5, zorder=1)
    for mode, colour in COLOURS.items():
        axis.scatter([row[mode][0] for row in rows], at, s=14, color=colour, zorder=2)
    for i, (row, following) in enumerate(pairwise(rows)):
        if row["family"] != following["family"]:
            axis.axhline(i + 0.5, color="#bbbbbb", linewidth=0.6)
    axis.axvline(1, color="black", linewidth=0.9)
    axis.set_xscale("log")
    ticks = [tick for tick in (0.25, 0.5, 1, 2, 4, 8, 16, 32) if tick <= 2 * max(row["default"][0] for row in rows)]
    axis.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axis.minorticks_off()
    axis.set_yticks(at, [row["name"] for row in rows], fontsize=6.5)
    axis.set_ylim(-1, len(rows))
    axis.grid(axis="x", alpha=0.3)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel("the peer's time / cuarzo's: right of 1 cuarzo is faster", fontsize=8)
