"""Every command runs in an empty folder."""

import pytest

from cuarzo import experiment, kernels
from cuarzo.kernels.threads import get_num_threads, set_num_threads


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, request):
    """Run in an empty folder; backend and threads, which a process has one of, are put back."""
    monkeypatch.chdir(tmp_path)
    if "pictures" not in request.fixturenames:  # drawing is most of a short run's time
        monkeypatch.setattr(experiment.plots, "_write", lambda figure, path: None)
    threads = get_num_threads()
    with kernels.use("auto"):
        yield
    set_num_threads(threads)


@pytest.fixture
def pictures():
    """For the test that wants them drawn."""
