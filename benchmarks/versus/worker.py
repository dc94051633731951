"""One process, one thread count: all rows (or those that match), verified, then timed. Writes JSON."""

import argparse
import gc
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

import cuarzo as cz
from cuarzo.study import machine, roof
from versus import convolution, energy, overhead, pooling, product, recurrent, training
from versus.row import Row, Side, agree

FAMILIES = {
    "convolution": convolution,
    "pooling": pooling,
    "recurrent": recurrent,
    "product": product,
    "RBM": energy,
    "training": training,
    "overhead": overhead,
}
TURNS, SECONDS, WARM = 3, 0.04, 0.01  # all sides take turns; a side's share of a turn, and what goes before it
# A library's threads look for work before they sleep, on the core that the next side needs: OpenMP's for some
# milliseconds, OpenBLAS's for a tenth of a second.
REST, REST_AFTER = 0.03, {"numpy": 0.2, "scikit-learn": 0.2}
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
FAIR, PROBES = 1.8, 8  # two threads on an idle machine come to about twice the peak of one


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("-k", default="", help="rows whose family and name match this regular expression")
    options = parser.parse_args()
    cz.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    found = {"threads": options.threads, "load": os.getloadavg()[0], "machine": facts(), "rows": []}
    wanted = re.compile(options.k)
    for module in FAMILIES.values():
        for row in module.rows():
            if wanted.search(f"{row.family} {row.name}"):
                found["rows"].append(measure(row, options.threads))
                print(line(found["rows"][-1]), flush=True)
                options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


def facts() -> dict:
    return {**machine.describe(), "torch": torch.__version__}


def measure(row: Row, threads: int) -> dict:
    cz.seed(0)
    torch.manual_seed(0)
    sides = row.make()
    if message := agree(row, sides):
        sys.exit(f"not timed, for the sides do not agree: {message}")
    if CORES:
        os.sched_setaffinity(0, CORES)  # the probes' threads inherit them
    peak, band = roof.peak("float32", threads), roof.copy(int(row.nbytes), threads)
    busy = threads > 1 and not idle(threads)
    times: dict[str, list[float]] = {name: [] for name in sides}
    rest = max(REST_AFTER.get(name, REST) for name in sides)
    for _ in range(1 if row.once else TURNS):
        for name, side in sides.items():
            time.sleep(rest)
            times[name] += turn(side, row.once)
            rest = REST_AFTER.get(name, REST)
    gc.collect()
    return {
        "family": row.family,
        "name": row.name,
        "flops": row.flops,
        "bytes": row.nbytes,
        "floor": max(row.flops / peak, row.nbytes / band),
        "busy": busy,
        "load": os.getloadavg()[0],
        "seconds": {name: list(np.percentile(each, (25, 50, 75))) for name, each in times.items()},
        "prepared": {name: side.prepared for name, side in sides.items() if side.prepared},
    }


def idle(threads: int) -> bool:
    for _ in range(PROBES):
        if roof.fma("float32", threads) >= FAIR / 2 * threads * roof.peak("float32", 1):
            return True
        time.sleep(0.2)
    return False


def spread() -> None:
    """This thread on the first core, all others on the rest: left alone they can meet on one core and stay there.

    The threads of OpenMP and OpenBLAS then wait for each other by turns of the system's clock: a product of 0.5 ms
    takes 16. Threads inherit the cores of the one that starts them, so this is done anew before each turn.
    """
    if not hasattr(os, "sched_setaffinity") or not os.path.isdir("/proc/self/task"):
        return
    first, *rest = CORES
    for thread in map(int, os.listdir("/proc/self/task")):
        os.sched_setaffinity(thread, {first} if thread == os.getpid() or not rest else rest)


def turn(side: Side, once: bool) -> list[float]:
    """Seconds of single calls; of a call of some microseconds, the mean of many."""
    clock = time.perf_counter
    spread()
    if once:
        started = clock()
        side.call()
        return [clock() - started]
    side.call()  # the first time it starts its threads
    spread()
    calls, started = 0, clock()
    while clock() - started < WARM or calls < 2:
        side.call()
        calls += 1
    batch = max(1, int(5e-5 / ((clock() - started) / calls)))
    seconds: list[float] = []
    while sum(seconds) * batch < SECONDS or len(seconds) < 3:
        started = clock()
        for _ in range(batch):
            side.call()
        seconds.append((clock() - started) / batch)
    return seconds


def line(row: dict) -> str:
    ours = row["seconds"]["cuarzo"][1]
    peers = {name: each[1] / ours for name, each in row["seconds"].items() if name != "cuarzo"}
    ratios = "  ".join(f"{name} {ratio:.2f}" for name, ratio in peers.items())
    return (
        f"{row['name']:<58}{1e3 * ours:>10.3f} ms {row['floor'] / ours:>6.0%}  {ratios}{' busy' if row['busy'] else ''}"
    )


if __name__ == "__main__":
    main()
