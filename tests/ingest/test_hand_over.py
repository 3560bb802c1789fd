"""Mail flows all the time while a replica is killed, or settings change: nothing is lost, nothing is done twice."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.audit.reconcile_mails import reconcile
from deploy.local.pipeline import Pipeline
from deploy.local.ports import wait_until
from deploy.local.servers.dovecot import Dovecot
from desk.engine import open_desk, read_transaction
from desk.items import list_items
from schemas import ids
from schemas.persons import Person
from schemas.settings import CallTemplate, IncomingServer, Partition
from schemas.topics import PERSONS, SETTINGS
from schemas.wire import encode
from tests.ingest.desk import Desk

pytestmark = pytest.mark.timeout(240)

MAILBOXES = 60
REPLICAS = 3
HAND_OVER_SECONDS = 20  # the product's promise
DELIVERIES_A_SECOND = 10


@pytest.fixture
def desk(topic_prefix: str, kafka_bootstrap: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(topic_prefix, kafka_bootstrap, tmp_path)
    yield desk
    desk.close()


Make = Callable[..., IncomingServer]


@pytest.fixture
def server(dovecot: Dovecot, topic_prefix: str, incoming_server: Any) -> Make:
    """Makes an incoming server with a mailbox of its own on Dovecot."""

    def make(server_id: str, **settings: Any) -> IncomingServer:
        made: IncomingServer = incoming_server(
            id=server_id,
            port=dovecot.imap_port,
            username=f"{topic_prefix}-{server_id}@example.test",
            password={"env": "DESK_PASSWORD"},
            poll_seconds=5,
            **settings,
        )
        return made

    return make


class Postman:
    """Delivers to the servers' mailboxes in turn, until it is told to stop. Every mail has a sender of its own."""

    def __init__(self, dovecot: Dovecot, servers: list[IncomingServer]) -> None:
        self._dovecot = dovecot
        self._servers = servers
        self._stop = threading.Event()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self.delivered: dict[str, str] = {}  # mail id -> server id
        self._thread = threading.Thread(target=self._walk, name="postman")

    def __enter__(self) -> "Postman":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def deliver(self, server: IncomingServer) -> str:
        """One mail; its id."""
        number = next(self._numbers)
        raw = f"From: p{number}@example.test\r\nSubject: {number}\r\n\r\nMy screen is dark.\r\n".encode()
        self._dovecot.deliver(server.username or "", raw)
        mail_id = ids.mail_id(server.id, raw)
        with self._lock:
            self.delivered[mail_id] = server.id
        return mail_id

    def _walk(self) -> None:
        for server in itertools.cycle(self._servers):
            if self._stop.wait(1 / DELIVERIES_A_SECOND):
                return
            self.deliver(server)


def publish_desk(desk: Desk) -> None:
    """What resolver and logger need to make calls of the mails."""
    partition = Partition(
        id="IT", impacts=("all",), urgencies=("all",), priorities=("P1",), priority_matrix={"all": {"all": "P1"}}
    )
    settings: list[Partition | CallTemplate] = [
        partition,
        CallTemplate(id="it", partition="IT", impact="all", urgency="all"),
    ]
    anna = Person(id="anna", addresses=("anna@example.test",), is_analyst=True)
    now = datetime.now(UTC)
    named = [(SETTINGS, f"{setting.kind}/{setting.id}", setting) for setting in settings]
    desk.publisher.publish(
        [encode(topic, key, value, id=key, source="/test", time=now) for topic, key, value in named]
        + [encode(PERSONS, anna.id, anna, id=anna.id, source="/test", time=now)]
    )


def test_a_replica_killed_under_load_hands_its_mailboxes_on_within_20_seconds(
    desk: Desk, dovecot: Dovecot, server: Make, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    publish_desk(desk)
    servers = [server(f"s{number}") for number in range(MAILBOXES)]
    for one in servers:
        desk.apply(one)
    replicas = [desk.start() for _ in range(REPLICAS)]
    stages = Pipeline(
        tmp_path,
        bootstrap_servers=kafka_bootstrap,
        topic_prefix=topic_prefix,
        desk_url=f"sqlite:///{tmp_path / 'desk.db'}",
        processes=("resolver", "logger"),
    )

    def watched() -> list[int]:
        """How many mailboxes each replica can read now."""
        return [int(sum(desk.gauge("up", replica).values())) for replica in replicas]

    with stages, Postman(dovecot, servers) as postman:
        desk.until(lambda: all(watched()) and sum(watched()) == MAILBOXES)
        desk.until(lambda: {mail.server_id for mail in desk.mails()} == {one.id for one in servers})
        replicas[0].kill()
        killed = time.time()
        replicas.pop(0).wait()
        after = [postman.deliver(one) for one in servers]
        desk.until(lambda: desk.fetched_at().keys() >= set(after))
        assert max(desk.fetched_at()[mail_id] for mail_id in after) - killed < HAND_OVER_SECONDS
        assert sum(watched()) == MAILBOXES
        postman.end()
        desk.until(lambda: desk.fetched_at().keys() >= postman.delivered.keys())
        assert desk.fetched_at().keys() == postman.delivered.keys()
        assert wait_until(lambda: _calls(stages) >= len(postman.delivered), 90)
    balance = reconcile(stages.config)
    assert balance.balanced
    assert balance.mails == balance.outcomes["call-logged"] == len(postman.delivered)
    engine = open_desk(stages.config.desk_url)
    with read_transaction(engine) as connection:
        assert len(list_items(connection, limit=2 * balance.mails)) == balance.mails
    engine.dispose()


def _calls(stages: Pipeline) -> int:
    return reconcile(stages.config).outcomes.get("call-logged", 0)


def test_settings_change_while_mail_flows(desk: Desk, dovecot: Dovecot, server: Make) -> None:
    other, changing = server("other"), server("changing")
    process = desk.start()
    desk.apply(other)

    def until_state(state: str | None) -> None:
        desk.until(lambda: desk.states("changing")[-1:] == [state])

    with Postman(dovecot, [other, changing]) as postman:
        desk.until(lambda: desk.states("other")[-1:] == ["idle"])
        desk.apply(changing)
        until_state("idle")
        told = len(desk.states("changing"))
        desk.apply(server("changing", after_fetch="delete"))
        desk.until(lambda: "starting" in desk.states("changing")[told:])
        until_state("idle")
        desk.apply(server("changing", enabled=False))
        until_state("disabled")
        waiting = postman.deliver(changing)
        seen = postman.deliver(other)
        desk.until(lambda: seen in desk.fetched_at())
        assert waiting not in desk.fetched_at()
        desk.apply(changing)
        until_state("idle")
        desk.until(lambda: waiting in desk.fetched_at())
        desk.remove("changing")
        until_state(None)
        waiting = postman.deliver(changing)
        desk.apply(changing)
        desk.until(lambda: waiting in desk.fetched_at())
        postman.end()
        desk.until(lambda: desk.fetched_at().keys() >= postman.delivered.keys())
    assert sorted(mail.mail_id for mail in desk.mails()) == sorted(postman.delivered)
    assert process.poll() is None
