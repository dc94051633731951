"""A training run of a fraction of a second, with everything that has state: dropout, momentum, plateau, shifts.

As a script: `python small.py FOLDER EPOCHS [resume] [stop N]` trains, and blocks inside the N-th writing.
"""

import sys
from pathlib import Path

import numpy as np

from cuarzo import nn, optim, random, storage, train
from cuarzo.data import Shift


def data(count=96, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, count)
    x = 0.3 * rng.normal(size=(count, 1, 6, 6)).astype(np.float32)
    x[np.arange(count), 0, 1 + 3 * (y // 2), 1 + 3 * (y % 2)] += 5  # in which quarter a bright pixel lies is the class
    return x, y


def build(seed=0):
    random.seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(3 * 36, 4))
    optimizer = optim.SGD(model.parameters(), 0.05, momentum=0.9)
    return model, optimizer, optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=0.3)


def run(folder, epochs, **options):
    model, optimizer, schedule = build()
    settings = {"batch_size": 20, "patience": 50, "clip": 1.0, "augment": Shift(1), "progress": False, **options}
    history = train.fit(
        model, data(), data(40, 1), epochs=epochs, optimizer=optimizer, schedule=schedule, folder=folder, **settings
    )
    return model, history


def block_at_writing(number):
    fsync, count = storage.os.fsync, 0

    def counted(handle):
        nonlocal count
        count += 1
        if count == 2 * number - 1:  # each writing syncs the file, then the folder
            print("writing", flush=True)
            sys.stdin.read()
        fsync(handle)

    storage.os.fsync = counted


if __name__ == "__main__":
    folder, epochs, *words = sys.argv[1:]
    if "stop" in words:
        block_at_writing(int(words[-1]))
    model, _ = run(Path(folder), int(epochs), resume="resume" in words)
    storage.save_arrays(Path(folder) / "model.safetensors", model.state_dict())
