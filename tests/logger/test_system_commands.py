"""What other systems ask for, all the way into the desk: items made, changed and refused, once each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from desk.engine import read_transaction
from desk.items import list_items
from desk.tables import handled
from resolver.conversation import references
from runtime.outages import OutageError
from runtime.processing.outcomes import Dead, Ok
from schemas import ids
from schemas.desk_commands import DeskCommand
from schemas.mail import ParsedMail
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.topics import CALL_EVENTS, DESK_REQUESTED, NOTIFICATION_REQUESTED, PERSONS
from schemas.wire import OutputRecord, Record
from tests.logger.harness import NOW, PREFIX, Logger, ask, make_mail

ANN = Person(id="ann", first_name="Ann", last_name="Lee", addresses=("ann@example.test",), is_user=True, version=3)
ROB = Person(id="rob", first_name="Rob", last_name="Roe", addresses=("rob@example.test",), is_analyst=True)
MAKING = [
    ("log-call", "C-000001", "call", "call-logged", "CallLogged"),
    ("create-task", "T-000001", "task", "task-logged", "TaskLogged"),
    ("create-request", "R-000001", "request", "request-logged", "RequestLogged"),
]


@pytest.fixture
def desk(logger: Logger) -> Logger:
    """A logger whose desk knows Ann, a User, and Rob, an Analyst."""
    logger.feed(ANN, ROB)
    return logger


def by_mail(cause: str, reference: str, person: Person = ANN, **fields: Any) -> ResolvedMail:
    """A mail with the item's reference in its subject, as the resolver passes it on."""
    subject = f"Re: [{reference}] as agreed"
    found = references(ParsedMail(subject=subject), person.addresses, lambda *_: "unchecked")
    return make_mail(cause, person.addresses[0], person, subject=subject, conversation=found.model_dump(), **fields)


def entries(logger: Logger, reference: str) -> list[tuple[str, str, str]]:
    return [(entry.kind, entry.person_id, entry.text) for entry in logger.item(reference).journal]


def rows(logger: Logger) -> int:
    with read_transaction(logger.engine) as connection:
        return len(list_items(connection))


@pytest.mark.parametrize(("action", "reference", "kind", "outcome", "event"), MAKING)
def test_an_item_is_made_as_its_template_says(
    desk: Logger, action: str, reference: str, kind: str, outcome: str, event: str
) -> None:
    assert desk.feed(ask(action, fields={"host": "f1"}, call_template="hr-call")) == [Ok()]

    item = desk.item(reference)
    assert (item.kind, item.status, item.partition, item.call_template) == (kind, "open", "HR", "hr-call")
    assert (item.user, item.logging_analyst) == ("ann", "rob")
    assert (item.impact, item.urgency, item.priority) == ("low", "low", "P3")
    assert (item.subject, item.description, item.opened_at) == ("Subject of r/1", "Text", NOW)
    assert item.fields == {"cost": "none", "host": "f1"}
    assert item.settings_versions == {"call-template/hr-call": 3, "partition/HR": 1}
    assert entries(desk, reference) == [(outcome, "rob", "Text")]
    (told,) = desk.of(CALL_EVENTS)
    assert (told.event, told.reference, told.request_id, told.mail_id) == (event, reference, "r/1", None)
    assert (told.person_id, told.user, told.priority, told.subject) == ("rob", "ann", "P3", "Subject of r/1")
    assert told.settings_versions == item.settings_versions


def test_what_a_request_gives_goes_before_its_template(desk: Logger) -> None:
    desk.feed(ask("log-call", impact="low", urgency="low", assigned_group="Storage", fields={"cost": "some"}))
    call = desk.item("C-000001")
    assert (call.impact, call.urgency, call.priority) == ("low", "low", "P3")
    assert (call.assigned_group, call.fields, call.screen_set) == ("Storage", {"cost": "some"}, "Standard")


def test_the_user_is_told_by_mail_and_an_answer_finds_the_item(desk: Logger) -> None:
    desk.feed(ask("create-task"))
    (told,) = desk.of(NOTIFICATION_REQUESTED)
    assert (told.recipient, told.recipient_name, told.event) == ("ann@example.test", "Ann Lee", "TaskLogged")
    assert told.notification_id == ids.notification_id("request/r/1", "TaskLogged", "ann@example.test")
    assert (told.partition, told.mail_id, told.in_reply_to) == ("IT", None, None)
    data = told.data
    assert (data["reference"], data["user"], data["person"], data["text"]) == ("T-000001", "Ann Lee", "Rob Roe", "Text")
    own = ids.message_id(told.notification_id, "desk.example.test")
    answer = make_mail("answer", person=ANN, conversation={"own_message_ids": [own]})
    desk.feed(answer)
    assert desk.outcome(answer) == ("item-updated", "T-000001")


