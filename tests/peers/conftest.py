"""A table at the end: what was compared with PyTorch, and how close."""

import os
from collections.abc import Iterator

import pytest

from cuarzo import kernels, set_num_threads
from peers.record import PROPERTY, table


@pytest.fixture(autouse=True)
def _backend() -> Iterator[None]:
    """`auto`, or what CUARZO_PEERS_BACKEND names; one thread, since the arrays are tiny."""
    set_num_threads(1)
    with kernels.use(os.environ.get("CUARZO_PEERS_BACKEND", "auto")):
        yield


def pytest_terminal_summary(terminalreporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    calls = [report for report in reports if getattr(report, "when", "") == "call"]
    lines = table([entry for report in calls for name, entry in report.user_properties if name == PROPERTY])
    if lines:
        terminalreporter.section("compared with PyTorch")
        for line in lines:
            terminalreporter.write_line(line)
