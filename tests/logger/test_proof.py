"""What a mail proves of its sender: a stranger, or somebody who borrows a name, reads nothing and steers nothing."""

from typing import Any

import pytest

from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.topics import CALL_EVENTS, NOTIFICATION_REQUESTED
from tests.logger.harness import Logger, ask, make_mail

ANN = Person(id="ann", last_name="Lee", addresses=("ann@example.test",), is_user=True)
ROB = Person(id="rob", last_name="Roe", addresses=("rob@example.test",), is_analyst=True)
WES = Person(id="wes", last_name="West", addresses=("wes@example.test",), is_user=True)
DESK = Person(id="desk", last_name="Desk", addresses=("desk@example.test",), is_analyst=True)

NUMBER = {"item_references": ["C-000001"]}
MESSAGE_ID = {"message_ids": ["<first@example.test>"]}
PASSED_ON = {"tokens": ["C-000001"]}
SENT_TO_SENDER = {"tokens": ["C-000001"], "sent_to_sender": ["C-000001"]}
OFFERS = (NUMBER, MESSAGE_ID, PASSED_ON, SENT_TO_SENDER)


@pytest.fixture
def desk(logger: Logger) -> Logger:
    """Ann's call C-000001, whose Logging Analyst is the desk; Wes watches it."""
    logger.feed(ANN, ROB, WES, DESK)
    logger.feed(make_mail("first", person=ANN), ask("watch", "w/1", person="wes", text=""))
    logger.published.clear()
    return logger


def unproved(cause: str, address: str, person: Person | None, **fields: Any) -> ResolvedMail:
    """A mail to a server that checks nobody, the default."""
    return make_mail(cause, address, person, trust="not-checked", **fields)


def told(logger: Logger) -> dict[str, str]:
    """Who was told since the last look, and what of the mail's words."""
    found = {one.recipient.partition("@")[0]: one.data["text"] for one in logger.of(NOTIFICATION_REQUESTED)}
    logger.published.clear()
    return found


def last_entry(logger: Logger) -> tuple[str, str | None]:
    entry = logger.item("C-000001").journal[-1]
    return entry.kind, entry.reason


@pytest.mark.parametrize("offers", [MESSAGE_ID, PASSED_ON])
@pytest.mark.parametrize("address", ["eve@elsewhere.test", "no-reply@service.test"])
@pytest.mark.parametrize("trust", ["not-checked", "passed", "failed", "unproved"])
def test_what_somebody_without_a_part_writes_is_shown_to_analysts_alone(
    desk: Logger, trust: str, address: str, offers: dict[str, list[str]]
) -> None:
    """The ticket trick: a tag given to a foreign service must not bring its codes to the call's User."""
    desk.feed(make_mail("code", address, trust=trust, conversation=offers, text="Your code is 4711"))
    assert last_entry(desk) == ("item-updated", Reason.NO_PART_PROVED)
    [event] = desk.of(CALL_EVENTS)
    assert (event.event, event.part_proved) == ("CallUpdated", False)
    assert set(told(desk)) == {"desk"}


def test_who_was_sent_the_mail_that_is_answered_has_a_part(desk: Logger) -> None:
    desk.feed(unproved("reply", "eve@elsewhere.test", None, conversation=SENT_TO_SENDER))
    assert last_entry(desk) == ("item-updated", None)
    assert [event.part_proved for event in desk.of(CALL_EVENTS)] == [True]
    assert told(desk) == {"eve": "", "ann": "Text of reply", "desk": "Text of reply", "wes": "Text of reply"}


@pytest.mark.parametrize("person", [ANN, ROB])
def test_a_number_and_a_name_that_anybody_can_write_reach_analysts_alone(desk: Logger, person: Person) -> None:
    """A forged From, under the default `trust: off`, with a number that was guessed."""
    desk.feed(unproved("forged", person.addresses[0], person, conversation=NUMBER, text="Pay here"))
    assert last_entry(desk) == ("item-updated", Reason.NO_PART_PROVED)
    assert "Pay here" not in {words for who, words in told(desk).items() if who not in ("desk", "rob")}