@pytest.mark.parametrize(
    "fields", [{"notify": False}, {"requested_at": NOW - timedelta(hours=1, seconds=1)}, {"user": "rob2"}]
)
def test_who_is_not_told(desk: Logger, fields: dict[str, Any]) -> None:
    desk.feed(Person(id="rob2", is_user=True))
    assert desk.feed(ask("log-call", **fields)) == [Ok()]
    assert len(desk.of(CALL_EVENTS)) == 1
    assert desk.of(NOTIFICATION_REQUESTED) == []


def test_an_address_names_its_person_or_makes_a_new_user_once(desk: Logger) -> None:
    desk.feed(ask("log-call", "1", user="ANN@example.test"))
    desk.feed(ask("log-call", "2", user="New@X.test"), ask("create-task", "3", user="new@x.test"))
    desk.feed(ask("log-call", "4", user="new@x.test"))
    new = ids.person_id("new@x.test")
    assert [desk.item(one).user for one in ("C-000001", "C-000002", "T-000003", "C-000004")] == ["ann", new, new, new]
    (person,) = desk.of(PERSONS)
    assert (person.id, person.last_name, person.addresses) == (new, "new", ("new@x.test",))
    assert (person.is_user, person.is_analyst) == (True, False)


def test_an_address_names_a_disabled_person_only_where_nobody_else_has_it(desk: Logger) -> None:
    disabled = ANN.model_copy(update={"id": "a", "disabled": True})
    desk.feed(disabled)
    desk.feed(ask("log-call", "1", user="ann@example.test"))
    assert desk.item("C-000001").user == "ann"


def test_an_analyst_who_becomes_a_user_of_an_item_is_flagged(desk: Logger) -> None:
    desk.feed(ask("log-call", "1", user=None))
    desk.feed(ask("log-call", "2", user="rob"))
    assert desk.item("C-000001").user == "rob"
    (person,) = desk.of(PERSONS)
    assert (person.id, person.is_user, person.is_analyst, person.version) == ("rob", True, True, 1)


def test_an_item_may_belong_to_another(desk: Logger) -> None:
    desk.feed(ask("log-call", "1"))
    desk.feed(ask("create-task", "2", linked_to="C-000001"))
    assert desk.item("T-000002").linked_to == "C-000001"


@pytest.mark.parametrize(("making", "reference", "kind"), [case[:3] for case in MAKING])
def test_an_item_is_updated_closed_and_reopened(desk: Logger, making: str, reference: str, kind: str) -> None:
    desk.feed(ask(making, "0"))
    desk.published.clear()
    for cause, action in enumerate(("update", "close", "reopen"), 1):
        desk.now = NOW + timedelta(minutes=cause)
        assert desk.feed(ask(action, str(cause), item=reference)) == [Ok()]
        item = desk.item(reference)
        assert (item.status, item.version) == ("closed" if action == "close" else "open", 1 + cause)
        assert item.closed_at == (desk.now if action == "close" else None)
    assert entries(desk, reference)[1:] == [
        ("item-updated", "rob", "Text of 1"),
        ("item-closed", "rob", "Text of 2"),
        ("item-reopened", "rob", "Text of 3"),
    ]
    events = [f"{kind.capitalize()}{done}" for done in ("Updated", "Closed", "Reopened")]
    assert [(one.event, one.request_id) for one in desk.of(CALL_EVENTS)] == list(zip(events, "123", strict=True))
    assert [one.event for one in desk.of(NOTIFICATION_REQUESTED)] == events


def test_requests_of_one_batch_see_what_those_before_them_did(desk: Logger) -> None:
    desk.feed(ask("log-call", "0"))
    desk.feed(ask("close", "1"), ask("close", "2"), ask("reopen", "3"), ask("update", "4"))
    assert [one.event for one in desk.of(CALL_EVENTS)][1:] == [
        "CallClosed",
        "ActionRefused",
        "CallReopened",
        "CallUpdated",
    ]
    assert (desk.item("C-000001").status, desk.item("C-000001").closed_at) == ("open", None)


