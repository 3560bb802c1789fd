"""A foreign service, a stranger and somebody who borrows names write to two desks: no text of a call reaches anybody
who has no part in it, and nothing is closed.

All of it is real, from the bytes that come in to the bytes that go out; the servers that check nobody are the default.
"""

import re
from itertools import count

import pytest

from tests.mail.installation import Installation

SECRET, CODE, BAIT = "The safe opens with a key", "Your code is 4711", "Pay at bank.test"
URSULA, IDA, MALLORY = "ursula@firm.example", "ida@desk.example", "mallory@evil.example"
SERVICE = "no-reply@service.test"
TAG = re.compile(r"[CTR]-\d{6}\.\d+\.[a-z2-7]{24}")
_numbers = count()
STAFF = "@desk.example"  # Analysts' addresses


def mail(sender: str, words: str, subject: str = "Hello", to: str = "it@desk.example", **headers: str) -> bytes:
    head = {"From": sender, "To": to, "Subject": subject, "Message-ID": f"<{next(_numbers)}@any.test>"}
    fields = {**head, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + f"\r\n{words}\r\n".encode()


def tag_for(desk: Installation, address: str) -> str:
    """The tag in the subject of the last mail that the desk has sent there."""
    sent = [content.decode() for to, content in desk.sent if to == address]
    found = TAG.search(re.sub(r"\r\n ", "", sent[-1]))
    assert found is not None
    return found[0]


def who_read(desk: Installation, words: str) -> set[str]:
    """Everybody to whom the desk has sent these words."""
    return {to for to, content in desk.sent if words.encode() in content.replace(b"=\r\n", b"")}


@pytest.fixture
def calls(two: tuple[Installation, Installation]) -> tuple[Installation, str, str]:
    """At the first desk Ursula and Mallory have a call each; and the Message-ID of Ursula's mail."""
    desk, _ = two
    first = mail(URSULA, SECRET, Message_ID="<first@firm.example>")
    desk.receive(first)
    desk.receive(mail(MALLORY, "My own call"))
    return desk, desk.reference_of(first), "<first@firm.example>"


def test_the_ticket_trick_brings_a_service_s_code_to_nobody_but_analysts(
    calls: tuple[Installation, str, str],
) -> None:
    desk, _, _ = calls
    tag = tag_for(desk, MALLORY)
    desk.receive(mail(SERVICE, CODE, to=f"it+{tag.lower()}@desk.example"))
    desk.receive(mail("welcome@service.test", CODE, subject=f"Hello [{tag}], confirm your address"))
    readers = who_read(desk, CODE)
    assert readers and all(reader.endswith(STAFF) for reader in readers)


def test_a_stranger_who_quotes_a_call_is_told_nothing_of_it(calls: tuple[Installation, str, str]) -> None:
    desk, reference, message_id = calls
    before = len(desk.sent)
    for n, subject in enumerate(("Re: Hello", f"Re: {reference}", f"[{reference}]")):
        desk.receive(mail(MALLORY, f"{BAIT} {n}", subject=subject, In_Reply_To=message_id))
    for to, content in desk.sent[before:]:
        if not to.endswith(STAFF):
            assert reference.encode() not in content
            assert b"Hello" not in content
    assert URSULA not in who_read(desk, BAIT)


@pytest.mark.parametrize("forged", [URSULA, IDA, "alan@desk.example"])
def test_a_borrowed_name_steers_nothing(calls: tuple[Installation, str, str], forged: str) -> None:
    desk, reference, message_id = calls
    own = tag_for(desk, MALLORY)
    for n, (subject, headers) in enumerate((
        (f"Re: {reference}", {}),
        ("Re: Hello", {"In_Reply_To": message_id}),
        (f"Re: [{reference}{own[8:]}]", {}),
    )):  # fmt: skip
        desk.receive(mail(forged, f"#close\r\n{n}", subject=subject, **headers))
    assert desk.walk.item(reference).status == "open"
    desk.receive(mail(forged, BAIT, subject=f"Re: {reference}"))
    assert all(reader.endswith(STAFF) or reader == forged for reader in who_read(desk, BAIT))


def test_forged_senders_are_sent_no_word_of_the_mail(two: tuple[Installation, Installation]) -> None:
    desk, _ = two
    for n in range(80):
        desk.receive(mail(f"{BAIT} <victim{n}@firm.example>", f"{BAIT} {n}", subject=BAIT))
    victims = {to for to, _ in desk.sent if to.startswith("victim")}
    assert 0 < len(victims) <= 60
    assert all(reader.endswith(STAFF) for reader in who_read(desk, BAIT))


def test_a_tag_of_one_installation_opens_nothing_at_the_other(
    two: tuple[Installation, Installation],
) -> None:
    first, second = two
    for desk in two:
        desk.receive(mail(URSULA, SECRET))
    tag = tag_for(first, URSULA)
    second.receive(mail(MALLORY, BAIT, subject=f"Re: [{tag}]"))
    second.receive(mail(URSULA, f"#close\r\n{BAIT}", subject=f"Re: [{tag}]"))
    assert URSULA not in who_read(second, BAIT)
    assert second.walk.item(tag.partition(".")[0]).status == "open"


def test_whoever_was_sent_a_mail_of_the_desk_goes_on_as_ever(calls: tuple[Installation, str, str]) -> None:
    """So that the others do not hold because nothing goes through."""
    desk, reference, _ = calls
    desk.receive(mail("U. Usher <u.usher@firm.example>", "#close", subject=f"Re: [{tag_for(desk, URSULA)}]"))
    assert desk.walk.item(reference).status == "closed"
