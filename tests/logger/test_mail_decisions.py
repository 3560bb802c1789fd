"""The decision about one mail, for whatever the mail says and the desk knows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.item_references import reference
from logger.core.commands import (
    ChangeWatchers,
    CloseItem,
    CreateItem,
    Decision,
    MailCommand,
    RefuseCommand,
    ReopenItem,
    UpdateItem,
)
from logger.core.decided import give_numbers, numbered
from logger.core.mail_decisions import decide_mail, mail_command
from logger.core.new_items import priority
from logger.core.plan import plan_mails
from logger.core.state import DeskState, ItemState, is_party
from runtime.processing.outcomes import Dead
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import AfterClosing, CallTemplate
from schemas.snapshot import SettingsSnapshot
from tests.logger.harness import MATRIX, NOW, demo_settings, make_mail

SETTINGS = demo_settings()


def command(mail: ResolvedMail, settings: SettingsSnapshot = SETTINGS) -> MailCommand:
    return mail_command(mail, "", settings)


DAY = timedelta(days=1)
OWN = f"<mailcall.{'0' * 32}@x>"
KINDS: st.SearchStrategy[ItemKind] = st.sampled_from(["call", "task", "request"])
STATES = st.builds(
    ItemState,
    number=st.integers(1, 3),
    kind=KINDS,
    is_open=st.booleans(),
    partition=st.sampled_from(["IT", "gone"]),
    subject=st.just("s"),
    user=st.sampled_from(["ann", "bob"]),
    logging_analyst=st.sampled_from(["rob", "ann"]),
    priority=st.just("P1"),
    closed_at=st.sampled_from([NOW, NOW - 20 * DAY]),
)
DESKS = st.lists(STATES, max_size=3).map(lambda states: {state.number: state for state in states})
HINTS = st.dictionaries(st.sampled_from(["<1@x>", "<2@x>", "0" * 32]), st.integers(1, 4))
PERSONS = st.builds(
    Person,
    id=st.sampled_from(["ann", "bob", "eve"]),
    is_user=st.just(True),
    is_analyst=st.booleans(),
    disabled=st.booleans(),
)
OWN_IDS = st.lists(st.sampled_from([OWN, "<mailcall.no@x>"]), max_size=2)
REFERENCES = st.lists(st.sampled_from(["C-000001", "T-000002", "R-000003", "C-000009", "no"]), max_size=2)
CONVERSATIONS = st.fixed_dictionaries(
    {
        "own_message_ids": OWN_IDS,
        "tokens": REFERENCES,
        "sent_to_sender": OWN_IDS | REFERENCES,
        "doubtful": OWN_IDS | REFERENCES,
        "message_ids": st.lists(st.sampled_from(["<1@x>", "<2@x>", "<3@x>", OWN, "", "<" * 2000])),
        "item_references": REFERENCES,
    }
)
WANTED: st.SearchStrategy[Literal["log-or-update", "close"]] = st.sampled_from(["log-or-update", "close"])
TRUSTS = st.sampled_from(["not-checked", "passed", "failed", "unproved"])


@given(DESKS, HINTS, PERSONS, CONVERSATIONS, WANTED, TRUSTS)
def test_every_mail_has_one_outcome_that_obeys_the_rules(
    items: dict[int, ItemState], hints: dict[str, int], person: Person, conversation: Any, wanted: str, trust: str
) -> None:
    mail = make_mail("one", conversation=conversation, wanted=wanted, trust=trust)
    known = DeskState(dict(items), dict(hints))
    intent = decide_mail(command(mail), person, SETTINGS, known, -1)
    assert not isinstance(intent, Dead)
    assert intent == decide_mail(command(mail), person, SETTINGS, known, -1)
    assert (known.items, known.thread_index) == (items, hints)
    assert intent.person is person
    item = intent.item
    believed = trust in ("not-checked", "passed")
    offered = conversation["sent_to_sender"]
    answers = {hints.get("0" * 32)} if OWN in offered else set()
    answers |= {number for number, one in items.items() if reference(one.kind, number) in offered}
    proved = trust == "passed" or (trust == "not-checked" and item.number in answers)
    assert intent.proof.sender == (proved and believed)
    assert intent.proof.part or not (proved and is_party(person, item))
    match intent:
        case CreateItem():
            assert (item.number, item.kind, item.is_open, item.user) == (-1, "call", True, person.id)
            assert intent.linked_to is None or intent.linked_to in items
        case UpdateItem():
            assert wanted != "close"
            assert item.is_open
        case CloseItem():
            assert wanted == "close"
            assert item.is_open
            assert proved and is_party(person, item)
            assert item.kind in ("call", "task")
        case ReopenItem():
            assert (wanted, item.is_open, item.partition, item.closed_at) == ("log-or-update", False, "IT", NOW)
            assert proved and is_party(person, item)
        case RefuseCommand():
            assert (wanted, intent.action) == ("close", "close")
    if item.number > 0:
        assert item == items[item.number]
        signed = {hints.get("0" * 32)} if OWN in conversation["own_message_ids"] else set()
        signed |= {int(one[2:]) for one in conversation["tokens"] if one != "no"}
        known_by_id = {hints[key] for key in ("<1@x>", "<2@x>") if key in hints}
        assert item.number in signed or not conversation["doubtful"]
        assert item.number in signed | known_by_id or (believed and is_party(person, item))


def item(number: int = 1, **fields: Any) -> ItemState:
    values = {"kind": "call", "is_open": True, "partition": "IT", "subject": "s", "user": "ann", "priority": "P1"}
    return ItemState(number=number, **{**values, "logging_analyst": "rob", **fields})


ANN, EVE = Person(id="ann", is_user=True), Person(id="eve", is_user=True)
ROB, ZOE = Person(id="rob", is_analyst=True), Person(id="zoe", is_analyst=True)
HINTED = {"<first@x>": 1, "0" * 32: 1, "<second@x>": 2}


def what(person: Person, *, items: Sequence[ItemState] = (), settings: SettingsSnapshot = SETTINGS, **mail: Any) -> str:
    """The decision in words: `update 1`, `log linked 2`, `refuse 1 not-trusted` ..., of a desk with items 1 and 2."""
    desk = DeskState({one.number: one for one in items or (item(1), item(2))}, HINTED)
    intent = decide_mail(command(make_mail("one", **mail), settings), person, settings, desk, -1)
    match intent:
        case CreateItem():
            return "log" if intent.linked_to is None else f"log linked {intent.linked_to}"
        case RefuseCommand():
            return f"refuse {intent.item.number} {intent.reason}"
        case UpdateItem() | CloseItem() | ReopenItem() | ChangeWatchers():
            return f"{type(intent).__name__.removesuffix('Item').lower()} {intent.item.number}"
        case Dead():
            return f"dead {intent.reason}"


@pytest.mark.parametrize(
    ("offers", "stranger", "party"),
    [
        ({}, "log", "log"),
        ({"own_message_ids": [OWN]}, "update 1", "update 1"),
        ({"tokens": ["C-000001"]}, "update 1", "update 1"),
        ({"tokens": ["T-000001"]}, "log", "log"),
        ({"message_ids": ["<first@x>"]}, "update 1", "update 1"),
        ({"item_references": ["C-000001"]}, "log linked 1", "update 1"),
        ({"item_references": ["C-000009"]}, "log", "log"),
        ({"message_ids": [OWN]}, "log linked 1", "update 1"),
        # a doubtful token ends the search, unless there is a good one
        ({"doubtful": [OWN]}, "log linked 1", "log linked 1"),
        ({"doubtful": ["C-000001"]}, "log linked 1", "log linked 1"),
        ({"doubtful": ["C-000009"]}, "log", "log"),
        ({"doubtful": ["C-000002"], "message_ids": ["<first@x>"]}, "log linked 2", "log linked 2"),
        ({"doubtful": ["C-000001"], "item_references": ["C-000001"]}, "log linked 1", "log linked 1"),
        ({"doubtful": ["C-000001"], "tokens": ["C-000002"]}, "update 2", "update 2"),
        ({"doubtful": ["C-000002"], "own_message_ids": [OWN]}, "update 1", "update 1"),
        # the first answer wins
        ({"own_message_ids": [OWN], "tokens": ["C-000002"]}, "update 1", "update 1"),
        ({"tokens": ["C-000002"], "message_ids": ["<first@x>"]}, "update 2", "update 2"),
        ({"message_ids": ["<second@x>", "<first@x>"], "item_references": ["C-000001"]}, "update 2", "update 2"),
        ({"message_ids": ["<unknown@x>"], "item_references": ["C-000001"]}, "log linked 1", "update 1"),
    ],
)
def test_which_item_a_mail_belongs_to(offers: dict[str, list[str]], stranger: str, party: str) -> None:
    assert (what(EVE, conversation=offers), what(ANN, conversation=offers)) == (stranger, party)


@pytest.mark.parametrize("trust", ["failed", "unproved"])
@pytest.mark.parametrize("person", [ANN, ROB, ZOE])
def test_a_sender_who_is_not_proved_changes_no_state_and_is_no_party(person: Person, trust: str) -> None:
    signed: dict[str, Any] = {"trust": trust, "conversation": {"own_message_ids": [OWN]}}
    closed = [item(is_open=False, closed_at=NOW)]
    assert what(person, **signed) == "update 1"
    assert what(person, wanted="close", **signed) == "refuse 1 not-trusted"
    assert what(person, items=closed, **signed) == "log linked 1"
    assert what(person, trust=trust, conversation={"item_references": ["C-000001"]}) == "log linked 1"


def with_server(**fields: Any) -> SettingsSnapshot:
    server = SETTINGS.incoming_server("it-in")
    assert server is not None
    return SETTINGS.with_changes([("incoming-server/it-in", server.model_copy(update=fields), 99)])


DISABLED = Person(id="rob", is_analyst=True, disabled=True)


@pytest.mark.parametrize(
    ("may_close", "closers"),
    [
        (("user", "logging-analyst", "any-analyst"), {"ann", "rob", "zoe"}),
        (("user",), {"ann"}),
        (("logging-analyst",), {"rob"}),
        (("any-analyst",), {"rob", "zoe"}),
        (("user", "logging-analyst"), {"ann", "rob"}),
        ((), set()),
    ],
)
def test_who_may_close_is_set_at_the_incoming_server(may_close: tuple[str, ...], closers: set[str]) -> None:
    settings = with_server(may_close=may_close)
    for person in (ANN, ROB, ZOE):
        expected = "close 1" if person.id in closers else "refuse 1 may-not-close"
        assert what(person, settings=settings, wanted="close", conversation={"tokens": ["C-000001"]}) == expected
    for nobody in (EVE, DISABLED):
        decided = what(nobody, settings=settings, wanted="close", conversation={"tokens": ["C-000001"]})
        assert decided == "refuse 1 not-a-party"


def test_a_server_that_no_longer_exists_lets_nobody_close() -> None:
    settings = SETTINGS.with_changes([("incoming-server/it-in", None, 99)])
    asked: dict[str, Any] = {"wanted": "close", "conversation": {"tokens": ["C-000001"]}}
    assert what(ANN, settings=settings, **asked) == "refuse 1 may-not-close"


def with_rules(*rules: AfterClosing) -> SettingsSnapshot:
    partition = SETTINGS.partition("IT")
    assert partition is not None
    return SETTINGS.with_changes([("partition/IT", partition.model_copy(update={"after_closing": rules}), 99)])


REOPEN, JOURNAL = AfterClosing(action="reopen", within_days=7), AfterClosing(action="journal", within_days=30)
ALWAYS_NEW, ALWAYS_REOPEN = AfterClosing(action="new-call"), AfterClosing(action="reopen")


@pytest.mark.parametrize(
    ("rules", "age", "party", "stranger"),
    [
        ((REOPEN, JOURNAL, ALWAYS_NEW), 0, "reopen 1", "log linked 1"),
        ((REOPEN, JOURNAL, ALWAYS_NEW), 7, "reopen 1", "log linked 1"),
        ((REOPEN, JOURNAL, ALWAYS_NEW), 7.1, "update 1", "update 1"),
        ((REOPEN, JOURNAL, ALWAYS_NEW), 30, "update 1", "update 1"),
        ((REOPEN, JOURNAL, ALWAYS_NEW), 30.1, "log linked 1", "log linked 1"),
        ((REOPEN,), 8, "log linked 1", "log linked 1"),
        ((), 0, "log linked 1", "log linked 1"),
        ((AfterClosing(action="reopen", within_days=10**12),), 9999, "reopen 1", "log linked 1"),
        ((ALWAYS_REOPEN,), 9999, "reopen 1", "log linked 1"),
        ((REOPEN,), -1, "reopen 1", "log linked 1"),  # the mail came first, and was handled later
    ],
)
def test_a_mail_to_a_closed_item(rules: tuple[AfterClosing, ...], age: float, party: str, stranger: str) -> None:
    items = [item(is_open=False, closed_at=NOW - age * DAY)]
    asked: dict[str, Any] = {"received": NOW, "conversation": {"tokens": ["C-000001"]}}
    settings = with_rules(*rules)
    assert what(ANN, items=items, settings=settings, **asked) == party
    assert what(EVE, items=items, settings=settings, **asked) == stranger


def test_a_closed_item_whose_partition_or_time_is_unknown_is_followed_by_a_new_call() -> None:
    signed: dict[str, Any] = {"conversation": {"tokens": ["C-000001"]}}
    assert what(ANN, items=[item(is_open=False, closed_at=NOW, partition="gone")], **signed) == "log linked 1"
    assert what(ANN, items=[item(is_open=False, closed_at=None)], **signed) == "log linked 1"


def test_a_sender_who_is_not_proved_is_never_the_logging_analyst() -> None:
    linked: dict[str, Any] = {"sender": {"person_id": "rob", "logging_analyst": "rob"}}
    for trust, expected in (("passed", "rob"), ("not-checked", "rob"), ("failed", "desk"), ("unproved", "desk")):
        mail = make_mail("one", trust=trust, **linked)
        intent = decide_mail(command(mail), ROB, SETTINGS, DeskState(), -1)
        assert isinstance(intent, CreateItem)
        assert intent.item.logging_analyst == expected
    gone = SETTINGS.with_changes([("incoming-server/it-in", None, 99)])
    assert what(ROB, settings=gone, trust="failed", **linked) == "dead unknown-server"


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_a_batch_is_decided_as_its_mails_one_by_one_would_be(replies: list[tuple[int, bool]]) -> None:
    """Each mail answers an earlier one of the batch, or none; calls are numbered as if each had been stored at once."""
    ann = Person(id="ann", is_user=True)
    mails = [
        make_mail(
            str(n),
            person=ann,
            wanted="close" if close else "log-or-update",
            conversation={"message_ids": [f"<{n - back}@example.test>"] if back else []},
        )
        for n, (back, close) in enumerate(replies)
    ]
    acting = {"ann": ann}
    commands = [command(mail) for mail in mails]
    together = plan_mails(commands, acting, SETTINGS, DeskState(), NOW)
    intents = numbered(together.decisions, range(101, 101 + together.new_calls))
    desk = DeskState()
    singly: list[Decision] = []
    for mail in commands:
        single = plan_mails([mail], acting, SETTINGS, desk, NOW)
        new = 101 + sum(isinstance(one, CreateItem) for one in singly)
        (intent,) = numbered(single.decisions, [new])
        give_numbers(desk, [new])
        desk.thread_index = {key: new if number == -1 else number for key, number in desk.thread_index.items()}
        singly.append(intent)
    assert intents == singly


@pytest.mark.parametrize("impact", ["high", "low"])
@pytest.mark.parametrize("urgency", ["high", "low"])
def test_the_priority_matrix(impact: str, urgency: str) -> None:
    partition = SETTINGS.partition("IT")
    assert partition is not None
    assert (
        priority(CallTemplate(id="t", partition="IT", impact=impact, urgency=urgency), partition)
        == (MATRIX[impact][urgency])
    )


def test_impact_or_urgency_of_another_partition_has_no_priority() -> None:
    partition = SETTINGS.partition("IT")
    assert partition is not None
    dead = priority(CallTemplate(id="t", partition="IT", impact="vast", urgency="low"), partition)
    assert isinstance(dead, Dead)
    assert dead.reason is Reason.UNKNOWN_TEMPLATE
    assert "'t'" in dead.text


def test_a_new_call_keeps_all_but_its_number() -> None:
    mail = make_mail("one", person=EVE, conversation={"item_references": ["C-000001"]})
    (logged,) = plan_mails([command(mail)], {EVE.id: EVE}, SETTINGS, DeskState({1: item()}), NOW).decisions
    assert isinstance(logged, CreateItem)
    assert (logged.item.number, logged.linked_to) == (-1, 1)
    assert numbered([logged], [7]) == [logged._replace(item=logged.item._replace(number=7))]
    linked = logged._replace(linked_to=-2)
    assert numbered([linked], [7, 8]) == [linked._replace(item=logged.item._replace(number=7), linked_to=8)]
