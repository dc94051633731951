"""`python -m versus`: the whole table, in processes of its own for each run and thread count, and what came of it.

Writes peers.json (every figure), peers.md (the table, each goal marked) and peers.png to benchmarks/results/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from versus import memory, picture, table
from versus.goals import goals
from versus.merge import merge

HERE = Path(__file__).parent.parent
# They would make OpenBLAS take other kernels than its own choice, or pin the threads of all but OpenMP to one core.
HELD_BACK = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_PROC_BIND", "OMP_PLACES")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m versus", description="cuarzo beside its peers, row by row")
    parser.add_argument("--runs", type=int, default=3, help="medians are of so many processes for each thread count")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("-k", default="", help="rows whose family and name match this regular expression")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    runs: list[dict] = []
    steps: list[dict] = []
    if not options.k or "memory" in options.k:
        steps = memory.measure(max(options.threads))
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs):
            runs += [work(threads, options.k, Path(folder, f"{run}-{threads}.json")) for threads in options.threads]
            result = write(options.out, runs, steps)  # after each, so that whoever has seen enough may stop
    print("\n".join([*table.summary(result), "", str(options.out)]))


def write(folder: Path, runs: list[dict], steps: list[dict]) -> dict:
    result = merge(runs) | {
        "command": " ".join(["python -m versus", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "memory": steps,
    }
    result["goals"] = goals(result)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "peers.md").write_text(table.markdown(result), encoding="utf-8")
    picture.draw(result, folder / "peers.png")
    return result


def work(threads: int, pattern: str, out: Path) -> dict:
    environment = {name: value for name, value in os.environ.items() if name not in HELD_BACK}
    environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "versus.worker", "--threads", str(threads), "--out", str(out), "-k", pattern]
    print(f"{threads} thread{'s' if threads > 1 else ''}:", flush=True)
    subprocess.run(command, env=environment, check=True, cwd=HERE)
    return json.loads(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