@pytest.mark.parametrize("offers", [MESSAGE_ID, PASSED_ON])
@pytest.mark.parametrize("person", [ANN, ROB])
def test_a_party_of_the_item_has_a_part_by_what_is_hard_to_guess(
    desk: Logger, person: Person, offers: dict[str, list[str]]
) -> None:
    desk.feed(unproved("reply", person.addresses[0], person, conversation=offers))
    assert last_entry(desk) == ("item-updated", None)
    assert told(desk)["wes"] == "Text of reply"


@pytest.mark.parametrize("offers", OFFERS)
@pytest.mark.parametrize("person", [ANN, ROB, DESK])
def test_closing_takes_a_proof(desk: Logger, person: Person, offers: dict[str, list[str]]) -> None:
    desk.feed(unproved("close", person.addresses[0], person, conversation=offers, wanted="close"))
    if offers is SENT_TO_SENDER:
        assert (last_entry(desk), desk.item("C-000001").status) == (("item-closed", None), "closed")
    else:
        assert last_entry(desk) == ("action-refused", Reason.NOT_TRUSTED)
        assert desk.item("C-000001").status == "open"


@pytest.mark.parametrize("offers", OFFERS)
def test_opening_again_takes_a_proof(desk: Logger, offers: dict[str, list[str]]) -> None:
    desk.feed(make_mail("close", person=ANN, conversation=NUMBER, wanted="close"))
    assert desk.item("C-000001").status == "closed"
    desk.feed(unproved("again", ANN.addresses[0], ANN, conversation=offers))
    assert desk.item("C-000001").status == ("open" if offers is SENT_TO_SENDER else "closed")


@pytest.mark.parametrize("wanted", ["log-or-update", "close"])
@pytest.mark.parametrize("offers", [MESSAGE_ID, PASSED_ON])
def test_a_stranger_is_told_nothing_of_the_item(desk: Logger, offers: dict[str, list[str]], wanted: str) -> None:
    """Neither its reference, which would be signed, nor its subject."""
    desk.feed(unproved("ask", "eve@elsewhere.test", None, conversation=offers, wanted=wanted))
    assert "eve" not in told(desk)


def test_an_answer_to_an_unproved_sender_holds_no_words_of_a_mail(desk: Logger) -> None:
    """Else the desk would send whatever anybody writes to whomever they name in From."""
    spam = "Win at casino.test"
    sender = {"last_name": spam, "first_name": spam}
    desk.feed(unproved("spam", "victim@elsewhere.test", None, subject=spam, text=spam, reply=spam, sender=sender))
    answers = [one for one in desk.of(NOTIFICATION_REQUESTED) if one.recipient == "victim@elsewhere.test"]
    assert {one.event for one in answers} >= {"CallLogged"}
    for one in answers:
        assert one.data["reference"] == "C-000002"
        assert spam not in one.model_dump_json()


def test_an_answer_to_a_proved_sender_says_what_it_is_about(desk: Logger) -> None:
    desk.feed(make_mail("mine", person=ANN))
    [answer] = [one for one in desk.of(NOTIFICATION_REQUESTED) if one.role == "author"]
    assert (answer.data["subject"], answer.recipient_name) == ("Subject of mine", "Lee")


def test_what_a_program_writes_goes_to_analysts_alone(desk: Logger) -> None:
    """Though it is the User of its own call: whoever watches that gets no codes of it."""
    program = Person(id="prog", last_name="P", addresses=("no-reply@service.test",), is_user=True)
    desk.feed(program, make_mail("prog", person=program, address="no-reply@service.test"))
    desk.feed(ask("watch", "w/2", person="wes", text="", item="C-000002"))
    desk.published.clear()
    offers = {"message_ids": ["<prog@example.test>"]}
    desk.feed(make_mail("code", "no-reply@service.test", program, conversation=offers, answerable=False))
    assert set(told(desk)) == {"desk"}
