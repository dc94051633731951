"""How much a training step adds to a process that has imported its library: the peak, in MB."""

import json
import os
import subprocess
import sys
from pathlib import Path

from versus.names import BATCHES, NETWORKS, OPTIMIZERS

STEPS = 10


def measure(threads: int) -> list[dict]:
    """A process for each network, batch and side: what one has freed, the next would not have to fetch."""
    found = []
    for network in NETWORKS:
        for optimizer in OPTIMIZERS:
            for batch in BATCHES:
                row = {"name": f"{network}, batch {batch}, {optimizer}"}
                for side in ("cuarzo", "torch"):
                    row[side] = _growth(side, network, optimizer, batch, threads)
                print(f"{row['name']:<50}{row['cuarzo']:8.1f} MB, torch {row['torch']:.1f} MB", flush=True)
                found.append(row)
    return found


def _growth(side: str, network: str, optimizer: str, batch: int, threads: int) -> float:
    command = [sys.executable, "-m", "versus.memory", side, network, optimizer, str(batch)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _peak() -> float:
    """Of this process so far, in MB. On Linux getrusage would begin with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        return float(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(side: str, network: str, optimizer: str, batch: int) -> float:
    import numpy as np

    if side == "cuarzo":
        import cuarzo as cz
        from versus import ours as chosen

        _ = cz.nn, cz.ops, cz.optim, cz.models, cz.kernels.current().matmul  # imported at their first use
    else:
        from versus import theirs as chosen
    before, images, labels = _peak(), np.zeros((batch, 1, 28, 28), np.float32), np.arange(batch) % 10
    step = chosen.step(network, optimizer, images, labels)
    for _ in range(STEPS):
        step()
    return _peak() - before


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
