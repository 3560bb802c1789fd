"""Delivery reports about our notifications: in the journal of their item, once."""

from typing import Any

import pytest
from sqlalchemy import select

from desk.engine import reading
from desk.items import JournalEntry
from desk.tables import handled
from runtime.outcomes import Dead, Ok
from schemas.events import REPORTS, NotificationResult
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import Record, encode
from tests.logger.harness import NOW, PREFIX, Logger, make_mail

ANN = Person(id="ann", addresses=("ann@example.test",), is_user=True)
REPORT_ID = "b" * 32


def report(notification_id: str, source: str = REPORTS, mail_id: str | None = REPORT_ID, **fields: Any) -> Record:
    result = NotificationResult(
        **{
            "notification_id": notification_id,
            "outcome": "bounced",
            "recipient": "ann@example.test",
            "reason": "bounce",
            "smtp_reply": "5.1.1",
            "mail_id": mail_id,
            "at": NOW,
            **fields,
        }
    )
    message = encode(NOTIFICATION_RESULTS, notification_id, result, id=str(mail_id), source=source, time=NOW)
    return Record(NOTIFICATION_RESULTS.name(PREFIX), 0, 0, b"k", message.value, message.headers)


@pytest.fixture
def notification(logger: Logger) -> str:
    """Id of the acknowledgement of C-000001."""
    logger.feed(ANN, make_mail("one", person=ANN))
    told: str = logger.of(NOTIFICATION_REQUESTED)[0].notification_id
    return told


def entries(logger: Logger) -> tuple[JournalEntry, ...]:
    """Of C-000001, but for that of the mail that logged it."""
    return logger.item("C-000001").journal[1:]


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({}, "notification-bounced", "The notification to ann@example.test could not be delivered (status 5.1.1)."),
        (
            {"reason": "complaint", "smtp_reply": ""},
            "notification-bounced",
            "The notification to ann@example.test was reported as unwanted.",
        ),
        (
            {"outcome": "deferred", "smtp_reply": "4.4.1", "recipient": ""},
            "notification-delayed",
            "The notification to a recipient has not been delivered yet; it is tried again (status 4.4.1).",
        ),
    ],
)
def test_it_stands_in_the_items_journal(
    logger: Logger, notification: str, fields: dict[str, Any], kind: str, text: str
) -> None:
    assert logger.feed(report(notification, **fields)) == [Ok()]
    (entry,) = entries(logger)
    assert (entry.kind, entry.text, entry.reply) == (kind, text, text)
    assert (entry.person_id, entry.mail_id, entry.at) == ("ann", REPORT_ID, NOW)
    assert entry.reason == fields.get("reason", "bounce")


def test_it_is_written_once_and_another_report_besides(logger: Logger, notification: str) -> None:
    assert logger.feed(report(notification), report(notification)) == [Ok(), Ok()]
    assert logger.feed(report(notification), report(notification, mail_id="c" * 32)) == [Ok(), Ok()]
    assert [entry.mail_id for entry in entries(logger)] == [REPORT_ID, "c" * 32]


def test_it_changes_no_more_than_the_journal(logger: Logger, notification: str) -> None:
    logger.published.clear()
    logger.feed(report(notification))
    item = logger.item("C-000001")
    assert (item.status, item.version) == ("open", 1)
    assert logger.published == []


def test_one_about_an_unknown_notification_has_no_effect(logger: Logger, notification: str) -> None:
    assert logger.feed(report("0" * 32)) == [Ok()]
    assert entries(logger) == ()
    with reading(logger.engine) as connection:
        assert connection.execute(select(handled)).all() == []


@pytest.mark.parametrize(
    "fields",
    [{"source": "/mailcall/outbound"}, {"outcome": "sent", "reason": "receipt"}],
    ids=["outbound's own attempt", "a receipt"],
)
def test_what_is_no_trouble_told_by_mail_is_passed_over(
    logger: Logger, notification: str, fields: dict[str, Any]
) -> None:
    assert logger.feed(report(notification, **fields)) == [Ok()]
    assert entries(logger) == ()


def test_what_it_quotes_is_cut(logger: Logger, notification: str) -> None:
    logger.feed(report(notification, recipient="x" * 100_000, smtp_reply="y" * 100_000))
    (entry,) = entries(logger)
    assert len(entry.text) < 800


def test_a_result_of_anybody_elses_is_not_even_read(logger: Logger) -> None:
    foreign = Record(NOTIFICATION_RESULTS.name(PREFIX), 0, 0, b"k", b"\xff", [("ce_source", b"/other")])
    assert logger.feed(foreign) == [Ok()]


@pytest.mark.parametrize("value", [b"\xff", b"{}", None])
def test_a_report_that_cannot_be_read_is_a_dead_letter(logger: Logger, value: bytes | None) -> None:
    record = Record(NOTIFICATION_RESULTS.name(PREFIX), 0, 0, b"k", value, [("ce_source", REPORTS.encode())])
    (dead,) = logger.feed(record)
    assert isinstance(dead, Dead)
    assert dead.reason in (Reason.WRONG_SCHEMA, Reason.NULL_VALUE)


def test_a_report_without_the_id_of_its_mail_could_not_be_known_again(logger: Logger, notification: str) -> None:
    (dead,) = logger.feed(report(notification, mail_id=None))
    assert isinstance(dead, Dead)
    assert "mail_id" in dead.text
