"""How the command line's tests run it: in this process, as `mailcall` does, with exit code and both outputs."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from console.__main__ import main
from console.config import ConsoleConfig

DEMO = Path(__file__).parents[2] / "deploy/local/demo.yaml"


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


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str) -> ConsoleConfig:
    return ConsoleConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix)


@pytest.fixture
def servers(at_broker: Mailcall) -> Mailcall:
    """`mailcall servers` where the demo is set up."""
    assert at_broker("apply", DEMO).code == 0
    return lambda *arguments: at_broker("servers", *arguments)
