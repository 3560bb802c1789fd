"""Who is told of what: roles, rules, groups and watchers, each address once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core.recipients import People, other_recipients
from logger.core.state import ItemState
from schemas.addresses import normalise
from schemas.events import CallEvent
from schemas.persons import Person
from schemas.setting_problems import problems
from schemas.settings import CallTemplate, Format
from schemas.settings.notification_rules import DEFAULT_RULES, DeskEvent, Group, NotificationRule, Role
from schemas.snapshot import SettingsSnapshot
from schemas.topics import CALL_EVENTS, NOTIFICATION_REQUESTED
from tests.logger.harness import NOW, Logger, ask, make_mail

ANN = Person(id="ann", first_name="Ann", last_name="Lee", addresses=("ann@example.test",), is_user=True)
DESK = Person(id="desk", last_name="Desk", addresses=("desk@example.test",), is_analyst=True, email_format=Format.TEXT)
ROB = Person(id="rob", last_name="Roe", addresses=("rob@example.test",), is_analyst=True)
WES = Person(id="wes", last_name="Watcher", addresses=("wes@example.test", "wes@other.test"), is_user=True)
GONE = Person(id="gone", addresses=("gone@example.test",), is_analyst=True, disabled=True)
EVERYBODY = (ANN, DESK, ROB, WES, GONE)


@pytest.fixture
def desk(logger: Logger) -> Logger:
    logger.feed(*EVERYBODY)
    return logger


def rule(event: DeskEvent, *tell: Role, partition: str | None = None) -> NotificationRule:
    return NotificationRule(id=f"{event}-{partition}", event=event, partition=partition, tell=tell)


def apply(logger: Logger, *settings: NotificationRule | Group | CallTemplate) -> None:
    logger.settings = logger.settings.with_changes((f"{one.kind}/{one.id}", one, 99) for one in settings)


def told(logger: Logger) -> list[tuple[str | None, str, str]]:
    """Role, address and event of each notification since the last look."""
    found = [(one.role, one.recipient, one.event) for one in logger.of(NOTIFICATION_REQUESTED)]
    logger.published.clear()
    return found


def answer(person: Person, cause: str = "two", **more: object) -> object:
    return make_mail(cause, person.addresses[0], person, conversation={"message_ids": ["<one@example.test>"]}, **more)


def test_there_is_a_default_for_every_event() -> None:
    assert set(DEFAULT_RULES) == set(get_args(DeskEvent))
    events = {member.model_fields["event"].default for member in get_args(get_args(CallEvent)[0])}
    assert events - {"WatchersChanged"} == set(DEFAULT_RULES) - {"PersonCreated"}


def test_the_author_of_a_new_call_is_answered_once_though_also_its_user(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    assert told(desk) == [("author", "ann@example.test", "CallLogged")]


def test_the_default_logging_analyst_is_told_of_a_call_of_an_analyst_who_is_not_authenticated(desk: Logger) -> None:
    apply(desk, rule("CallLogged", "author", "logging-analyst"))
    desk.feed(make_mail("one", "rob@example.test", ROB, sender={"logging_analyst": "rob"}, trust="failed"))
    assert told(desk) == [("logging-analyst", "desk@example.test", "CallLogged")]


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        (ANN, [("author", "ann@example.test"), ("logging-analyst", "desk@example.test")]),
        (DESK, [("author", "desk@example.test"), ("user", "ann@example.test")]),
        (
            ROB,
            [("author", "rob@example.test"), ("user", "ann@example.test"), ("logging-analyst", "desk@example.test")],
        ),
    ],
)
def test_an_update_is_told_to_those_who_did_not_write_it(
    desk: Logger, writer: Person, expected: list[tuple[str, str]]
) -> None:
    desk.feed(make_mail("one", person=ANN))
    told(desk)
    desk.feed(answer(writer))  # type: ignore[arg-type]
    assert told(desk) == [(role, address, "CallUpdated") for role, address in expected]


def test_a_program_that_is_the_user_is_told_nothing(desk: Logger) -> None:
    form = Person(id="form", addresses=("noreply@shop.test",), is_user=True)
    desk.feed(form, make_mail("one", "noreply@shop.test", form, answerable=False))
    told(desk)
    desk.feed(answer(ROB))  # type: ignore[arg-type]
    assert told(desk) == [
        ("author", "rob@example.test", "CallUpdated"),
        ("logging-analyst", "desk@example.test", "CallUpdated"),
    ]


def test_others_read_what_was_written_and_the_author_does_not(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    desk.published.clear()
    desk.feed(answer(ANN, text="All of it", reply="It smokes"))  # type: ignore[arg-type]
    author, analyst = desk.of(NOTIFICATION_REQUESTED)
    assert (author.data["text"], analyst.data["text"]) == ("", "It smokes")
    assert (author.data["role"], analyst.data["role"], analyst.data["person"]) == (
        "author",
        "logging-analyst",
        "Ann Lee",
    )
    assert (author.in_reply_to, analyst.in_reply_to) == ("<two@example.test>", None)
    assert analyst.recipient_format is Format.TEXT


def test_every_recipient_has_the_email_format_that_is_in_the_details_now(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    for changed in (ANN, DESK):
        other = Format.HTML if changed.email_format is Format.TEXT else Format.TEXT
        desk.feed(changed.model_copy(update={"email_format": other, "version": 9}))
    desk.published.clear()
    desk.feed(answer(ANN))  # type: ignore[arg-type]
    formats = {one.recipient: one.recipient_format for one in desk.of(NOTIFICATION_REQUESTED)}
    assert formats == {"ann@example.test": Format.TEXT, "desk@example.test": Format.HTML}


def test_a_very_long_text_is_cut_with_a_mark(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    desk.published.clear()
    desk.feed(answer(ANN, text="x" * 50_000, reply="x" * 50_000))  # type: ignore[arg-type]
    text = desk.of(NOTIFICATION_REQUESTED)[1].data["text"]
    assert len(text) < 20_100 and text.endswith("[...]\n")


def test_a_reply_to_any_notification_finds_the_call(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN), answer(ROB))  # type: ignore[arg-type]
    ids = [one.notification_id for one in desk.of(NOTIFICATION_REQUESTED)]
    assert len(ids) == 4
    for number, id_ in enumerate(ids):
        mail = make_mail(f"reply{number}", person=ANN, conversation={"notification_ids": [id_]})
        if "notification_ids" not in type(mail.conversation).model_fields:
            mail = make_mail(
                f"reply{number}", person=ANN, conversation={"message_ids": [f"<mailcall.{id_}@desk.example>"]}
            )
        desk.feed(mail)
    assert {desk.outcome(mail)[1]} == {"C-000001"}


def test_nobody_is_told_of_an_old_mail(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    told(desk)
    desk.feed(answer(ANN, received=NOW - timedelta(hours=2)))  # type: ignore[arg-type]
    assert told(desk) == []


@pytest.mark.parametrize("unanswered", [{"answerable": False}, {"trust": "failed"}, {"trust": "unproved"}])
def test_a_machine_or_somebody_unproved_is_not_answered_and_the_others_are_told(
    desk: Logger, unanswered: dict[str, object]
) -> None:
    desk.feed(make_mail("one", person=ANN))
    told(desk)
    desk.feed(answer(ANN, **unanswered))  # type: ignore[arg-type]
    assert told(desk) == [("logging-analyst", "desk@example.test", "CallUpdated")]


def test_a_partitions_rule_goes_before_the_rule_for_all_and_that_before_the_default(desk: Logger) -> None:
    apply(desk, rule("CallLogged"))
    desk.feed(make_mail("one", person=ANN))
    assert told(desk) == []
    apply(desk, rule("CallLogged", "logging-analyst", partition="IT"))
    desk.feed(make_mail("two", person=ANN))
    assert told(desk) == [("logging-analyst", "desk@example.test", "CallLogged")]


def test_the_assigned_group_is_told_at_its_address_or_member_by_member(desk: Logger) -> None:
    template = desk.settings.call_template("it-call")
    assert template is not None
    network = Group(id="network", name="Network", partition="IT", members=("rob", "gone", "nobody", "ann"))
    apply(desk, template.model_copy(update={"assigned_group": "Network"}), network)
    desk.feed(make_mail("one", person=ANN))
    assert told(desk)[1:] == [("assigned-group", "rob@example.test", "CallLogged")]
    apply(desk, network.model_copy(update={"address": "network@example.test"}))
    desk.feed(make_mail("two", person=ANN))
    assert told(desk)[1:] == [("assigned-group", "network@example.test", "CallLogged")]


def test_watchers_are_told_until_they_watch_no_more(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN), ask("watch", "w/1", person="wes", text=""))
    assert told(desk) == [("author", "ann@example.test", "CallLogged")]
    assert desk.item("C-000001").watchers == ("wes",)
    desk.feed(ask("watch", "w/2", person="wes", text=""), answer(ANN))  # type: ignore[arg-type]
    assert ("watchers", "wes@example.test", "CallUpdated") in told(desk)
    desk.feed(ask("unwatch", "w/3", person="wes", text=""))
    assert [(one.watcher, one.watches) for one in desk.of(CALL_EVENTS)] == [("wes", False)]
    desk.feed(answer(ANN, "three"))  # type: ignore[arg-type]
    assert "watchers" not in {role for role, _, _ in told(desk)}


def test_whoever_watches_must_be_known(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN), ask("watch", person="nobody", text=""))
    assert desk.of(CALL_EVENTS)[-1].reason == "unknown-person"
    assert desk.item("C-000001").watchers == ()


def test_of_a_request_all_are_told_but_whoever_asked(desk: Logger) -> None:
    desk.feed(ask("log-call", logging_analyst="desk"))
    assert told(desk) == [("user", "ann@example.test", "CallLogged")]
    desk.feed(ask("update", "r/2"))
    to_analyst = ("logging-analyst", "desk@example.test", "CallUpdated")
    assert told(desk) == [("user", "ann@example.test", "CallUpdated"), to_analyst]
    desk.feed(ask("update", "r/3", by="ann"))
    assert told(desk) == [to_analyst]
    desk.feed(ask("update", "r/4", notify=False))
    assert told(desk) == []


def test_a_person_who_is_made_is_told_where_a_rule_says_so(desk: Logger) -> None:
    desk.feed(make_mail("one", "new@example.test"))
    assert told(desk) == [("author", "new@example.test", "CallLogged")]
    apply(desk, rule("PersonCreated", "author", "logging-analyst"))
    desk.feed(make_mail("two", "newer@example.test"), make_mail("three", "newer@example.test"))
    assert [one for one in told(desk) if one[2] == "PersonCreated"] == [
        ("author", "newer@example.test", "PersonCreated"),
        ("logging-analyst", "desk@example.test", "PersonCreated"),
    ]


ROLES: Sequence[Role] = get_args(Role)
ADDRESSES = st.sampled_from(["a@x.test", "A@X.test", "b@x.test", "c@x.test", "d@x.test"])
PERSONS = st.lists(
    st.builds(
        Person, id=st.sampled_from(list("abcdef")), addresses=st.lists(ADDRESSES, max_size=2).map(tuple),
        is_user=st.just(True), disabled=st.booleans(),
    ),
    min_size=1, max_size=6, unique_by=lambda one: one.id,
)  # fmt: skip


@given(st.data(), PERSONS, st.permutations(ROLES), ADDRESSES)
def test_nobody_is_told_twice_and_the_author_never_by_another_role(
    data: st.DataObject, persons: list[Person], roles: list[Role], written_from: str
) -> None:
    some = st.sampled_from(persons)
    author, user, analyst, watcher, member = (data.draw(some) for _ in range(5))
    item = ITEM._replace(user=user.id, logging_analyst=analyst.id)
    group = Group(id="g", members=(member.id,))
    settings = SettingsSnapshot().with_changes([("group/g", group, 0)])
    people = People({one.id: one for one in persons}, {1: [watcher.id]})
    found = list(other_recipients(roles, item, author, written_from, people, settings))
    addresses = [normalise(one.address) for one in found]
    assert len(addresses) == len(set(addresses))
    assert {normalise(one) for one in (written_from, *author.addresses)}.isdisjoint(addresses)
    disabled = {one.addresses[0] for one in persons if one.disabled and one.addresses}
    enabled = {one.addresses[0] for one in persons if not one.disabled and one.addresses}
    assert {one.address for one in found}.isdisjoint(disabled - enabled)


ITEM = ItemState(
    number=1, kind="call", is_open=True, partition="IT", subject="", user="", logging_analyst="", priority="",
    assigned_group="g",
)  # fmt: skip


def test_rules_and_groups_that_lead_nowhere_are_told() -> None:
    settings: list[NotificationRule | Group] = [
        rule("CallLogged", "user", partition="gone"),
        rule("CallClosed", "user"),
        rule("CallClosed", "author").model_copy(update={"id": "second"}),
        Group(id="network", partition="lost", members=("ann", "nobody")),
    ]
    snapshot = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in settings)
    assert tuple(map(str, problems(snapshot, frozenset({"ann"})))) == (
        "notification-rule/CallLogged-gone: partition 'gone' does not exist",
        "group/network: partition 'lost' does not exist",
        "notification-rule/CallClosed-None: there is another rule for CallClosed in the same partition",
        "notification-rule/second: there is another rule for CallClosed in the same partition",
        "group/network: member 'nobody' is no person",
    )
