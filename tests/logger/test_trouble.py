"""The same records at two loggers, a broker or database that goes away, records that mean harm."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from sqlalchemy import select

from desk import outbox
from desk.engine import read_transaction, write_transaction
from desk.errors import UnstorableError
from desk.items import list_items
from desk.tables import outbox as outbox_table
from logger.publish import PublishedRows, publish_all, relay_until
from runtime.config import ProcessConfig
from runtime.kafka.producer import UnpublishableError
from runtime.outages import OutageError
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.outcomes import Dead, Ok
from runtime.telemetry.health import Health
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS, MAIL_RESOLVED, NOTIFICATION_REQUESTED, PERSONS
from schemas.wire import OutputRecord, Record
from tests.desks import new_desk
from tests.logger.harness import NOW, PREFIX, Logger, as_record, make_mail, opened


def broker_away(_messages: Sequence[OutputRecord]) -> None:
    raise OutageError(Reason.BROKER_AWAY, "the broker is away")


def rows_in_outbox(logger: Logger) -> int:
    with read_transaction(logger.engine) as connection:
        return len(connection.execute(select(outbox_table)).all())


def test_two_loggers_with_the_same_records_make_one_call_each(logger: Logger, another: Logger) -> None:
    mails = [make_mail(str(n), f"{n % 5}@example.test") for n in range(40)]
    barrier = threading.Barrier(2)

    def feed(one: Logger, batch: Sequence[Any]) -> list[Any]:
        outcomes = []
        for start in range(0, len(batch), 10):
            barrier.wait(10)
            outcomes += one.feed(*batch[start : start + 10])
        return outcomes

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(feed, logger, mails), pool.submit(feed, another, mails)]
        assert [result.result() for result in results] == [[Ok()] * 40] * 2
    with read_transaction(logger.engine) as connection:
        assert len(list_items(connection, limit=100)) == 40
    assert {outcome for outcome, _ in logger.outcomes().values()} == {"call-logged"}
    told = [*logger.of(NOTIFICATION_REQUESTED), *another.of(NOTIFICATION_REQUESTED)]
    assert len(told) == len({one.notification_id for one in told}) == 40
    assert len([*logger.of(PERSONS), *another.of(PERSONS)]) == 5


def test_two_loggers_update_the_same_calls_without_losing_one(logger: Logger, another: Logger) -> None:
    originals = [make_mail(f"o{n}") for n in range(10)]
    logger.feed(*originals)

    def replies(one: str) -> list[Any]:
        # Each logger meets the calls in another order.
        order = originals if one == "a" else originals[::-1]
        return [
            make_mail(f"{one}-{o.subject}", f"{one}@x.test", conversation={"message_ids": [o.message_id]})
            for o in order
        ]

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(logger.feed, *replies("a")), pool.submit(another.feed, *replies("b"))]:
            assert future.result() == [Ok()] * 10
    for original in originals:
        item = logger.item_of(original)
        assert item.version == 3
        assert sorted(entry.kind for entry in item.journal) == ["call-logged", "item-updated", "item-updated"]


def test_two_loggers_with_the_two_ways_of_each_mail_make_one_call_each(logger: Logger, another: Logger) -> None:
    barrier = threading.Barrier(2)

    def feed(one: Logger, way: str) -> None:
        for batch in range(4):
            barrier.wait(10)
            one.feed(*(make_mail(f"{way}{batch}{n}", f"{n}@example.test", content_id=f"{batch}{n}") for n in range(10)))

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(feed, logger, "a"), pool.submit(feed, another, "b")]:
            future.result()
    assert sorted(outcome for outcome, _ in logger.outcomes().values()) == ["call-logged"] * 40 + ["duplicate"] * 40
    with read_transaction(logger.engine) as connection:
        assert len(list_items(connection, limit=100)) == 40


def test_broker_away_after_the_commit_loses_and_doubles_nothing(logger: Logger) -> None:
    logger.publish = broker_away
    for _ in range(2):
        with pytest.raises(OutageError):
            logger.feed(make_mail("one"))
    assert rows_in_outbox(logger) == 1
    logger.publish = logger.published.extend
    assert logger.feed(make_mail("one")) == [Ok()]
    assert len(logger.of(CALL_EVENTS)) == len(logger.of(NOTIFICATION_REQUESTED)) == 1
    logger.handler.close()
    assert rows_in_outbox(logger) == 0


def test_what_is_published_is_deleted_with_the_next_batch(logger: Logger) -> None:
    logger.feed(make_mail("one"))
    logger.feed(make_mail("two"), make_mail("three"))
    assert rows_in_outbox(logger) == 1  # that of the second
    with pytest.raises(UnstorableError):
        logger.feed(make_mail("four", size=2**70), make_mail("five"))
    assert rows_in_outbox(logger) == 1
    logger.feed(make_mail("six"))
    assert rows_in_outbox(logger) == 1
    assert len(logger.of(CALL_EVENTS)) == 4


def test_what_is_published_is_deleted_by_a_batch_that_publishes_nothing(logger: Logger) -> None:
    known, person = make_mail("one"), Person(id="eve", last_name="Eve", is_user=True)
    logger.feed(known)
    logger.feed(known)
    assert rows_in_outbox(logger) == 0
    logger.feed(make_mail("two"))
    logger.feed(person)
    assert rows_in_outbox(logger) == 0


def test_what_is_published_is_deleted_soon_though_no_batch_follows(logger: Logger) -> None:
    logger.feed(make_mail("one"))
    stop = threading.Event()
    stop.set()
    relay_until(stop, logger.engine, logger.publish, Health(), logger.handler.published)
    assert rows_in_outbox(logger) == 0
    assert len(logger.of(CALL_EVENTS)) == 1


def test_a_logger_that_ends_while_the_database_is_away_leaves_its_rows_to_the_next(logger: Logger) -> None:
    logger.feed(make_mail("one"))
    away = OutageError(Reason.DATABASE_AWAY, "the database is away")
    with mock.patch("logger.publish.write_transaction", side_effect=away):
        logger.handler.close()
    assert rows_in_outbox(logger) == 1
    assert outbox.relay(logger.engine, logger.publish, older_than=NOW + timedelta(seconds=1)) == 1
    first, second = logger.of(CALL_EVENTS)
    assert first == second


def test_what_a_dead_logger_left_behind_is_published_by_the_next(logger: Logger, another: Logger) -> None:
    logger.publish = broker_away
    for n in range(3):
        with pytest.raises(OutageError):
            logger.feed(make_mail(str(n)))
        logger.handler = Logger(logger.engine, logger.settings).handler  # killed, and forgot what it had to publish
        logger.handler._publish = broker_away
    assert rows_in_outbox(logger) == 3
    assert outbox.relay(another.engine, another.publish, older_than=NOW) == 0  # young rows are a living logger's
    stop = threading.Event()

    def publish(messages: Sequence[OutputRecord]) -> None:
        another.published.extend(messages)
        if len(another.of(CALL_EVENTS)) == 3:
            stop.set()

    relay_until(stop, another.engine, publish, Health(), PublishedRows(), every_seconds=10)
    assert [event.reference for event in another.of(CALL_EVENTS)] == ["C-000001", "C-000002", "C-000003"]
    assert rows_in_outbox(logger) == 0


def test_a_logger_whose_row_another_has_deleted_deletes_no_other(logger: Logger, another: Logger) -> None:
    """Such as one that was frozen before it deleted what it had published."""
    later = NOW + timedelta(seconds=1)
    logger.feed(make_mail("one"))
    assert outbox.relay(another.engine, another.publish, older_than=later) == 1
    another.publish = broker_away
    with pytest.raises(OutageError):
        another.feed(make_mail("two"))
    logger.feed(make_mail("three"))
    assert outbox.relay(logger.engine, logger.publish, older_than=later) == 2
    assert {event.reference for event in logger.of(CALL_EVENTS)} == {"C-000001", "C-000002", "C-000003"}


def test_a_relay_outlasts_an_outage(logger: Logger) -> None:
    logger.publish = broker_away
    with pytest.raises(OutageError):
        logger.feed(make_mail("one"))
    stop, calls = threading.Event(), []

    def publish(messages: Sequence[OutputRecord]) -> None:
        calls.append(messages)
        if len(calls) == 1:
            broker_away(messages)
        stop.set()

    relay_until(stop, logger.engine, publish, Health(), PublishedRows(), every_seconds=0.01)
    assert len(calls) == 2
    assert calls[0] == calls[1]


def test_the_outbox_gives_messages_back_as_they_were(logger: Logger) -> None:
    logger.feed(make_mail("one", subject='Żółw 乌龟 \u2028 " \\'))
    assert outbox.unpack(outbox.pack(logger.published)) == logger.published


def test_a_record_that_the_broker_refuses_stops_no_other() -> None:
    published: list[OutputRecord] = []
    messages = [OutputRecord(CALL_EVENTS, key, b"{}") for key in ("a", "too large", "b")]

    def publish(some: Sequence[OutputRecord]) -> None:
        if any(message.key == "too large" for message in some):
            raise UnpublishableError("too large")
        published.extend(some)

    publish_all(publish, messages)
    assert [message.key for message in published] == ["a", "b"]


def test_connections_that_the_database_closes_are_an_outage_that_passes(postgres_desk_url: str) -> None:
    with opened(postgres_desk_url) as logger:
        logger.feed(make_mail("one"))
        url = logger.engine.url
        with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres") as admin:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            assert admin.execute(query, [url.database]).fetchall()
        with pytest.raises(OutageError) as caught:
            logger.feed(make_mail("two"))
        assert caught.value.reason is Reason.DATABASE_AWAY
        assert logger.feed(make_mail("two")) == [Ok()]
        assert logger.outcome(make_mail("two")) == ("call-logged", "C-000002")


def test_a_lock_that_another_process_keeps_on_the_file_is_an_outage_that_passes(tmp_path: Path) -> None:
    with opened(new_desk(tmp_path / "desk.db") + "?timeout=0.01") as logger:
        with write_transaction(logger.engine), pytest.raises(OutageError) as caught:
            logger.feed(make_mail("one"))
        assert caught.value.reason is Reason.DATABASE_AWAY
        assert logger.feed(make_mail("one")) == [Ok()]


def test_a_nul_that_postgresql_cannot_hold_is_a_dead_letter(postgres_desk_url: str) -> None:
    with opened(postgres_desk_url) as logger:
        (dead,) = logger.feed(resolved(text="a\0b"))
        assert isinstance(dead, Dead)
        assert dead.reason is Reason.WRONG_SCHEMA


def resolved(**fields: Any) -> Record:
    """A record of a good mail with some fields of its JSON replaced, whatever the model says of them."""
    record = as_record(make_mail("bad"))
    assert record.value is not None
    value = json.dumps({**json.loads(record.value), **fields}).encode()
    return Record(record.topic, 0, 1, record.key, value, record.headers)


def raw(value: bytes | None, key: bytes | None = b"k", topic: str = MAIL_RESOLVED.name(PREFIX)) -> Record:
    return Record(topic, 0, 1, key, value)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (raw(b"\xff\x00random"), Reason.WRONG_SCHEMA),
        (raw(b""), Reason.WRONG_SCHEMA),
        (raw(b"{}"), Reason.WRONG_SCHEMA),
        (raw(b"[" * 100_000), Reason.WRONG_SCHEMA),
        (raw(b"x" * 5_000_000), Reason.WRONG_SCHEMA),
        (raw(None), Reason.NULL_VALUE),
        (raw(None, None, PERSONS.name(PREFIX)), Reason.NULL_VALUE),
        (raw(b"\xff", topic=PERSONS.name(PREFIX)), Reason.WRONG_SCHEMA),
        (raw(b'{"id": "x"}', topic=PERSONS.name(PREFIX)), Reason.WRONG_SCHEMA),
        (resolved(mail_id="x"), Reason.WRONG_SCHEMA),
        (resolved(received="2026-11-20T12:00:00"), Reason.WRONG_SCHEMA),
        (resolved(received="0001-01-01T00:00:00+14:00"), Reason.WRONG_SCHEMA),
        (resolved(received="9999-12-31T23:59:59-12:00"), Reason.WRONG_SCHEMA),
        (resolved(size=10**30), Reason.WRONG_SCHEMA),
    ],
)
def test_a_bad_record_is_one_dead_letter_and_stops_no_other(logger: Logger, record: Record, reason: Reason) -> None:
    """By way of the loop's own step, which hands a batch that fails over one by one."""
    good = make_mail("good")
    stage = HandlerRunner(logger.handler, ProcessConfig(topic_prefix=PREFIX))
    dead, ok = stage.run_handler([record, as_record(good)])
    assert isinstance(dead, Dead)
    assert dead.reason is reason
    assert "bad" not in dead.text  # never the record's content
    assert ok == Ok()
    assert [(mail_id, outcome) for mail_id, (outcome, _) in logger.outcomes().items()] == [
        (good.mail_id, "call-logged")
    ]


def test_a_foreign_trace_context_goes_on_only_if_it_is_one(logger: Logger) -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for trace, cause in ((good, "one"), ("x" * 1000, "two")):
        record = as_record(make_mail(cause))
        logger.feed(Record(record.topic, 0, 0, b"k", record.value, [*record.headers, ("traceparent", trace.encode())]))
    traces = [
        dict(message.headers)["traceparent"].decode() for message in logger.published if message.topic is CALL_EVENTS
    ]
    assert traces[0] == good
    assert traces[1].startswith(f"00-{make_mail('two').mail_id}-")


def test_errors_of_the_database_quote_no_mail(logger: Logger) -> None:
    secret = "the-secret-of-the-mail"
    with pytest.raises(UnstorableError) as caught:
        logger.feed(resolved(size=10**30, subject=secret), make_mail("good"))
    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__
