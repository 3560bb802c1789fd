"""`python -m logger` on a real broker: killed and started again, it logs every mail once and tells of each."""

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, func, select

from deploy.local.ports import wait_until
from desk.engine import open_desk, read_transaction
from desk.item_detail import Item, show_item
from desk.items import list_items
from desk.ledger import mail_outcomes
from desk.migrate import wait_until_current
from desk.tables import handled, persons
from logger.config import LoggerConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from schemas.desk_commands import DeskCommand, record_key
from schemas.events import REPORTS, NotificationResult
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.topics import (
    CALL_EVENTS,
    DESK_REQUESTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    PERSONS,
    SETTINGS,
    Topic,
)
from schemas.wire import OutputRecord, decode, encode, tombstone
from tests.logger.harness import ask, demo_settings, make_mail

MAILS = 300
REQUESTS = 30
SECONDS = 60


def start(config: LoggerConfig) -> subprocess.Popen[bytes]:
    settings = {
        f"MAILCALL_{name.upper()}": str(getattr(config, name))
        for name in ("kafka_bootstrap_servers", "topic_prefix", "desk_url", "batch_records")
    }
    return subprocess.Popen([sys.executable, "-m", "logger"], env=os.environ | settings, stderr=subprocess.DEVNULL)


def logged(config: LoggerConfig) -> int:
    engine = open_desk(config.desk_url)
    with read_transaction(engine) as connection:
        count = sum(1 for _ in mail_outcomes(connection))
    engine.dispose()
    return count


def persons_of(engine: Engine) -> set[str]:
    with read_transaction(engine) as connection:
        return set(connection.execute(select(persons.c.id)).scalars())


def handled_of(engine: Engine) -> int:
    with read_transaction(engine) as connection:
        return connection.execute(select(func.count()).select_from(handled)).scalar_one()


def show(connection: Connection, reference: str) -> Item:
    item = show_item(connection, reference)
    assert item is not None
    return item


def request_ids(config: LoggerConfig) -> set[str]:
    records = read_to_end(config, [CALL_EVENTS.name(config.topic_prefix)])
    return {decode(CALL_EVENTS, record)[1].request_id for record in records}


def keys(config: LoggerConfig, topic: Topic) -> list[str]:
    return [record.key.decode() for record in read_to_end(config, [topic.name(config.topic_prefix)]) if record.key]


def mails(now: datetime) -> list[OutputRecord]:
    values = [make_mail(str(n), f"{n % 7}@example.test", received=now) for n in range(MAILS)]
    return [encode(MAIL_RESOLVED, one.sender.address, one, id=one.mail_id, source="/test", time=now) for one in values]


def test_killed_and_started_again_it_logs_every_mail_once(
    kafka_bootstrap: str, topic_prefix: str, postgres_url: str
) -> None:
    config = LoggerConfig(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=postgres_url, batch_records=20
    )
    create_topics(config)
    publisher = Publisher(config)
    now = datetime.now(UTC)
    settings = demo_settings().settings.items()
    publisher.publish([encode(SETTINGS, key, value, id=key, source="/test", time=now) for key, value in settings])
    gone = Person(id="gone", addresses=("gone@example.test",), is_user=True)
    publisher.publish([encode(PERSONS, gone.id, gone, id="1", source="/test", time=now), tombstone(PERSONS, gone.id)])
    bad = OutputRecord(MAIL_RESOLVED, "bad", b"\xff random")
    process = start(config)
    try:
        engine = open_desk(postgres_url)
        wait_until_current(engine, SECONDS)
        publisher.publish([*mails(now), bad])
        assert wait_until(lambda: logged(config) > 0, SECONDS)
        process.kill()
        process.wait()
        process = start(config)
        publisher.publish(mails(now))  # once more: what was lost of the offsets, and then some
        assert wait_until(lambda: logged(config) == MAILS, SECONDS)
        assert wait_until(lambda: len(set(keys(config, CALL_EVENTS))) == MAILS, SECONDS)
        assert wait_until(lambda: len(keys(config, NOTIFICATION_REQUESTED)) >= MAILS, SECONDS)
        process.terminate()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        publisher.close()
    with read_transaction(engine) as connection:
        assert len(list_items(connection, limit=2 * MAILS)) == MAILS
    engine.dispose()
    letters = list(read_to_end(config, [MAIL_RESOLVED.dlq(topic_prefix)]))
    assert [letter.value for letter in letters] == [bad.value]


def asked(values: Iterable[DeskCommand], now: datetime) -> list[OutputRecord]:
    return [encode(DESK_REQUESTED, record_key(v), v, id=v.request_id, source="/test", time=now) for v in values]


