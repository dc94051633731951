"""The peers' table (benchmarks/versus): what it makes of its measurements, and that a wrong side is not timed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from versus import table
from versus.goals import bound, goals
from versus.merge import merge
from versus.row import EPS, Row, Side, agree

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MACHINE = {"cpu": "a CPU", "cpus": 2, "build": "avx2", "torch": "2", "blas": ["b"], "versions": {"numpy": "2"}}


def measured(name, family="pooling", floor=1.0, flops=0.0, **seconds):
    quartiles = {side: [0.9 * s, s, 1.1 * s] for side, s in seconds.items()}
    rest = {"bytes": 8.0, "busy": False, "load": 0.5, "prepared": {}}
    return {"name": name, "family": family, "flops": flops, "floor": floor, "seconds": quartiles, **rest}


def run(*rows, threads=1):
    return {"threads": threads, "load": 0.1, "machine": MACHINE, "rows": list(rows)}


def test_ratios_are_medians_over_runs_of_ratios_within_a_run():
    """A run on a machine that is twice as slow for both sides says the same."""
    times = ((2, 6, 4), (4, 12, 8), (2, 5, 3))
    result = merge([run(measured("r", cuarzo=a, torch=b, fused=c)) for a, b, c in times])
    (row,) = result["rows"]
    assert row["default"] == [3, 2.5, 3] and row["best"] == [2, 1.5, 2] and row["best_side"] == "fused"
    assert row["seconds"]["cuarzo"] == 2 and row["share"] == 0.5 and result["runs"] == 3


def test_a_peer_at_the_roof_lowers_the_bound():
    near, far = merge([run(measured("a", cuarzo=1, torch=1.3), measured("b", cuarzo=1, torch=1.4))])["rows"]
    assert (near["at_the_roof"], far["at_the_roof"]) == (True, False)
    assert (bound(near), bound(far)) == (0.95, 1.0)


def test_goals():
    one = [measured("a", cuarzo=2, torch=8), measured("b", cuarzo=2, torch=32, channels_last=1.8)]
    two = [measured("a", cuarzo=1.0, torch=8, floor=0.5), measured("b", cuarzo=2, torch=32, floor=0.5)]
    result = merge([run(*one), run(*two, threads=2)]) | {"memory": [{"name": "a", "cuarzo": 2.0, "torch": 1.0}]}
    found = {goal.text: goal for goal in goals(result)}
    mean = found["default mode: geometric mean, pooling"]
    assert mean.got == pytest.approx((4 * 16 * 8 * 16) ** 0.25) and not mean.reached
    assert found["best mode: rows under their bound, of 4"].got == 1
    assert found["best mode: the lowest row"].got == 0.9
    (threads,) = (goal for text, goal in found.items() if text.startswith("two threads"))
    assert threads.got == 0.5 and not threads.reached and "1 of 2 rows" in threads.text
    assert not found["memory of a training step, ours / PyTorch's, highest"].reached


def test_markdown_marks_what_is_under_its_bound():
    result = merge([run(measured("slow", cuarzo=2, torch=1), measured("quick", cuarzo=1, torch=3))])
    result |= {"memory": [], "command": "c", "date": "d"}
    text = table.markdown(result | {"goals": goals(result)})
    (slow,) = (line for line in text.splitlines() if line.startswith("| slow"))
    (quick,) = (line for line in text.splitlines() if line.startswith("| quick"))
    assert "**0.50ᵀ**" in slow and "**" not in quick and "3.00" in quick
    assert "**missed**" in text and "reached" in text


@pytest.mark.parametrize("change", ["value", "shape", "count", "nan"])
def test_sides_that_differ_are_told(change):
    ours = np.linspace(1, 2, 5, dtype=np.float32)
    theirs = {
        "value": [ours * (1 + 40 * EPS)],
        "shape": [ours[:4]],
        "count": [ours, ours],
        "nan": [np.where(ours > 1.5, np.nan, ours)],
    }[change]

    def sides(other):
        return {"cuarzo": Side(lambda: None, lambda: [ours]), "torch": Side(lambda: None, lambda: other)}

    row = Row("pooling", "r", 0, 8, 8, lambda: sides(theirs))
    assert agree(row, sides(theirs))
    assert not agree(row, sides([ours * (1 + 8 * EPS)]))


def test_worker(tmp_path):
    """The rows of a family, measured: small, and whole."""
    pytest.importorskip("torch", reason="the other side of the table")
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "versus.worker", "--threads", "1", "--out", str(out), "-k", "^overhead"]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 3
    assert all(0 < row["seconds"][side][1] < 1 for row in rows for side in ("cuarzo", "torch"))
