"""Pictures for a lecture: labelled, readable without colour, safe for the colour-blind. Drawn without a display."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cuarzo.history import History
from cuarzo.storage import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart with any colour vision; they differ in brightness too, and in line style and marker
TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o"}
VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s"}
MOST_FILTERS = 64


def curves(
    history: History, path: Path | str, title: str = "", best: int | None = None, loss: str = "cross-entropy loss"
) -> None:
    """Loss and accuracy over the epochs, training and validation; `best` marks the epoch whose weights were kept.

    `loss` is what the axis calls it.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    panels = [("loss", loss)]
    if history.epochs and history.epochs[0].train_accuracy is not None:
        panels.append(("accuracy", "accuracy"))
    figure, axes = _figure(1, len(panels), (5.2 * len(panels), 4.0))
    for axis, (name, label) in zip(axes.flat, panels):
        x = history.column("epoch")
        few = {"markersize": 5 if len(x) <= 30 else 0, "linewidth": 1.8}
        axis.plot(x, history.column(f"train_{name}"), label="training (mean during the epoch)", **TRAINING, **few)
        if None not in history.column(f"valid_{name}"):
            axis.plot(x, history.column(f"valid_{name}"), label="validation (after the epoch)", **VALIDATION, **few)
        if best:
            axis.axvline(best, color="0.45", linestyle=":", linewidth=1.5, label=f"weights kept: epoch {best}")
        axis.set(xlabel="epoch", ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if name == "accuracy":
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        else:
            axis.set_ylim(bottom=0, top=1.08 * axis.dataLim.y1 if x else 1)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=9)
    figure.suptitle(title)
    _write(figure, path)


def filters(weights: np.ndarray, path: Path | str, title: str = "", names: Sequence[str] | None = None) -> None:
    """First-layer weights (F, H, W) as images on one scale: mid-grey is zero, white positive, black negative."""
    if np.ndim(weights) != 3 or np.size(weights) == 0:
        raise ValueError(f"plots.filters: weights has shape {np.shape(weights)}, expected (F, H, W), none of them 0")
    shown = np.asarray(weights)[:MOST_FILTERS]
    mosaic, places = _mosaic(shown)
    height, width = mosaic.shape
    figure, axes = _figure(1, 1, (width / 90 + 1.2, height / 90 + 0.4))
    axis, top = axes[0, 0], float(np.abs(shown).max()) or 1.0
    picture = axis.imshow(mosaic, cmap="gray", vmin=-top, vmax=top, interpolation="nearest")
    for i, (x, y) in enumerate(places):
        axis.text(x, y, names[i] if names else f"{i + 1}", ha="center", va="bottom", fontsize=10)
    axis.set_axis_off()
    bar = figure.colorbar(picture, ax=axis, aspect=30, pad=0.02, label="weight")
    bar.ax.axhline(0, color="black", linewidth=0.8)
    cut = f" (the first {len(shown)} of {len(weights)})" if len(shown) < len(weights) else ""
    axis.set_title(title + cut)
    _write(figure, path)


def pictures(images: np.ndarray, path: Path | str, title: str = "") -> None:
    """A table of images (rows, columns, H, W) with values from 0, black, to 1, white."""
    if np.ndim(images) != 4 or np.size(images) == 0:
        raise ValueError(f"plots.pictures: images has shape {np.shape(images)}, expected (rows, columns, H, W)")
    framed = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=0.5)
    rows, columns, height, width = framed.shape
    mosaic = framed.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    figure, axes = _figure(1, 1, (0.75 * columns + 0.4, 0.75 * rows + 0.6))
    axes[0, 0].imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes[0, 0].set_axis_off()
    axes[0, 0].set_title(title, fontsize=10)
    _write(figure, path)


def _mosaic(images: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """One picture of all images, and (x, y) above the middle of each, where its name goes.

    A picture for every image would be 64 axes, whose layout takes ten seconds.
    """
    scale = max(1, 112 // min(images.shape[1:]))
    tiles = np.kron(images, np.ones((scale, scale)))
    height, width = tiles.shape[1:]
    columns = 1 if width > 2 * height else _columns(len(images))
    rows = -(-len(images) // columns)
    mosaic = np.full((rows * (height + 28), columns * (width + 10) - 10), np.nan)  # NaN is drawn white
    places = []
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + 28) + 28, i % columns * (width + 10)
        mosaic[y : y + height, x : x + width] = tile
        places.append((x + width // 2, y - 3))
    return mosaic, places


def _columns(count: int) -> int:
    """As many columns as fill every row, if a number near the square root does; at most twice as wide as high."""
    low = int(np.ceil(np.sqrt(count)))
    return next((c for c in range(low, 2 * low) if count % c == 0), low)


def confusion(matrix: np.ndarray, path: Path | str, classes: Sequence[str], title: str = "") -> None:
    """Counts: a row for each true class, a column for each predicted one.

    Grey shows the share of the row, on a scale that makes rare mistakes visible.
    """
    from matplotlib.colors import PowerNorm

    size = len(classes)
    figure, axes = _figure(1, 1, (0.62 * size + 1.6, 0.58 * size + 1.4))
    axis = axes[0, 0]
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    picture = axis.imshow(share, cmap="Greys", norm=PowerNorm(0.4, 0, 1))  # a share of 1 % is visible beside 99 %
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = share[row, column] ** 0.4 > 0.55
            axis.text(column, row, f"{count}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    turned = {"rotation": 45, "ha": "right"} if max(map(len, classes)) > 2 else {}
    axis.set_xticks(range(size), classes, **turned)
    axis.set_yticks(range(size), classes)
    axis.set(xlabel="predicted class", ylabel="true class")
    bar = figure.colorbar(picture, ax=axis, shrink=0.85, ticks=[0, 0.01, 0.1, 0.5, 1], label="share of the true class")
    bar.ax.set_yticklabels(["0", "1%", "10%", "50%", "100%"])
    axis.set_title(title, pad=12)
    _write(figure, path)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple["Figure", np.ndarray]:
    """A figure of its own, not pyplot's: no global state, no display, nothing to close."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _write(figure: "Figure", path: Path | str) -> None:
    content = io.BytesIO()
    # tight: a long title is not cut off, and nothing is left empty under a wide picture
    figure.savefig(content, format="png", dpi=150, bbox_inches="tight", pad_inches=0.1)
    write_atomic(path, content.getvalue())
