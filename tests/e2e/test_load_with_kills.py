"""4,000 mails of 300 senders, every record delivered twice, one process of six killed every few seconds.

Three resolvers and three loggers on PostgreSQL, all of them processes of their own; the test does what ingest and a
broker do on a bad day. What is asserted is what the desk and the topics hold at the end. In its long form it has
LOAD_MAILS=10000.
"""

import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from operator import itemgetter
from random import Random

import psycopg
import pytest
from kafka import TopicPartition
from sqlalchemy import Engine, Table, func, select

from console.settings.settings_file import SettingsFile
from deploy.local.bench.mails import ENGLISH
from deploy.local.bench.servers import desk_settings
from deploy.local.pipeline import Pipeline
from deploy.local.ports import wait_until
from deploy.local.servers.broker import Broker
from deploy.local.servers.database import Database
from desk.engine import open_desk, read_transaction
from desk.migrate import upgrade
from desk.tables import items, journal, mails, outbox, person_addresses, persons
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.processing.lag import LagProbe
from schemas import ids
from schemas.persons import Person
from schemas.settings import IncomingServer, RateLimits
from schemas.topics import CALL_EVENTS, MAIL_FETCHED, MAIL_RESOLVED, PERSONS, Topic
from schemas.wire import OutputRecord, decode
from tests.e2e.running import wait_for
from tests.e2e.second_delivery import SecondDelivery

pytestmark = pytest.mark.timeout(600)

