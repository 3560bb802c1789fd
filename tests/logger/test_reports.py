"""Delivery reports about our notifications: in the journal of their item, once."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from desk.bounced_addresses import bounced
from desk.deliveries import DeliveryLedger, DeliveryResult
from desk.engine import read_transaction
from desk.item_detail import JournalEntry
from desk.tables import handled
from outbound.results import result_record
from runtime.processing.outcomes import Dead, Ok
from schemas.desk_commands import AddressToUnmark
from schemas.events import REPORTS, NotificationResult
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import EmailOptions
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS
from schemas.wire import Record, encode
from tests.desks import noted_statements
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
    return acknowledged(logger, "one")[0]


def acknowledged(logger: Logger, *names: str) -> list[str]:
    """Ids of the acknowledgements of ANN's mails, each the first of a call."""
    logger.published.clear()
    logger.feed(ANN, *(make_mail(name, person=ANN) for name in names))
    return [one.notification_id for one in logger.of(NOTIFICATION_REQUESTED)]


def entries(logger: Logger, reference: str = "C-000001") -> tuple[JournalEntry, ...]:
    """Of an item, but for that of the mail that logged it and those of the ledger of outgoing mail."""
    return tuple(one for one in logger.item(reference).journal[1:] if one.kind != "notification-sent")


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        (
            {},
            "notification-bounced",
            "The notification to ann@example.test could not be delivered: the address takes no mail (status 5.1.1).",
        ),
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


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("mailbox", ": the mailbox takes no more mail for now"),
        ("policy", ": the recipient's server does not accept it from ours"),
        ("message", ": the recipient's server does not accept a mail like this"),
        ("outage", ": the recipient's server did not take it in time"),
        ("unknown", ""),
    ],
)
def test_it_says_what_was_in_the_way(logger: Logger, notification: str, trouble: str, words: str) -> None:
    logger.feed(report(notification, trouble=trouble, smtp_reply="5.0.0"))
    (entry,) = entries(logger)
    assert entry.text == f"The notification to ann@example.test could not be delivered{words} (status 5.0.0)."


OTHER_REPORT = "c" * 32


def test_a_second_report_of_the_same_is_no_news(logger: Logger, notification: str) -> None:
    """Postfix with `notify_classes = bounce` sends the postmaster a copy of each report."""
    deliver(logger, notification)
    assert logger.feed(report(notification), report(notification, mail_id=OTHER_REPORT)) == [Ok(), Ok()]
    assert logger.feed(report(notification), report(notification, mail_id="d" * 32)) == [Ok(), Ok()]
    assert [entry.mail_id for entry in entries(logger)] == [REPORT_ID]
    with read_transaction(logger.engine) as connection:
        assert bounced(connection, ["ann@example.test"])["ann@example.test"].bounces == 1


LATE = {"outcome": "deferred", "smtp_reply": "4.4.1", "trouble": "outage"}


def test_it_is_late_once_and_then_undeliverable_once(logger: Logger, notification: str) -> None:
    deliver(logger, notification)
    logger.feed(report(notification, **LATE), report(notification, mail_id=OTHER_REPORT, **LATE))
    logger.feed(report(notification, mail_id="d" * 32), report(notification, mail_id="e" * 32, **LATE))
    assert [(entry.kind, entry.mail_id) for entry in entries(logger)] == [
        ("notification-delayed", REPORT_ID),
        ("notification-bounced", "d" * 32),
    ]


def test_what_is_undeliverable_is_late_no_more(logger: Logger, notification: str) -> None:
    """A warning may come after the report that gave up."""
    deliver(logger, notification)
    logger.feed(report(notification), report(notification, mail_id=OTHER_REPORT, **LATE))
    assert [entry.kind for entry in entries(logger)] == ["notification-bounced"]


