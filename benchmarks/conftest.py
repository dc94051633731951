"""The session: a Numba cache of its own, empty, so that compiling can be timed; and the report at the end."""

import os
import tempfile
from pathlib import Path

import pytest

_cache = tempfile.TemporaryDirectory(prefix="cuarzo-numba-")
os.environ["NUMBA_CACHE_DIR"] = _cache.name

RESULTS = Path(__file__).with_name("results")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--passes", type=int, default=3, help="how often each group of sides is gone through")


def pytest_configure(config: pytest.Config) -> None:
    config.option.benchmark_quiet = True  # the table here has the groups, the roof and the rates


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest):
    from report import Report

    made = request.config.stash[_KEY] = Report()
    return made


_KEY: pytest.StashKey = pytest.StashKey()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if report := config.stash.get(_KEY, None):
        for line in [*report.head(), "", *report.glance(), "", *map(str, report.write(RESULTS))]:
            terminalreporter.write_line(line)
    _cache.cleanup()
