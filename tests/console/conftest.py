"""How the command line's tests run it: in this process, as `mailcall` does, with exit code and both outputs."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from console.cli import main
from console.config import ConsoleConfig
from console.settings.state import read_state
from deploy.local.ports import wait_until
from desk.engine import open_desk, read_transaction
from desk.persons import find_persons, load_persons
from logger.handler import LoggerHandler
from resolver.handler import ResolverHandler
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobStore
from runtime.kafka.producer import Publisher
from runtime.processing.consumer import ConsumerLoop
from runtime.processing.outcomes import Handler
from schemas import ids
from schemas.persons import Person
from schemas.topics import MAIL_FETCHED
from schemas.wire import OutputRecord, encode
from tests.desks import new_desk

DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
STORED_SECONDS = 60


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


@pytest.fixture
def at_broker(mailcall: Mailcall, kafka_bootstrap: str, topic_prefix: str) -> Mailcall:
    """Runs `mailcall` against the broker, with topics of this test alone, created."""

    def run(*arguments: object) -> Ran:
        return mailcall("--bootstrap-servers", kafka_bootstrap, "--topic-prefix", topic_prefix, *arguments)

    assert run("topics", "create").code == 0
    return run


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> ConsoleConfig:
    return ConsoleConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        desk_url=new_desk(tmp_path / "desk.db"),
        blob_url=(tmp_path / "blobs").as_uri(),
    )


@pytest.fixture
def desk(config: ConsoleConfig) -> Iterator[Engine]:
    engine = open_desk(config.desk_url)
    yield engine
    engine.dispose()


@pytest.fixture
def run(at_broker: Mailcall, config: ConsoleConfig) -> Mailcall:
    """Runs `mailcall` with the desk and the blob store of this test."""
    return lambda *arguments: at_broker("--desk-url", config.desk_url, "--blob-url", config.blob_url, *arguments)


@contextmanager
def running_stages(config: ConsoleConfig, desk: Engine, publisher: Publisher) -> Iterator[None]:
    """Resolver and logger over these topics, in threads, until the block ends.

    The resolver starts when the logger has stored the persons who are set up: only then does it know them.
    """
    stop = threading.Event()
    with ExitStack() as stack:

        def settings() -> Any:
            return read_state(config).settings

        def directory(addresses: Any) -> dict[str, tuple[Person, ...]]:
            with read_transaction(desk) as connection:
                return find_persons(connection, addresses)

        blobs = BlobStore(config.blob_url)
        reader = stack.enter_context(closing(SandboxedParser()))
        resolver = ResolverHandler(settings, settings, directory, blobs, lambda: datetime.now(UTC), reader.examine)
        logger = LoggerHandler(desk, settings, publisher.publish, config.topic_prefix)

        def start(handler: Handler) -> None:
            loop = ConsumerLoop(config, handler, publisher, handler.stage, stop)
            thread = threading.Thread(target=loop.run, name=handler.stage)
            stack.callback(thread.join)
            stack.callback(stop.set)
            thread.start()

        def stored() -> bool:
            with read_transaction(desk) as connection:
                return load_persons(connection, persons).keys() == persons.keys()

        persons = read_state(config).persons
        start(logger)
        assert wait_until(stored, STORED_SECONDS)
        start(resolver)
        yield


@pytest.fixture
def start_stages(config: ConsoleConfig, desk: Engine, publisher: Publisher) -> Iterator[Callable[[], None]]:
    """Starts resolver and logger over these topics, in threads; they stop when the test ends."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running_stages(config, desk, publisher))


@pytest.fixture
def servers(at_broker: Mailcall) -> Mailcall:
    """`mailcall servers` where the demo is set up."""
    assert at_broker("apply", DEMO).code == 0
    return lambda *arguments: at_broker("servers", *arguments)


def fetched(raw: bytes, server: str = "it-mailbox") -> OutputRecord:
    """As ingest publishes it."""
    now = datetime.now(UTC)
    mail_id = ids.mail_id(server, raw)
    known = {"serverid": server, "internaldate": now.isoformat()}
    return encode(MAIL_FETCHED, "a@b.c", raw, id=mail_id, source="/test", time=now, extensions=known)


def mail(number: int, from_: str = "new@example.net") -> bytes:
    return f"From: {from_}\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@x>\r\n\r\nHello {number}\r\n".encode()