def test_killed_and_started_again_it_does_every_request_once(
    kafka_bootstrap: str, topic_prefix: str, postgres_url: str
) -> None:
    config = LoggerConfig(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=postgres_url, batch_records=10
    )
    create_topics(config)
    now = datetime.now(UTC)
    made = asked((ask("create-task", f"make/{n}", requested_at=now) for n in range(REQUESTS)), now)
    with closing(Publisher(config)) as publisher:
        settings = demo_settings().settings.items()
        publisher.publish([encode(SETTINGS, key, value, id=key, source="/test", time=now) for key, value in settings])
        people = [Person(id="ann", addresses=("ann@x.test",), is_user=True), Person(id="rob", is_analyst=True)]
        publisher.publish([encode(PERSONS, one.id, one, id="1", source="/test", time=now) for one in people])
        process = start(config)
        try:
            engine = open_desk(postgres_url)
            wait_until_current(engine, SECONDS)
            assert wait_until(lambda: persons_of(engine) == {"ann", "rob"}, SECONDS)
            publisher.publish([*made, *made])
            assert wait_until(lambda: handled_of(engine) > 0, SECONDS)
            process.kill()
            process.wait()
            process = start(config)
            assert wait_until(lambda: handled_of(engine) == REQUESTS, SECONDS)
            with read_transaction(engine) as connection:
                references = [line.reference for line in list_items(connection, limit=2 * REQUESTS)]
            steps = [(action, one) for action in ("update", "close") for one in references]
            changed = asked((ask(do, f"{do}/{one}", item=one, requested_at=now) for do, one in steps), now)
            publisher.publish([*changed, *made, *changed])
            assert wait_until(lambda: handled_of(engine) == 3 * REQUESTS, SECONDS)
            assert wait_until(lambda: len(request_ids(config)) == 3 * REQUESTS, SECONDS)
            process.terminate()
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()
    with read_transaction(engine) as connection:
        tasks = list_items(connection, limit=10 * REQUESTS)
        assert [task.status for task in tasks] == ["closed"] * REQUESTS
        kinds = [[entry.kind for entry in show(connection, task.reference).journal] for task in tasks]
        assert kinds == [["task-logged", "item-updated", "item-closed"]] * REQUESTS
    engine.dispose()
    assert list(read_to_end(config, [DESK_REQUESTED.dlq(topic_prefix)])) == []


def test_a_bounce_of_a_notification_reaches_the_journal_of_its_call(
    kafka_bootstrap: str, topic_prefix: str, postgres_url: str
) -> None:
    config = LoggerConfig(kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=postgres_url)
    create_topics(config)
    now = datetime.now(UTC)
    settings = [
        encode(SETTINGS, key, v, id=key, source="/test", time=now) for key, v in demo_settings().settings.items()
    ]
    mail = make_mail("one", received=now)
    logged = encode(MAIL_RESOLVED, "ann", mail, id=mail.mail_id, source="/test", time=now)
    engine = open_desk(postgres_url)

    def journal() -> list[str]:
        with read_transaction(engine) as connection:
            item = show_item(connection, "C-000001")
        return [entry.kind for entry in item.journal] if item else []

    with closing(Publisher(config)) as publisher:
        publisher.publish([*settings, logged])
        process = start(config)
        try:
            assert wait_until(lambda: keys(config, NOTIFICATION_REQUESTED) != [], SECONDS)
            (told,) = read_to_end(config, [NOTIFICATION_REQUESTED.name(topic_prefix)])
            notification = decode(NOTIFICATION_REQUESTED, told)[1].notification_id
            publisher.publish([result(notification, "/mailcall/outbound", now), result(notification, REPORTS, now)])
            assert wait_until(lambda: len(journal()) > 1, SECONDS)
        finally:
            process.terminate()
            process.wait()
    assert journal() == ["call-logged", "notification-bounced"]
    engine.dispose()


def result(notification: str, source: str, now: datetime) -> OutputRecord:
    value = NotificationResult(
        notification_id=notification,
        outcome="bounced",
        recipient="ann@example.test",
        reason=Reason.BOUNCE,
        mail_id="b" * 32,
        at=now,
    )
    return encode(NOTIFICATION_RESULTS, notification, value, id="b" * 32, source=source, time=now)


def test_a_wrong_desk_url_is_told_at_the_start() -> None:
    environment = os.environ | {"MAILCALL_DESK_URL": "mysql://ann:s3cret@host/desk"}
    process = subprocess.run([sys.executable, "-m", "logger"], env=environment, capture_output=True, text=True)
    assert process.returncode == 2
    assert "MAILCALL_DESK_URL" in process.stderr
    assert "s3cret" not in process.stderr