def test_each_recipient_of_a_notification_counts(logger: Logger, notification: str) -> None:
    others = [f"copy{number}@example.test" for number in range(3)]
    for one in others:
        deliver(logger, notification, one)
    logger.feed(*(report(notification, recipient=one) for one in (*others, *others)))
    assert [entry.text.split()[3] for entry in entries(logger) if entry.text] == others


def test_what_reports_say_of_strangers_is_told_once(logger: Logger, notification: str) -> None:
    """The bound of what reports of one notification can write: three entries for each recipient, and three besides."""
    deliver(logger, notification)
    kinds: list[dict[str, Any]] = [LATE, {}, {"reason": "complaint"}]
    named = ("ann@example.test", *(f"stranger{number}@example.net" for number in range(100)))
    for number, recipient in enumerate(named):
        logger.feed(
            *(
                report(notification, mail_id=f"{number:031x}{at}", recipient=recipient, **kind)
                for at, kind in enumerate(kinds)
            )
        )
    assert len(entries(logger)) == 6
    with read_transaction(logger.engine) as connection:
        assert len(connection.execute(select(handled)).all()) == 6


def test_a_report_that_an_older_logger_has_handled_is_no_news(logger: Logger, notification: str) -> None:
    with logger.engine.begin() as connection:
        connection.execute(
            insert(handled).values(key=f"report/{REPORT_ID}", outcome="notification-bounced", item_id=1, handled_at=NOW)
        )
    assert logger.feed(report(notification)) == [Ok()]
    assert entries(logger) == ()


def test_it_changes_no_more_than_the_journal(logger: Logger, notification: str) -> None:
    logger.published.clear()
    logger.feed(report(notification))
    item = logger.item("C-000001")
    assert (item.status, item.version) == ("open", 1)
    assert logger.published == []


def test_one_about_an_unknown_notification_has_no_effect(logger: Logger, notification: str) -> None:
    assert logger.feed(report("0" * 32)) == [Ok()]
    assert entries(logger) == ()
    with read_transaction(logger.engine) as connection:
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
        DeliveryResult(notification_id=notification_id, outcome="sent", recipient=recipient, server_id="out", at=NOW)
    )
    ledger.close()


def bounces(logger: Logger, count: int, *, sent: bool = True, **fields: Any) -> None:
    """As many notifications of calls of ANN's, each sent to ANN and come back from there."""
    told = acknowledged(logger, *(f"bounces {number}" for number in range(count)))
    for number, one in enumerate(told):
        if sent:
            deliver(logger, one)
        logger.feed(report(one, mail_id=f"{number:032x}", **fields))
    assert len(told) == count


def marked(logger: Logger, address: str = "ann@example.test") -> bool:
    with read_transaction(logger.engine) as connection:
        found = bounced(connection, [address]).get(address)
    return found is not None and found.marked_at is not None


def recipients(logger: Logger) -> list[str]:
    found = [one.recipient for one in logger.of(NOTIFICATION_REQUESTED)]
    logger.published.clear()
    return found


def test_an_address_is_marked_after_the_third_hard_bounce_and_it_is_said_so(logger: Logger, notification: str) -> None:
    bounces(logger, 2)
    assert not marked(logger)
    deliver(logger, notification)
    logger.feed(report(notification))
    assert marked(logger)
    (entry,) = (one for one in entries(logger) if one.kind == "address-marked")
    assert (entry.person_id, entry.reason) == ("ann", Reason.ADDRESS_MARKED)
    assert "ann@example.test" in entry.text


@pytest.mark.parametrize(
    "fields",
    [
        {"smtp_reply": "4.4.7"},
        {"smtp_reply": ""},
        {"smtp_reply": "5.0.0"},
        {"reason": "complaint"},
        {"recipient": "other@example.test"},
        {"smtp_reply": "5.2.2"},
        {"trouble": "mailbox"},
        {"trouble": "policy"},
        {"trouble": "message"},
        {"trouble": "outage"},
        {"trouble": "unknown"},
    ],
)
def test_what_does_not_count(logger: Logger, fields: dict[str, Any]) -> None:
    """A soft bounce, one that tells nothing, a complaint, a stranger's address, and all other trouble."""
    bounces(logger, 5, **fields)
    assert not marked(logger, fields.get("recipient", "ann@example.test"))