MAILS, SENDERS = int(os.environ.get("LOAD_MAILS", "4000")), 300
ANALYSTS, USERS = 20, 100  # of the senders, that the desk knows; the others become new persons
REPLY_SHARE = 0.3
VICTIMS = tuple(f"{name}-{number}" for number in (1, 2, 3) for name in ("resolver", "logger"))
PORTIONS = 2 * len(VICTIMS)  # a portion is fetched after each kill, so that every process dies with work to do
KILL_SECONDS, ROUNDS = 5.0, 80
SESSION_SECONDS = 3  # as long as the partitions of a process that was killed wait
SERVER = "load"
OUTCOMES = {False: "call-logged", True: "item-updated"}  # of a reply or not


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail. `call` is the subject of the call that it logs or, being a `reply`, updates."""

    sender: str
    raw: bytes
    call: str
    reply: bool

    @property
    def mail_id(self) -> str:
        return ids.mail_id(SERVER, self.raw)

    @property
    def message(self) -> OutputRecord:
        return OutputRecord(MAIL_FETCHED, self.sender, self.raw, (("ce_serverid", SERVER.encode()),))


def make_mails() -> list[Sent]:
    """In the order in which they are fetched. A reply answers any earlier call of its sender."""
    random = Random(1)
    calls: dict[str, list[int]] = defaultdict(list)
    return [_make_mail(random, number, calls[_address(number % SENDERS)]) for number in range(MAILS)]


def _make_mail(random: Random, number: int, calls: list[int]) -> Sent:
    sender = _address(number % SENDERS)
    answered = random.choice(calls) if calls and random.random() < REPLY_SHARE else None
    if answered is None:
        calls.append(number)
    lines = [
        f"From: Somebody <{sender}>",
        f"Subject: Mail {number}",
        f"Message-ID: <{number}@load.example>",
        *([] if answered is None else [f"In-Reply-To: <{answered}@load.example>"]),
        "",
        *(" ".join(random.choices(ENGLISH, k=9)) for _ in range(random.randint(16, 32))),
    ]
    raw = "\r\n".join(lines).encode()
    return Sent(sender, raw, f"Mail {number if answered is None else answered}", answered is not None)


def _address(number: int) -> str:
    return f"sender{number}@example.com"


def portions(sent: Sequence[Sent]) -> Iterator[list[OutputRecord]]:
    """Every mail twice: a portion in order, and strewn into it the portion before once more, in any order."""
    random, size = Random(2), -(-len(sent) // PORTIONS)
    again: Sequence[Sent] = ()
    for start in range(0, len(sent) + size, size):
        first = sent[start : start + size]
        places = [*range(len(first)), *(random.uniform(0, len(first)) for _ in again)]
        strewn = sorted(zip(places, (*first, *again), strict=True), key=itemgetter(0))
        yield [mail.message for _, mail in strewn]
        again = first


def settings() -> SettingsFile:
    server = IncomingServer(
        id=SERVER,
        protocol="folder",
        path="/nowhere",  # nobody reads it: the test is the one who fetches
        call_template="mail",
        default_logging_analyst="analyst",
        floods=RateLimits(per_sender=0, per_sender_and_item=0),
    )
    known = [
        Person(
            id=f"known-{number}",
            last_name=f"Known {number}",
            addresses=(_address(number),),
            is_analyst=number < ANALYSTS,
            is_user=number >= ANALYSTS,
        )
        for number in range(ANALYSTS + USERS)
    ]
    return desk_settings([server], known)


class Load:
    """The pipeline under load, and what the desk holds after it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.sent = make_mails()
        self.config: ProcessConfig = pipeline.config
        self.engine: Engine = open_desk(self.config.desk_url)
        self._pipeline = pipeline
        self._supervisor = pipeline.supervisor

    def set_up(self) -> None:
        upgrade(self.engine)
        self._pipeline.create_topics()
        self._pipeline.apply(settings(), "load test")
        self._pipeline.wait_ready()
        self._pipeline.wait_for_persons(settings())

    def run(self) -> None:
        """Fetches a portion and, half of it in the ledger, kills a process in turn, until nothing is under way."""
        again = SecondDelivery(self.config, (MAIL_RESOLVED, PERSONS))
        with closing(Publisher(self.config)) as publisher, again:
            waiting = portions(self.sent)
            for victim in islice(cycle(VICTIMS), ROUNDS):
                portion = next(waiting, [])
                publisher.publish(portion)
                wanted = (
                    min(MAILS, self.count(mails) + len(portion) // 4) if portion else MAILS
                )  # half: it holds each twice
                if wait_until(partial(self.in_ledger, wanted), KILL_SECONDS) and not portion:
                    break
                self._supervisor.kill(victim)
            self._wait_until_done(again)

    def _wait_until_done(self, again: SecondDelivery) -> None:
        wait_for(lambda: self.lag("resolver", MAIL_FETCHED) == 0, "the resolvers")
        wait_for(lambda: self.records(MAIL_RESOLVED, PERSONS) == 2 * again.copies, "the second deliveries")
        wait_for(lambda: self.lag("logger", MAIL_RESOLVED, PERSONS) == 0, "the loggers")
        wait_for(lambda: self.count(outbox) == 0, "the outbox")

    def in_ledger(self, wanted: int) -> bool:
        return self.count(mails) >= wanted

    def count(self, table: Table) -> int:
        with read_transaction(self.engine) as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def lag(self, stage: str, *topics: Topic) -> int:
        prefix = self.config.topic_prefix
        partitions = [TopicPartition(t.name(prefix), number) for t in topics for number in range(t.partitions)]
        with closing(LagProbe(self.config, f"{prefix}.{stage}")) as probe:
            return sum(probe.measure(partitions).values())

    def records(self, *topics: Topic) -> int:
        """How many there are: a group that has never read anything is behind by all of them."""
        return self.lag("nobody", *topics)

    def restarts(self) -> dict[str, int]:
        return {name: self._supervisor.restarts(name) for name in VICTIMS}


@pytest.fixture(scope="module")
def load(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    name = f"load_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    pipeline = Pipeline(
        tmp_path_factory.mktemp("load"),
        bootstrap_servers=broker.bootstrap_servers,
        topic_prefix=f"load-{uuid.uuid4().hex[:8]}",
        desk_url=database.url(name),
        # Another's broker may not allow less than it has.
        environment={"MAILCALL_SESSION_SECONDS": str(SESSION_SECONDS)} if broker.pid else {},
        processes=VICTIMS,
    )
    with pipeline:
        load = Load(pipeline)
        load.set_up()
        load.run()
        yield load
    load.engine.dispose()
    pipeline.delete_topics()


def test_every_mail_had_its_effect_and_had_it_once(load: Load) -> None:
    ledger = select(mails.c.mail_id, mails.c.outcome, items.c.subject).join(items, items.c.id == mails.c.item_id)
    with read_transaction(load.engine) as connection:
        effects = {row.mail_id: (row.outcome, row.subject) for row in connection.execute(ledger)}
        entries = Counter(connection.scalars(select(journal.c.mail_id)))
        calls = Counter(connection.scalars(select(items.c.subject)))
    assert effects == {mail.mail_id: (OUTCOMES[mail.reply], mail.call) for mail in load.sent}
    assert entries == Counter(mail.mail_id for mail in load.sent)
    assert calls == Counter(mail.call for mail in load.sent if not mail.reply)


def test_no_person_is_made_twice(load: Load) -> None:
    with read_transaction(load.engine) as connection:
        addresses = Counter(connection.scalars(select(person_addresses.c.normalised)))
        count = connection.scalar(select(func.count()).select_from(persons))
    assert addresses == Counter([*map(_address, range(SENDERS)), "analyst@desk.example"])
    assert count == len(addresses)


def test_the_calls_of_a_sender_are_numbered_in_the_order_of_its_mails(load: Load) -> None:
    query = (
        select(person_addresses.c.normalised, items.c.subject)
        .join(person_addresses, person_addresses.c.person_id == items.c.user_id)
        .order_by(items.c.id)
    )
    with read_transaction(load.engine) as connection:
        logged = _grouped(connection.execute(query))
    assert logged == _grouped((mail.sender, mail.call) for mail in load.sent if not mail.reply)


def test_the_journal_of_a_call_has_its_mails_in_their_order(load: Load) -> None:
    query = select(items.c.subject, journal.c.mail_id).join(items, items.c.id == journal.c.item_id)
    with read_transaction(load.engine) as connection:
        entries = _grouped(connection.execute(query.order_by(journal.c.id)))
    assert entries == _grouped((mail.call, mail.mail_id) for mail in load.sent)


def test_each_mail_is_told_of_by_one_event_however_often(load: Load) -> None:
    told: dict[str, set[str]] = defaultdict(set)
    for record in read_to_end(load.config, [CALL_EVENTS.name(load.config.topic_prefix)]):
        context, event = decode(CALL_EVENTS, record)
        told[event.mail_id].add(context.id)
    assert told.keys() == {mail.mail_id for mail in load.sent}
    assert {len(event_ids) for event_ids in told.values()} == {1}


def test_all_of_it_came_twice_while_every_process_was_killed(load: Load) -> None:
    assert load.records(MAIL_FETCHED) == 2 * MAILS
    assert load.records(MAIL_RESOLVED) >= 4 * MAILS
    assert min(load.restarts().values()) >= 1, load.restarts()


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups
