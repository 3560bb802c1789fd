"""The decision about one mail, for whatever the mail says and the desk knows."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.decide import CloseItem, Intent, ItemState, LogCall, Refuse, UpdateItem, decide, is_party
from logger.plan import Desk, numbered, plan
from logger.priority import priority
from runtime.outcomes import Dead
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate
from tests.logger.harness import MATRIX, demo_settings, make_mail

SETTINGS = demo_settings()
KINDS: st.SearchStrategy[ItemKind] = st.sampled_from(["call", "task", "request"])
STATES = st.builds(
    ItemState,
    number=st.integers(1, 3),
    kind=KINDS,
    is_open=st.booleans(),
    partition=st.just("IT"),
    subject=st.just("s"),
    user=st.sampled_from(["ann", "bob"]),
    logging_analyst=st.sampled_from(["rob", "ann"]),
    priority=st.just("P1"),
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
CONVERSATIONS = st.fixed_dictionaries(
    {
        "own_message_ids": st.lists(st.sampled_from([f"<mailcall.{'0' * 32}@x>", "<mailcall.no@x>"])),
        "message_ids": st.lists(st.sampled_from(["<1@x>", "<2@x>", "<3@x>", "", "<" * 2000])),
        "item_references": st.lists(st.sampled_from(["C-000001", "T-000002", "R-000003", "C-000009", "no"])),
    }
)
WANTED: st.SearchStrategy[Literal["log-or-update", "close"]] = st.sampled_from(["log-or-update", "close"])


@given(DESKS, HINTS, PERSONS, CONVERSATIONS, WANTED)
def test_every_mail_has_one_outcome_that_obeys_the_rules(
    items: dict[int, ItemState], hints: dict[str, int], person: Person, conversation: Any, wanted: str
) -> None:
    mail = make_mail("one", conversation=conversation, wanted=wanted)
    known = Desk(dict(items), dict(hints))
    intent = decide(mail, person, SETTINGS, known, -1)
    assert not isinstance(intent, Dead)
    assert intent == decide(mail, person, SETTINGS, known, -1)
    assert (known.items, known.hints) == (items, hints)
    assert intent.person is person
    item = intent.item
    match intent:
        case LogCall():
            assert (item.number, item.kind, item.is_open, item.user) == (-1, "call", True, person.id)
            assert intent.linked_to is None or (wanted != "close" and not items[intent.linked_to].is_open)
        case UpdateItem():
            assert wanted != "close"
            assert item == items[item.number]
            assert item.is_open
        case CloseItem():
            assert wanted == "close"
            assert item == items[item.number]
            assert item.is_open
            assert is_party(person, item)
            assert item.kind in ("call", "task")
        case Refuse():
            assert (wanted, intent.action) == ("close", "close")
            assert item == items[item.number]
    hinted = {hints[key] for key in ("<1@x>", "<2@x>", "0" * 32) if key in hints} & items.keys()
    if item.number > 0 and item.number not in hinted:  # found by its reference in the subject alone
        assert is_party(person, item)


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
    together = plan(mails, acting, SETTINGS, Desk())
    intents = numbered(together.intents, range(101, 101 + together.new_calls))
    desk = Desk()
    singly: list[Intent] = []
    for mail in mails:
        single = plan([mail], acting, SETTINGS, desk)
        new = 101 + sum(isinstance(one, LogCall) for one in singly)
        (intent,) = numbered(single.intents, [new])
        desk.items.pop(-1, None)
        desk.hints = {key: number for key, number in desk.hints.items() if number != -1}
        desk.remember(intent)
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