def test_a_report_of_a_mail_that_was_never_sent_marks_nobody(logger: Logger) -> None:
    bounces(logger, 5, sent=False)
    assert not marked(logger)


@pytest.mark.parametrize(
    ("reply", "counts"),
    [
        ("550 5.1.1 no such user", True),
        ("550 refused", True),
        ("553 refused", True),
        ("550 5.7.1 <ann@example.test>: Relay access denied", False),
        ("550 Mailbox full", False),
        ("552 5.2.2 over quota", False),
        ("554 refused", False),
    ],
)
def test_what_our_own_server_refuses_for_good(logger: Logger, reply: str, counts: bool) -> None:
    told = acknowledged(logger, "m1", "m2", "m3")
    for one in logger.of(NOTIFICATION_REQUESTED):
        deliver(logger, one.notification_id)
        refused = DeliveryResult(
            notification_id=one.notification_id, outcome="failed", reason=Reason.RECIPIENT_REFUSED, at=NOW,
            recipient=one.recipient, smtp_reply=reply, mail_id=one.mail_id,
        )  # fmt: skip
        message = result_record(refused, "")
        logger.feed(Record(NOTIFICATION_RESULTS.name(PREFIX), 0, 0, b"k", message.value, message.headers))
    assert len(told) == 3
    assert marked(logger) is counts


def test_nothing_more_is_sent_to_a_marked_address_and_the_journal_says_so(logger: Logger, notification: str) -> None:
    bounces(logger, 3)
    recipients(logger)
    logger.feed(ROB, make_mail("robs", "rob@example.test", ROB, conversation={"message_ids": ["<one@example.test>"]}))
    assert recipients(logger) == ["rob@example.test"]
    (entry,) = (one for one in entries(logger) if one.kind == "not-told")
    assert "ann@example.test" in entry.text
    logger.feed(ask("update", item="C-000001"))
    assert recipients(logger) == []


def test_a_forged_mail_in_the_same_batch_leaves_the_mark(logger: Logger, notification: str) -> None:
    bounces(logger, 3)
    recipients(logger)
    reply = make_mail("robs", "rob@example.test", ROB, conversation={"message_ids": ["<one@example.test>"]})
    logger.feed(ROB, make_mail("forged", person=ANN, trust="failed"), reply)
    assert recipients(logger) == ["rob@example.test"]
    assert marked(logger)


def test_where_senders_alone_are_told_no_statement_asks_for_marks(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    with noted_statements(logger.engine) as statements:
        logger.feed(make_mail("two", person=ANN))
    assert recipients(logger) == ["ann@example.test"] * 2
    assert len([text for text in statements if "bounced_addresses" in text]) == 1  # that which looks for all of a batch


def test_a_mail_from_the_address_takes_the_mark_off(logger: Logger, notification: str) -> None:
    bounces(logger, 3)
    recipients(logger)
    logger.feed(make_mail("forged", person=ANN, trust="failed"))
    assert marked(logger)
    logger.feed(make_mail("again", person=ANN))
    assert not marked(logger)
    assert recipients(logger) == ["ann@example.test"]


def test_it_can_be_taken_off_by_request(logger: Logger, notification: str) -> None:
    bounces(logger, 3)
    unmark = AddressToUnmark(request_id="r/1", requested_at=NOW, by="ida", address="Ann@Example.test")
    assert logger.feed(unmark, unmark) == [Ok(), Ok()]
    assert not marked(logger)


def test_with_zero_nobody_is_marked(logger: Logger, notification: str) -> None:
    options = EmailOptions(bounces_until_marked=0)
    logger.settings = logger.settings.with_changes([("email-options/email-options", options, 99)])
    bounces(logger, 5)
    assert not marked(logger)