@pytest.mark.parametrize(
    ("before", "asked", "reason"),
    [
        ([], ask("reopen"), Reason.ITEM_OPEN),
        ([], ask("close", by="nobody"), Reason.UNKNOWN_PERSON),
        ([ask("close", "0")], ask("close"), Reason.ITEM_CLOSED),
        ([ask("close", "0")], ask("update"), Reason.ITEM_CLOSED),
    ],
)
def test_what_is_refused_is_told_to_the_system_and_to_nobody_by_mail(
    desk: Logger, before: list[DeskCommand], asked: DeskCommand, reason: Reason
) -> None:
    desk.feed(ask("log-call", "made"))
    desk.feed(*before)
    desk.published.clear()
    status = desk.item("C-000001").status
    assert desk.feed(asked) == [Ok()]
    (told,) = desk.of(CALL_EVENTS)
    assert (told.event, told.action, told.reason, told.request_id) == ("ActionRefused", asked.action, reason, "r/1")
    assert desk.of(NOTIFICATION_REQUESTED) == []
    entry = desk.item("C-000001").journal[-1]
    assert (entry.kind, entry.reason, entry.text) == ("action-refused", reason, "Text of r/1")
    assert desk.item("C-000001").status == status


@pytest.mark.parametrize(
    ("asked", "reason", "named"),
    [
        (ask("log-call", call_template="gone"), Reason.UNKNOWN_TEMPLATE, "call_template: there is no"),
        (ask("log-call", call_template="gone"), Reason.UNKNOWN_TEMPLATE, "known are: hr-call, it-call"),
        (ask("log-call", call_template="lost-partition"), Reason.UNKNOWN_PARTITION, "'lost-partition'"),
        (ask("log-call", call_template="no-priority"), Reason.UNKNOWN_TEMPLATE, "call template 'no-priority'"),
        (ask("log-call", impact="vast"), Reason.UNKNOWN_VALUE, "impact: partition 'IT' has no impact 'vast'"),
        (ask("log-call", impact="vast"), Reason.UNKNOWN_VALUE, "known are: high, low"),
        (ask("create-task", urgency="x"), Reason.UNKNOWN_VALUE, "urgency: partition 'IT' has no urgency 'x'"),
        (ask("log-call", impact="vast", call_template="no-priority"), Reason.UNKNOWN_VALUE, "impact: "),
        (ask("log-call", by="nobody"), Reason.UNKNOWN_PERSON, "by: "),
        (ask("log-call", by="nobody@x.test"), Reason.UNKNOWN_PERSON, "by: "),
        (ask("log-call", user="nobody"), Reason.UNKNOWN_PERSON, "user: "),
        (ask("log-call", logging_analyst="ann"), Reason.UNKNOWN_PERSON, "logging_analyst: "),
        (ask("log-call", by="ann"), Reason.UNKNOWN_PERSON, "logging_analyst: "),
        (ask("create-task", linked_to="C-000009"), Reason.UNKNOWN_ITEM, "C-000009"),
        (ask("create-task", linked_to="T-000001"), Reason.UNKNOWN_ITEM, "T-000001"),
        (ask("update", item="C-000009"), Reason.UNKNOWN_ITEM, "C-000009"),
        (ask("close", item="R-000001"), Reason.UNKNOWN_ITEM, "R-000001"),
        (ask("close", item="C-" + "9" * 18), Reason.UNKNOWN_ITEM, "C-999"),
    ],
)
def test_what_names_nothing_is_a_dead_letter_that_stops_no_other_and_can_be_replayed(
    desk: Logger, asked: DeskCommand, reason: Reason, named: str
) -> None:
    desk.feed(ask("log-call", "before"))
    dead, ok = desk.feed(asked, ask("log-call", "good"))
    assert isinstance(dead, Dead)
    assert (dead.reason, named in dead.text) == (reason, True)
    assert ok == Ok()
    assert rows(desk) == 2
    assert desk.of(PERSONS) == []
    with read_transaction(desk.engine) as connection:
        assert set(connection.execute(select(handled.c.key)).scalars()) == {"request/before", "request/good"}


@pytest.mark.parametrize(
    "value",
    [
        b'{"action": "delete", "request_id": "1"}',
        b'{"action": "update", "request_id": "1", "requested_at": "2026-11-26T09:00:00Z", "by": "rob", '
        b'"item": "C-000001", "text": "a\\u0000b"}',
        b'{"action": "update", "request_id": "1", "requested_at": "2026-11-26T09:00:00", "by": "rob", '
        b'"item": "C-000001", "text": "no offset"}',
    ],
)
def test_a_request_that_cannot_be_read_is_a_dead_letter(desk: Logger, value: bytes) -> None:
    (dead,) = desk.feed(Record(DESK_REQUESTED.name(PREFIX), 0, 0, b"k", value))
    assert isinstance(dead, Dead) and dead.reason is Reason.WRONG_SCHEMA


