"""Several runs made one: medians over the processes, and how far apart they lie."""

from collections import defaultdict
from statistics import median

from versus.row import DEFAULT, OURS


def merge(runs: list[dict]) -> dict:
    """One entry a row and thread count. Ratios, peer / ours, are taken within a run, where both sides took turns."""
    found: dict[tuple[str, int], list[dict]] = defaultdict(list)
    for run in runs:
        for row in run["rows"]:
            found[row["name"], run["threads"]].append(row)
    return {
        "machine": runs[0]["machine"],
        "runs": max(len(rows) for rows in found.values()),
        "loads": [run["load"] for run in runs],
        "rows": [_row(rows, threads) for (_, threads), rows in found.items()],
    }


def _row(rows: list[dict], threads: int) -> dict:
    first = rows[0]
    seconds = {side: median(row["seconds"][side][1] for row in rows) for side in first["seconds"]}
    peers = [side for side in seconds if side != OURS]
    best = min(peers, key=lambda side: median(row["seconds"][side][1] / row["seconds"][OURS][1] for row in rows))
    floor = median(row["floor"] for row in rows)
    return {
        "family": first["family"],
        "name": first["name"],
        "threads": threads,
        "seconds": seconds,
        "default": _spread([row["seconds"][DEFAULT][1] / row["seconds"][OURS][1] for row in rows]),
        "best": _spread([row["seconds"][best][1] / row["seconds"][OURS][1] for row in rows]),
        "best_side": best,
        "flops": first["flops"],
        "bytes": first["bytes"],
        "floor": floor,
        "share": floor / seconds[OURS],
        "at_the_roof": floor / seconds[best] >= 0.75,
        "quartiles": [median(row["seconds"][OURS][i] for row in rows) for i in (0, 2)],
        "load": max(row["load"] for row in rows),
        "busy": sum(row["busy"] for row in rows),
        "prepared": {side: median(row["prepared"][side] for row in rows) for side in first["prepared"]},
        **({"scikit": _scikit(rows)} if "scikit-learn" in seconds else {}),
    }


def _scikit(rows: list[dict]) -> float:
    return median(row["seconds"]["scikit-learn"][1] / row["seconds"][OURS][1] for row in rows)


def _spread(ratios: list[float]) -> list[float]:
    """Median, least, largest."""
    return [median(ratios), min(ratios), max(ratios)]
