"""A test whose server cannot be had is not silently green: the end of the run lists it, and in CI it fails."""

import os
from collections.abc import Generator

import pytest

from deploy.local import NotAvailableError

_SKIPPED = "Skipped: not run: "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    try:
        return (yield)
    except NotAvailableError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"not run: {error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """From the reports alone: with pytest-xdist they are all that comes from where the tests ran."""
    not_run: dict[str, list[str]] = {}
    for report in terminalreporter.getreports("skipped"):
        _, _, why = report.longrepr
        if why.startswith(_SKIPPED):
            not_run.setdefault(why.removeprefix(_SKIPPED), []).append(report.nodeid)
    if not_run:
        terminalreporter.section("not run, and why", yellow=True, bold=True)
    for why, tests in not_run.items():
        terminalreporter.write_line(why)
        for test in tests:
            terminalreporter.write_line(f"    {test}")
