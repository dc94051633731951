"""What Numba compiled is kept for later processes, and each finds its own code, also if two compiled at once."""

import os
import subprocess
import sys

from cuarzo.kernels.numba._cache import CacheFile

RUN = """
import sys
import numpy as np
from numba.core.event import RecordingListener, install_listener
from cuarzo.kernels import implementation
from cuarzo.kernels.cases import cases, violation
with install_listener("numba:compile", compiled := RecordingListener()):
    for dtype in sys.argv[1:]:
        for case in cases("upsample_nearest_forward"):
            assert not violation(implementation("upsample_nearest_forward", "numba"), case, dtype)
print(len(compiled.buffer) // 2)
"""


def test_two_that_looked_before_either_wrote_do_not_share_a_file(tmp_path):
    for key in ("float32", "float64"):
        file = CacheFile(str(tmp_path), "loops", 1)
        file._load_index = dict
        file.save(key, f"code for {key}")
    assert len(list(tmp_path.glob("*.nbc"))) == 2
    assert CacheFile(str(tmp_path), "loops", 1).load("float64") == "code for float64"
    assert CacheFile(str(tmp_path), "loops", 1).load("float32") in (None, "code for float32")
    assert CacheFile(str(tmp_path), "loops", 2).load("float64") is None  # of another state of the source


def test_processes_that_compile_at_once_then_one_that_need_not(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start(*dtypes):
        command = [sys.executable, "-c", RUN, *dtypes]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    for dtypes in ([["float32"], ["float64"]], [["float64", "float32"]], [["float32", "float64"]]):
        running = [start(*names) for names in dtypes]
        counts = [(process.communicate(), process.returncode) for process in running]
        assert all(code == 0 for _, code in counts), counts
    (out, _), _ = counts[0]
    assert out.strip() == "0"
