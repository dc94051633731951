"""What every test can rely on: the one before it has left nothing behind, whatever the order and the worker."""

from collections.abc import Iterator

import pytest

from cuarzo import get_num_threads, kernels, set_num_threads
from peers.record import PROPERTY, table


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registered backends, the chosen one and the thread count are the process's: they go back after each test."""
    monkeypatch.setattr(kernels, "_registered", dict(kernels._registered))
    monkeypatch.setattr(kernels, "_current", kernels._current)
    threads = get_num_threads()
    yield
    if get_num_threads() != threads:
        set_num_threads(threads)


def pytest_terminal_summary(terminalreporter) -> None:
    """What was compared with PyTorch, and how close. Here, since the process that prints reads no other conftest."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    calls = [report for report in reports if getattr(report, "when", "") == "call"]
    lines = table([entry for report in calls for name, entry in report.user_properties if name == PROPERTY])
    if lines:
        terminalreporter.section("compared with PyTorch")
        for line in lines:
            terminalreporter.write_line(line)
