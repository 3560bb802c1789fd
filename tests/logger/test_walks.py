"""Mails all the way into the desk: what is logged, updated, closed and refused."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from desk.engine import read_transaction, write_transaction
from desk.items import list_items
from desk.tables import items, mails, outbox
from outbound.render import Templates, render
from runtime.processing.outcomes import Dead, Ok
from schemas import ids
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import AfterClosing, Format
from schemas.topics import CALL_EVENTS, NOTIFICATION_REQUESTED, PERSONS
from tests.logger.harness import NOW, Logger, make_mail

ANN = Person(id="ann", first_name="Ann", last_name="Lee", addresses=("ann@example.test",), is_user=True, version=3)
BOB = Person(id="bob", first_name="Bob", last_name="Ray", addresses=("bob@example.test",), is_user=True)
DESK = Person(id="desk", first_name="Dee", last_name="Esk", addresses=("desk@example.test",), is_analyst=True)
ROB = Person(id="rob", first_name="Rob", last_name="Roe", addresses=("rob@example.test",), is_analyst=True)


def replying_to(*message_ids: str, **more: Any) -> dict[str, Any]:
    return {"conversation": {"message_ids": message_ids, **more}}


def test_a_new_mail_logs_a_call(logger: Logger) -> None:
    file = {"name": "a.txt", "content_type": "text/plain", "size": 3, "sha256": "ab", "blob": "sha256/ab/ab"}
    mail = make_mail("one", person=ANN, html="<p>Text</p>", files=[file, {**file, "name": "b.txt", "inline": True}])
    assert logger.feed(ANN, DESK, mail) == [Ok(), Ok(), Ok()]

    assert logger.outcome(mail) == ("call-logged", "C-000001")
    call = logger.item("C-000001")
    assert (call.kind, call.status, call.partition, call.call_template) == ("call", "open", "IT", "it-call")
    assert (call.user, call.user_name, call.logging_analyst) == ("ann", "Ann Lee", "desk")
    assert (call.impact, call.urgency, call.priority) == ("high", "low", "P2")
    assert (call.screen_set, call.ipk_status) == ("Standard", "New")
    assert (call.subject, call.description, call.opened_at) == ("Subject of one", "Text of one", NOW)
    assert call.settings_versions == {"incoming-server/it-in": 7, "call-template/it-call": 2, "partition/IT": 0}
    entry = call.journal[0]
    assert (entry.kind, entry.person_id, entry.mail_id, entry.at) == ("call-logged", "ann", mail.mail_id, NOW)
    assert (entry.text, entry.reply, entry.html) == ("Text of one", "Text of one", "<p>Text</p>")
    assert [(file.name, file.blob, file.inline) for file in call.files] == [
        ("a.txt", "sha256/ab/ab", False),
        ("b.txt", "sha256/ab/ab", True),
    ]


def test_its_event_and_its_acknowledgement_are_published(logger: Logger) -> None:
    mail = make_mail("one", person=ANN, references=["<older@x.test>", "<no id>", "<in\tjection@x>"])
    logger.feed(ANN, DESK, mail)

    (event,) = logger.of(CALL_EVENTS)
    assert (event.event, event.reference, event.person_id) == ("CallLogged", "C-000001", "ann")
    assert (event.user, event.logging_analyst, event.priority) == ("ann", "desk", "P2")
    (told,) = logger.of(NOTIFICATION_REQUESTED)
    assert (told.recipient, told.recipient_name, told.event) == ("ann@example.test", "Ann Lee", "CallLogged")
    assert told.notification_id == ids.notification_id(mail.mail_id, "CallLogged", "ann@example.test")
    assert told.in_reply_to == "<one@example.test>"
    assert told.references == ("<older@x.test>", "<one@example.test>")
    assert told.data == {
        "event": "CallLogged",
        "role": "author",
        "reference": "C-000001",
        "kind": "call",
        "subject": "Subject of one",
        "partition": "Information Technology",
        "user": "Ann Lee",
        "logging_analyst": "Dee Esk",
        "person": "Ann Lee",
        "group": "",
        "priority": "P2",
        "text": "",
        "reason": "",
        "remedy": "",
    }
    assert [(m.topic, m.key) for m in logger.published] == [
        (CALL_EVENTS, "C-000001"),
        (NOTIFICATION_REQUESTED, "ann@example.test"),
    ]
    logger.handler.close()
    with read_transaction(logger.engine) as connection:
        assert connection.execute(select(outbox)).all() == []


def test_the_same_records_twice_have_one_effect(logger: Logger) -> None:
    records: list[Person | ResolvedMail] = [
        ANN,
        make_mail("one"),
        make_mail("two", **replying_to("<one@example.test>")),
    ]
    logger.feed(*records, *records)
    published = len(logger.published)
    assert logger.feed(*records) == [Ok()] * 3
    assert len(logger.published) == published
    with read_transaction(logger.engine) as connection:
        assert [line.reference for line in list_items(connection)] == ["C-000001"]
    assert [entry.kind for entry in logger.item("C-000001").journal] == ["call-logged", "item-updated"]


@pytest.mark.parametrize("batches", ["one", "two"])
def test_a_reply_updates_its_call(logger: Logger, batches: str) -> None:
    first = make_mail("one", person=ANN)
    reply = make_mail("two", person=ANN, reply="Thanks", **replying_to("<unknown@x>", "<one@example.test>"))
    if batches == "one":
        logger.feed(ANN, first, reply)
    else:
        logger.feed(ANN, first)
        logger.feed(reply)
    assert logger.outcome(reply) == ("item-updated", "C-000001")
    call = logger.item("C-000001")
    assert call.version == 2
    assert [(entry.kind, entry.text, entry.reply) for entry in call.journal] == [
        ("call-logged", "Text of one", "Text of one"),
        ("item-updated", "Text of two", "Thanks"),
    ]
    assert [event.event for event in logger.of(CALL_EVENTS)] == ["CallLogged", "CallUpdated"]


def test_an_answer_to_our_notification_joins_its_call_whoever_sends_it(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    own = ids.message_id(logger.of(NOTIFICATION_REQUESTED)[0].notification_id, "desk.example.test")
    answer = make_mail("two", "stranger@x.test", conversation={"own_message_ids": [own]})
    logger.feed(answer)
    assert logger.outcome(answer) == ("item-updated", "C-000001")
    unknown = make_mail("three", conversation={"own_message_ids": [ids.message_id("0" * 32, "desk.example.test")]})
    logger.feed(unknown)
    assert logger.outcome(unknown) == ("call-logged", "C-000002")


@pytest.mark.parametrize(
    ("sender", "expected"),
    [(ANN, ("item-updated", "C-000001")), (ROB, ("item-updated", "C-000001")), (BOB, ("call-logged", "C-000002"))],
)
def test_an_item_reference_is_believed_from_a_party_only(
    logger: Logger, sender: Person, expected: tuple[str, str]
) -> None:
    logger.feed(ANN, BOB, ROB, make_mail("one", person=ANN))
    mail = make_mail("two", sender.addresses[0], sender, conversation={"item_references": ["C-000001"]})
    logger.feed(mail)
    assert logger.outcome(mail) == expected


def test_an_item_reference_of_another_kind_is_none(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    mail = make_mail("two", person=ANN, conversation={"item_references": ["T-000001", "C-999999999999999999"]})
    logger.feed(mail)
    assert logger.outcome(mail) == ("call-logged", "C-000002")


def test_whoever_came_first_keeps_a_message_id(logger: Logger) -> None:
    logger.feed(make_mail("one", message_id="<reused@x>"), make_mail("two", "b@x.test", message_id="<reused@x>"))
    logger.feed(make_mail("three", "c@x.test", message_id="<reused@x>"))
    reply = make_mail("four", **replying_to("<reused@x>"))
    logger.feed(reply)
    assert logger.outcome(reply) == ("item-updated", "C-000001")
    same: dict[str, Any] = {"message_id": "<again@x>"}
    reply = make_mail("seven", **replying_to("<again@x>"))
    logger.feed(make_mail("five", **same), make_mail("six", **same), reply)
    assert logger.outcome(reply) == ("item-updated", "C-000004")


@pytest.mark.parametrize("batches", ["one", "two"])
def test_a_call_is_closed_by_mail_and_a_mail_that_comes_soon_opens_it_again(logger: Logger, batches: str) -> None:
    close = make_mail("two", person=ANN, wanted="close", **replying_to("<one@example.test>"))
    late = make_mail("three", person=ANN, **replying_to("<two@example.test>", "<one@example.test>"))
    logger.feed(ANN, make_mail("one", person=ANN), close, *([late] if batches == "one" else []))
    if batches == "two":
        closed = logger.item("C-000001")
        assert (closed.status, closed.closed_at, closed.version) == ("closed", NOW, 2)
        logger.feed(late)
    assert logger.outcome(close) == ("item-closed", "C-000001")
    assert logger.outcome(late) == ("item-reopened", "C-000001")
    call = logger.item("C-000001")
    assert (call.status, call.closed_at) == ("open", None)
    assert [entry.kind for entry in call.journal] == ["call-logged", "item-closed", "item-reopened"]
    assert (call.journal[-1].person_id, call.journal[-1].text) == ("ann", "Text of three")
    assert [e.event for e in logger.of(CALL_EVENTS)] == ["CallLogged", "CallClosed", "CallReopened"]
    assert logger.of(NOTIFICATION_REQUESTED)[-1].event == "CallReopened"


def test_a_call_that_is_closed_again_in_the_same_batch_is_closed(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    parent = replying_to("<one@example.test>")
    wants = ("close", "log-or-update", "close")
    logger.feed(*(make_mail(str(n), person=ANN, wanted=wanted, **parent) for n, wanted in enumerate(wants)))
    call = logger.item("C-000001")
    assert (call.status, call.closed_at) == ("closed", NOW)
    assert [entry.kind for entry in call.journal[1:]] == ["item-closed", "item-reopened", "item-closed"]


def test_a_mail_to_a_call_that_was_closed_long_ago_logs_a_linked_one(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    logger.feed(make_mail("two", person=ANN, wanted="close", **replying_to("<one@example.test>")))
    logger.now = NOW + timedelta(days=15)
    late = make_mail("three", person=ANN, received=logger.now, **replying_to("<one@example.test>"))
    later = make_mail("four", person=ANN, received=logger.now, **replying_to("<three@example.test>"))
    logger.feed(late, later)
    assert logger.outcome(late) == ("call-logged", "C-000002")
    assert logger.item("C-000002").linked_to == "C-000001"
    assert logger.outcome(later) == ("item-updated", "C-000002")
    assert logger.item("C-000001").status == "closed"


def test_a_mail_that_is_kept_in_the_journal_leaves_its_item_closed(logger: Logger) -> None:
    it = logger.settings.partition("IT")
    assert it is not None
    journal = it.model_copy(update={"after_closing": (AfterClosing(action="journal"),)})
    logger.settings = logger.settings.with_changes([("partition/IT", journal, 9)])
    logger.feed(ANN, make_mail("one", person=ANN))
    logger.feed(make_mail("two", person=ANN, wanted="close", **replying_to("<one@example.test>")))
    mail = make_mail("three", person=ANN, **replying_to("<one@example.test>"))
    logger.feed(mail)
    assert logger.outcome(mail) == ("item-updated", "C-000001")
    call = logger.item("C-000001")
    assert (call.status, call.closed_at, call.journal[-1].text) == ("closed", NOW, "Text of three")
    assert logger.of(CALL_EVENTS)[-1].event == "CallUpdated"


@pytest.mark.parametrize("kind", ["task", "request"])
def test_tasks_and_requests_are_opened_again_as_well(logger: Logger, kind: str) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    with write_transaction(logger.engine) as connection:
        connection.execute(items.update().values(kind=kind, status="closed", closed_at=NOW))
    mail = make_mail("two", person=ANN, **replying_to("<one@example.test>"))
    logger.feed(mail)
    assert logger.item_of(mail).status == "open"
    assert logger.of(CALL_EVENTS)[-1].event == f"{kind.title()}Reopened"


def test_a_token_that_is_forged_or_old_logs_a_call_that_is_linked_to_what_it_names(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    own = ids.message_id(logger.of(NOTIFICATION_REQUESTED)[0].notification_id, "desk.example.test")
    for cause, doubtful in (("two", own), ("three", "C-000001")):
        mail = make_mail(cause, person=ANN, **replying_to("<one@example.test>", doubtful=[doubtful]))
        logger.feed(mail)
        assert logger.outcome(mail)[0] == "call-logged"
        assert logger.item_of(mail).linked_to == "C-000001"
    assert logger.item("C-000001").version == 1


def test_a_stranger_who_quotes_a_number_learns_nothing_of_the_item(logger: Logger) -> None:
    logger.feed(ANN, BOB, make_mail("one", person=ANN, subject="Secret"))
    mail = make_mail("two", "bob@example.test", BOB, conversation={"item_references": ["C-000001"]})
    logger.feed(mail)
    assert logger.item_of(mail).linked_to == "C-000001"
    told = logger.of(NOTIFICATION_REQUESTED)[-1]
    assert told.recipient == "bob@example.test"
    assert "Secret" not in told.model_dump_json() and "C-000001" not in told.model_dump_json()


def test_a_request_is_not_closed_by_mail_and_the_answer_says_so(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    with write_transaction(logger.engine) as connection:
        connection.execute(items.update().values(kind="request"))
    logger.feed(make_mail("two", person=ANN, wanted="close", **replying_to("<one@example.test>")))
    told = logger.of(NOTIFICATION_REQUESTED)[-1]
    rendered = render(told, Templates(logger.settings), Format.TEXT)
    assert "what your mail asks for was not done with R-000001" in rendered.text
    assert "requests are not closed by mail" in rendered.text


@pytest.mark.parametrize("trust", ["failed", "unproved"])
def test_whoever_is_not_proved_to_be_the_analyst_logs_a_call_as_anybody(logger: Logger, trust: str) -> None:
    sender = {"kind": "analyst-only", "set_user_flag": True, "logging_analyst": "rob"}
    mail = make_mail("one", "rob@example.test", ROB, sender=sender, trust=trust)
    logger.feed(ROB, mail)
    call = logger.item_of(mail)
    assert (call.user, call.logging_analyst) == ("rob", "desk")
    assert logger.of(PERSONS) == []  # no User flag was set


@pytest.mark.parametrize(
    ("kind", "status", "sender", "outcome", "event", "reason"),
    [
        ("call", "open", ANN, "item-closed", "CallClosed", None),
        ("task", "open", ANN, "item-closed", "TaskClosed", None),
        ("task", "open", ROB, "item-closed", "TaskClosed", None),
        ("task", "open", BOB, "action-refused", "ActionRefused", Reason.NOT_A_PARTY),
        ("task", "closed", ANN, "action-refused", "ActionRefused", Reason.ITEM_CLOSED),
        ("request", "open", ANN, "action-refused", "ActionRefused", Reason.REQUEST_NOT_CLOSED_BY_MAIL),
        ("request", "open", BOB, "action-refused", "ActionRefused", Reason.NOT_A_PARTY),
    ],
)
def test_who_may_close_what(
    logger: Logger, kind: str, status: str, sender: Person, outcome: str, event: str, reason: Reason | None
) -> None:
    logger.feed(ANN, BOB, ROB, make_mail("one", person=ANN))
    with write_transaction(logger.engine) as connection:
        connection.execute(items.update().values(kind=kind, status=status))
    logger.published.clear()
    mail = make_mail("two", sender.addresses[0], sender, wanted="close", **replying_to("<one@example.test>"))
    logger.feed(mail)

    reference = f"{kind[0].upper()}-000001"
    assert logger.outcome(mail) == (outcome, reference)
    item = logger.item(reference)
    assert item.status == ("closed" if reason is None else status)
    assert (item.journal[-1].kind, item.journal[-1].person_id, item.journal[-1].reason) == (outcome, sender.id, reason)
    (published,) = logger.of(CALL_EVENTS)
    assert (published.event, published.reference, getattr(published, "reason", None)) == (event, reference, reason)
    told = [one for one in logger.of(NOTIFICATION_REQUESTED) if one.role == "author"]
    if reason is Reason.NOT_A_PARTY:
        assert told == []  # a stranger is told nothing of the item
    else:
        assert [(one.event, bool(one.data["reason"])) for one in told] == [(event, reason is not None)]


@pytest.mark.parametrize(
    ("kind", "event"), [("call", "CallUpdated"), ("task", "TaskUpdated"), ("request", "RequestUpdated")]
)
def test_calls_tasks_and_requests_are_updated(logger: Logger, kind: str, event: str) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    with write_transaction(logger.engine) as connection:
        connection.execute(items.update().values(kind=kind))
    mail = make_mail("two", person=ANN, conversation={"item_references": [f"{kind[0].upper()}-000001"]})
    logger.feed(mail)
    assert logger.of(CALL_EVENTS)[-1].event == event


@pytest.mark.parametrize("batches", ["one", "two"])
def test_a_mail_that_came_by_two_ways_has_its_effect_once(logger: Logger, batches: str) -> None:
    first = make_mail("one", content_id="c1")
    second = make_mail("two", content_id="c1", message_id="<one@example.test>")
    if batches == "one":
        assert logger.feed(first, second) == [Ok(), Ok()]
    else:
        logger.feed(first)
        assert logger.feed(second) == [Ok()]
    assert logger.feed(second, first) == [Ok(), Ok()]  # and once more, as after a crash
    assert logger.outcomes() == {
        first.mail_id: ("call-logged", "C-000001"),
        second.mail_id: ("duplicate", "C-000001"),
    }
    call = logger.item("C-000001")
    assert (call.version, len(call.journal)) == (1, 1)
    assert len(logger.of(CALL_EVENTS)) == len(logger.of(NOTIFICATION_REQUESTED)) == 1


@pytest.mark.parametrize(("batches", "turned"), [("one", False), ("one", True), ("two", False)])
def test_a_mail_that_0_1_logged_is_known_by_the_id_of_that_time(logger: Logger, batches: str, turned: bool) -> None:
    """`turned`: its second way is the one that a resolver of that release saw, in a rolling upgrade."""
    before = make_mail("one", content_id="as of old")
    now = make_mail("two", content_id="as now", former_content_id="as of old", message_id="<one@example.test>")
    first, second = (now, before) if turned else (before, now)
    for batch in [(first, second)] if batches == "one" else [(first,), (second,)]:
        logger.feed(*batch)
    assert logger.outcomes() == {
        first.mail_id: ("call-logged", "C-000001"),
        second.mail_id: ("duplicate", "C-000001"),
    }


def test_mails_with_one_message_id_and_different_content_are_all_kept(logger: Logger) -> None:
    mails = [make_mail(str(n), message_id="<same@x>", content_id=f"c{n}") for n in range(3)]
    logger.feed(*mails[:2])
    logger.feed(mails[2])
    assert [logger.outcome(mail) for mail in mails] == [("call-logged", f"C-00000{n}") for n in (1, 2, 3)]


def test_mails_whose_content_is_not_known_are_no_duplicates(logger: Logger) -> None:
    mails = [make_mail(str(n), content_id="") for n in range(2)]
    logger.feed(*mails)
    assert {outcome for outcome, _ in logger.outcomes().values()} == {"call-logged"}


def test_a_reply_that_came_by_two_ways_stands_in_the_journal_once(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    reply = {"person": ANN, "content_id": "c2", **replying_to("<one@example.test>")}
    logger.feed(make_mail("two", **reply), make_mail("three", **reply))
    call = logger.item("C-000001")
    assert (call.version, len(call.journal)) == (2, 2)


def test_the_ledger_says_who_sent_a_mail(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN, content_id="c1"), make_mail("two", person=ANN, content_id="c1"))
    with read_transaction(logger.engine) as connection:
        rows = connection.execute(select(mails.c.person_id, mails.c.content_id).order_by(mails.c.outcome)).all()
    assert [tuple(row) for row in rows] == [("ann", "c1"), ("ann", None)]


def test_a_close_that_finds_nothing_logs_a_call(logger: Logger) -> None:
    mail = make_mail("one", wanted="close", **replying_to("<unknown@x>"))
    logger.feed(mail)
    assert logger.outcome(mail) == ("call-logged", "C-000001")


@pytest.mark.parametrize(("template", "priority"), [("it-call", "P2"), ("hr-call", "P3")])
def test_the_priority_comes_from_the_partition(logger: Logger, template: str, priority: str) -> None:
    mail = make_mail("one", call_template=template)
    logger.feed(mail)
    assert logger.item_of(mail).priority == priority


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("gone", Reason.UNKNOWN_TEMPLATE),
        ("lost-partition", Reason.UNKNOWN_PARTITION),
        ("no-priority", Reason.UNKNOWN_TEMPLATE),
    ],
)
def test_a_template_that_cannot_be_used_is_a_dead_letter_and_stops_no_other(
    logger: Logger, template: str, reason: Reason
) -> None:
    good, bad = make_mail("good"), make_mail("bad", "b@x.test", call_template=template)
    dead, ok = logger.feed(bad, good)
    assert isinstance(dead, Dead) and dead.reason is reason
    assert ok == Ok()
    assert logger.outcomes() == {good.mail_id: ("call-logged", "C-000001")}


@pytest.mark.parametrize(
    "fields",
    [
        {"answerable": False},
        {"received": NOW - timedelta(hours=1, seconds=1)},
        {"sender": {"address": ""}},
        {"sender": {"address": "no address"}},
    ],
)
def test_who_is_not_answered(logger: Logger, fields: dict[str, Any]) -> None:
    mail = make_mail("one", **fields)
    logger.feed(mail)
    assert logger.outcome(mail)[0] == "call-logged"
    assert len(logger.of(CALL_EVENTS)) == 1
    assert logger.of(NOTIFICATION_REQUESTED) == []


@pytest.mark.parametrize("message_id", [None, "no brackets", "<a@b>\n<c@d>", "<" + "x" * 5000 + "@y>", "<a b@c>", ""])
def test_a_message_id_that_is_none_is_not_put_into_our_mail(logger: Logger, message_id: str | None) -> None:
    mail = make_mail("one", message_id=message_id)
    assert logger.feed(mail) == [Ok()]
    (told,) = logger.of(NOTIFICATION_REQUESTED)
    assert (told.in_reply_to, told.references) == (None, ())


def test_a_new_person_is_made_once_and_published(logger: Logger) -> None:
    sender = {"first_name": "Ann", "last_name": "Lee"}
    mails = [make_mail("one", sender=sender), make_mail("two", sender=sender)]
    logger.feed(*mails)
    logger.feed(make_mail("three", sender=sender))
    (person,) = logger.of(PERSONS)
    assert (person.id, person.name, person.addresses) == (ids.person_id("ann@example.test"), "Ann Lee", ANN.addresses)
    assert (person.is_user, person.is_analyst) == (True, False)
    assert logger.item("C-000001").user == logger.item("C-000003").user == person.id


def test_mails_that_name_no_sender_are_logged(logger: Logger) -> None:
    mail = make_mail("one", "", sender={"person_id": "m-unknown", "last_name": "Unknown sender"})
    assert logger.feed(mail) == [Ok()]
    assert logger.item_of(mail).user_name == "Unknown sender"
    (person,) = logger.of(PERSONS)
    assert person.addresses == ()


def test_a_person_who_came_into_being_meanwhile_is_used(logger: Logger) -> None:
    twin = Person(id="zoe", addresses=("Ann@Example.test",), is_user=True)
    mail = make_mail("one")  # resolved while nobody had the address
    logger.feed(twin, ANN, mail)
    assert logger.item_of(mail).user == "ann"  # Requirement R9.6: the first one counts
    assert logger.of(PERSONS) == []


def test_an_analyst_who_logs_a_call_becomes_a_user_as_well(logger: Logger) -> None:
    sender = {"kind": "analyst-only", "set_user_flag": True, "logging_analyst": "rob"}
    logger.feed(ANN, ROB, make_mail("one", person=ANN))
    logger.feed(make_mail("two", "rob@example.test", ROB, sender=sender, **replying_to("<one@example.test>")))
    assert logger.of(PERSONS) == []  # an update is no logging of a call
    mail = make_mail("three", "rob@example.test", ROB, sender=sender)
    logger.feed(mail)
    logger.feed(make_mail("four", "rob@example.test", ROB, sender=sender))
    (person,) = logger.of(PERSONS)
    assert (person.id, person.is_user, person.is_analyst, person.version) == ("rob", True, True, 1)
    assert person.addresses == ROB.addresses
    assert (logger.item_of(mail).user, logger.item_of(mail).logging_analyst) == ("rob", "rob")


def test_a_long_subject_is_cut(logger: Logger) -> None:
    mail = make_mail("one", subject="x" * 100_000)
    logger.feed(mail)
    assert logger.item_of(mail).subject == "x" * 998


def test_a_new_call_hands_on_no_token_of_another_item(logger: Logger) -> None:
    mail = make_mail("one", subject="Re: [C-000007.20783.aaaabbbbccccdddd] Printer")
    logger.feed(mail)
    assert logger.item_of(mail).subject == "Re: [C-000007] Printer"


def test_tasks_and_requests_have_their_own_letter(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    with write_transaction(logger.engine) as connection:
        row = dict(connection.execute(select(items)).mappings().one())
        connection.execute(insert(items), [{**row, "id": n, "kind": kind} for n, kind in ((2, "task"), (3, "request"))])
    with read_transaction(logger.engine) as connection:
        assert [line.reference for line in list_items(connection)] == ["R-000003", "T-000002", "C-000001"]
        assert [line.reference for line in list_items(connection, kind="task")] == ["T-000002"]
        assert [line.reference for line in list_items(connection, limit=1)] == ["R-000003"]
        assert list_items(connection, partition="HR") == list_items(connection, status="closed") == []
