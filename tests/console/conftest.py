"""How the command line's tests run it: in this process, as `mailcall` does, with exit code and both outputs."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from console.__main__ import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Mailcall = Callable[..., Ran]


@pytest.fixture
def mailcall(capsys: pytest.CaptureFixture[str]) -> Iterator[Mailcall]:
    """Runs `mailcall` with these arguments."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def at_broker(mailcall: Mailcall, kafka_bootstrap: str, topic_prefix: str) -> Mailcall:
    """Runs `mailcall` against the broker, with topics of this test alone, created."""

    def run(*arguments: object) -> Ran:
        return mailcall("--bootstrap-servers", kafka_bootstrap, "--topic-prefix", topic_prefix, *arguments)

    assert run("topics", "create").code == 0
    return run
