"""Delivery reports about our notifications: in the journal of their item, once."""

from typing import Any

import pytest
from sqlalchemy import select

from desk.bounced_addresses import bounced
from desk.deliveries import DeliveryLedger
from desk.engine import reading
from desk.items import JournalEntry
from desk.tables import handled
from outbound.results import result_message
from runtime.outcomes import Dead, Ok
from schemas.desk_requests import AddressToUnmark
from schemas.events import REPORTS, NotificationResult
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import EmailOptions
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import Record, encode
from tests.logger.harness import NOW, PREFIX, Logger, ask, make_mail

ANN = Person(id="ann", addresses=("ann@example.test",), is_user=True)
ROB = Person(id="rob", addresses=("rob@example.test",), is_analyst=True)
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


def deliver(logger: Logger, notification_id: str, recipient: str = "ann@example.test") -> None:
    """As outbound does once a server has taken the mail."""
    ledger = DeliveryLedger(logger.engine)
    ledger.record(
        NotificationResult(
            notification_id=notification_id, outcome="sent", recipient=recipient, server_id="out", at=NOW
        )
    )
    ledger.close()


def bounces(logger: Logger, notification: str, count: int, **fields: Any) -> None:
    logger.feed(*(report(notification, mail_id=f"{number:032x}", **fields) for number in range(count)))


def marked(logger: Logger, address: str = "ann@example.test") -> bool:
    with reading(logger.engine) as connection:
        found = bounced(connection, [address]).get(address)
    return found is not None and found.marked_at is not None


def recipients(logger: Logger) -> list[str]:
    found = [one.recipient for one in logger.of(NOTIFICATION_REQUESTED)]
    logger.published.clear()
    return found


def test_an_address_is_marked_after_the_third_hard_bounce_and_it_is_said_so(logger: Logger, notification: str) -> None:
    deliver(logger, notification)
    bounces(logger, notification, 2)
    assert not marked(logger)
    bounces(logger, notification, 3)  # two of them come again
    assert marked(logger)
    (entry,) = (one for one in entries(logger) if one.kind == "address-marked")
    assert (entry.person_id, entry.reason) == ("ann", Reason.ADDRESS_MARKED)
    assert "ann@example.test" in entry.text


@pytest.mark.parametrize(
    "fields",
    [{"smtp_reply": "4.4.7"}, {"smtp_reply": ""}, {"reason": "complaint"}, {"recipient": "other@example.test"}],
)
def test_what_does_not_count(logger: Logger, notification: str, fields: dict[str, Any]) -> None:
    """A soft bounce, one without a status, a complaint, and an address that no mail was sent to."""
    deliver(logger, notification)
    bounces(logger, notification, 5, **fields)
    assert not marked(logger, fields.get("recipient", "ann@example.test"))


def test_a_report_of_a_mail_that_was_never_sent_marks_nobody(logger: Logger, notification: str) -> None:
    bounces(logger, notification, 5)
    assert not marked(logger)


def test_what_our_own_server_refuses_for_good_counts(logger: Logger) -> None:
    logger.feed(ANN, *(make_mail(f"m{n}", person=ANN) for n in range(3)))
    for one in logger.of(NOTIFICATION_REQUESTED):
        deliver(logger, one.notification_id)
        refused = NotificationResult(
            notification_id=one.notification_id, outcome="failed", reason=Reason.RECIPIENT_REFUSED, at=NOW,
            recipient=one.recipient, smtp_reply="550 5.1.1 no such user", mail_id=one.mail_id,
        )  # fmt: skip
        message = result_message(refused, "")
        logger.feed(Record(NOTIFICATION_RESULTS.name(PREFIX), 0, 0, b"k", message.value, message.headers))
    assert marked(logger)


def test_nothing_more_is_sent_to_a_marked_address_and_the_journal_says_so(logger: Logger, notification: str) -> None:
    deliver(logger, notification)
    bounces(logger, notification, 3)
    recipients(logger)
    logger.feed(ROB, make_mail("robs", "rob@example.test", ROB, conversation={"message_ids": ["<one@example.test>"]}))
    assert recipients(logger) == ["rob@example.test"]
    (entry,) = (one for one in entries(logger) if one.kind == "not-told")
    assert "ann@example.test" in entry.text
    logger.feed(ask("update", item="C-000001"))
    assert recipients(logger) == []


def test_a_mail_from_the_address_takes_the_mark_off(logger: Logger, notification: str) -> None:
    deliver(logger, notification)
    bounces(logger, notification, 3)
    recipients(logger)
    logger.feed(make_mail("forged", person=ANN, trust="failed"))
    assert marked(logger)
    logger.feed(make_mail("again", person=ANN))
    assert not marked(logger)
    assert recipients(logger) == ["ann@example.test"]


def test_it_can_be_taken_off_by_request(logger: Logger, notification: str) -> None:
    deliver(logger, notification)
    bounces(logger, notification, 3)
    unmark = AddressToUnmark(request_id="r/1", requested_at=NOW, by="ida", address="Ann@Example.test")
    assert logger.feed(unmark, unmark) == [Ok(), Ok()]
    assert not marked(logger)


def test_with_zero_nobody_is_marked(logger: Logger, notification: str) -> None:
    options = EmailOptions(bounces_until_marked=0)
    logger.settings = logger.settings.with_changes([("email-options/email-options", options, 99)])
    deliver(logger, notification)
    bounces(logger, notification, 5)
    assert not marked(logger)