def test_the_same_request_twice_has_one_effect(desk: Logger) -> None:
    batch = [ask("log-call", "1", user="new@x.test"), ask("create-task", "2")]
    desk.feed(*batch, *batch)
    published = len(desk.published)
    assert desk.feed(*batch) == [Ok(), Ok()]
    assert len(desk.published) == published
    assert rows(desk) == 2
    changes = [ask("update", "3"), ask("close", "4")]
    desk.feed(*changes, *changes)
    published = len(desk.published)
    desk.feed(*changes)
    assert len(desk.published) == published
    assert [kind for kind, _, _ in entries(desk, "C-000001")] == ["call-logged", "item-updated", "item-closed"]


def test_two_loggers_with_the_same_requests_do_each_once(desk: Logger, another: Logger) -> None:
    desk.feed(*(ask("log-call", f"made/{n}") for n in range(10)))
    desk.published.clear()
    updates = [ask("update", f"update/{n}", item=f"C-{n:06d}") for n in range(1, 11)]
    made = [ask("create-task", f"task/{n}", user="new@x.test") for n in range(5)]
    with ThreadPoolExecutor(2) as pool:
        # Each logger meets the items in another order.
        feeds = [pool.submit(desk.feed, *updates, *made), pool.submit(another.feed, *made[::-1], *updates[::-1])]
        assert [feed.result() for feed in feeds] == [[Ok()] * 15] * 2
    told = [*desk.of(CALL_EVENTS), *another.of(CALL_EVENTS)]
    assert len(told) == len({event.request_id for event in told}) == 15
    assert {desk.item(f"C-{n:06d}").version for n in range(1, 11)} == {2}
    assert rows(desk) == 15
    assert len([*desk.of(PERSONS), *another.of(PERSONS)]) == 1


def test_broker_away_after_the_commit_loses_and_doubles_nothing(desk: Logger) -> None:
    def away(_messages: Sequence[OutputRecord]) -> None:
        raise OutageError(Reason.BROKER_AWAY, "the broker is away")

    batch = [make_mail("one", person=ANN), ask("log-call", "1")]
    desk.publish = away
    for _ in range(2):
        with pytest.raises(OutageError):
            desk.feed(*batch)
    desk.publish = desk.published.extend
    assert desk.feed(*batch) == [Ok(), Ok()]
    assert len(desk.of(CALL_EVENTS)) == len(desk.of(NOTIFICATION_REQUESTED)) == rows(desk) == 2


def test_mails_and_requests_come_in_one_batch(desk: Logger) -> None:
    mail = make_mail("one", person=ANN)
    bad = ask("update", "bad", item="C-000009")
    outcomes = desk.feed(ask("log-call", "1"), mail, bad, ask("create-task", "2"))
    assert [type(one) for one in outcomes] == [Ok, Ok, Dead, Ok]
    assert rows(desk) == 3
    assert len(desk.of(CALL_EVENTS)) == len(desk.of(NOTIFICATION_REQUESTED)) == 3


def test_a_mail_updates_and_closes_a_task(desk: Logger) -> None:
    desk.feed(ask("create-task"))
    update, stranger = by_mail("one", "T-000001"), make_mail("two", "eve@x.test", conversation=item("T-000001"))
    close = by_mail("three", "t-000001", wanted="close")
    desk.feed(update, stranger, close)
    assert desk.outcome(update) == ("item-updated", "T-000001")
    assert desk.outcome(stranger) == ("call-logged", "C-000002")
    assert desk.outcome(close) == ("item-closed", "T-000001")
    assert desk.item("T-000001").status == "closed"
    assert [one.event for one in desk.of(CALL_EVENTS)] == ["TaskLogged", "TaskUpdated", "CallLogged", "TaskClosed"]


def test_a_mail_updates_a_request_and_does_not_close_it(desk: Logger) -> None:
    desk.feed(ask("create-request"))
    update, close = by_mail("one", "R-000001"), by_mail("two", "R-000001", wanted="close")
    desk.feed(update, close)
    assert (desk.outcome(update)[0], desk.outcome(close)[0]) == ("item-updated", "action-refused")
    assert desk.item("R-000001").status == "open"
    assert desk.of(CALL_EVENTS)[-1].reason is Reason.REQUEST_NOT_CLOSED_BY_MAIL
    answer = desk.of(NOTIFICATION_REQUESTED)[-1]
    assert (answer.event, answer.recipient) == ("ActionRefused", "ann@example.test")
    desk.feed(ask("close", "by-a-system", item="R-000001"))
    assert desk.item("R-000001").status == "closed"


def item(reference: str) -> dict[str, Any]:
    return {"item_references": [reference]}
