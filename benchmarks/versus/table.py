"""The Markdown table, and its summary."""

from versus.goals import Goal, bound, mean
from versus.row import OURS

HEADS = (
    *("row", "threads", "ms", "quartiles", "rate", "share of the roof"),
    *("× default", "× best", "spread", "best mode", "load"),
)


def markdown(result: dict) -> str:
    lines = ["# cuarzo beside its peers", "", *(f"- {line}" for line in head(result)), ""]
    lines += ["## To reach", "", *_goals(result["goals"]), "", "## In short", "", *summary(result), ""]
    for family in dict.fromkeys(row["family"] for row in result["rows"]):
        lines += [f"## {family}", "", *_row(*HEADS, head=True)]
        lines += [line for row in result["rows"] if row["family"] == family for line in _measured(row)]
        lines += [""]
    if result["memory"]:
        lines += ["## Memory that a training step adds to a process", "", *_memory(result["memory"]), ""]
    compiled = {row["name"]: row["prepared"]["compiled"] for row in result["rows"] if "compiled" in row["prepared"]}
    if compiled:
        slow, quick = max(compiled.values()), min(compiled.values())
        lines += [f"torch.compile took {quick:.1f} to {slow:.1f} s a network; none of it is in the ratios.", ""]
    return "\n".join(lines)


def head(result: dict) -> list[str]:
    """On what all this was measured, and how to read it."""
    facts = result["machine"]
    loads = ", ".join(f"{load:.1f}" for load in result["loads"])
    return [
        f"`{result['command']}`, {result['date']}; medians of {result['runs']} processes for each thread count",
        f"CPU: {facts['cpu']}, {facts['cpus']} cores; load average at the start of each process: {loads}",
        f"C++ build {facts['build']}; torch {facts['torch']}; NumPy's BLAS: {', '.join(facts['blas'])}",
        f"versions: {', '.join(f'{name} {number}' for name, number in facts['versions'].items())}",
        "float32. Ratios are the peer's time / ours, taken within a process where the sides took turns: above 1 cuarzo "
        "is faster. Default: what one types. Best: the fastest of both memory formats, the fused optimiser, "
        "`torch.compile`, NumPy's BLAS, scikit-learn, where they apply",
        "share of the roof: of the larger of two times, FLOPs of the direct algorithm at the measured peak and bytes "
        "that must move at the speed of a copy. ᵀ marks a peer that reaches 75 % of it: there .95 is asked, else 1",
        "spread: the least and the largest ratio to the best mode among the processes; load: the highest seen. "
        "`busy`: runs in which a probe before the row found a neighbour on the second core",
    ]


def summary(result: dict) -> list[str]:
    """One line a family: geometric means, and the lowest row."""
    lines = _row("family", "rows", "× default", "× best", "lowest × best", head=True)
    for family in dict.fromkeys(row["family"] for row in result["rows"]):
        for threads in sorted({row["threads"] for row in result["rows"]}):
            rows = [row for row in result["rows"] if row["family"] == family and row["threads"] == threads]
            if rows:
                low = min(rows, key=lambda row: row["best"][0])
                cells = (f"{mean([row[mode][0] for row in rows]):.2f}" for mode in ("default", "best"))
                text = f"{low['best'][0]:.2f}: {low['name']}"
                lines += _row(f"{family}, {threads} thread{'s' * (threads > 1)}", str(len(rows)), *cells, text)
    return lines


def _goals(goals: list[Goal]) -> list[str]:
    lines = _row("goal", "wanted", "measured", "", head=True)
    for text, wanted, got, reached in goals:
        lines += _row(text, f"{wanted:g}", f"{got:.3g}", "reached" if reached else "**missed**")
    return lines


def _measured(row: dict) -> list[str]:
    ours = row["seconds"][OURS]
    counted = row["flops"] > 0
    rate = (row["flops"] if counted else row["bytes"]) / ours / 1e9
    under = row["best"][0] < bound(row)
    best = f"{row['best'][0]:.2f}{'ᵀ' if row['at_the_roof'] else ''}"
    low, high = (f"{1e3 * seconds:.3g}" for seconds in row["quartiles"])
    return _row(
        row["name"],
        str(row["threads"]),
        f"{1e3 * ours:.3g}",
        f"{low} to {high}",
        f"{rate:.3g} {'GFLOP/s' if counted else 'GB/s'}",
        f"{row['share']:.0%}",
        f"{row['default'][0]:.2f}",
        f"**{best}**" if under else best,
        f"{row['best'][1]:.2f} to {row['best'][2]:.2f}",
        row["best_side"],
        _load(row),
    )


def _memory(steps: list[dict]) -> list[str]:
    lines = _row("step", "cuarzo, MB", "torch, MB", head=True)
    for step in steps:
        lines += _row(step["name"], f"{step['cuarzo']:.1f}", f"{step['torch']:.1f}")
    return lines


def _row(*cells: str, head: bool = False) -> list[str]:
    line = f"| {' | '.join(cells)} |"
    return [line, "|" + "---|" * len(cells)] if head else [line]


def _load(row: dict) -> str:
    return f"{row['load']:.1f}, busy {row['busy']}" if row["busy"] else f"{row['load']:.1f}"
