"""What a mail offers to find its item by, and whether it asks to close it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.conversation import MAX_IDS, references, wanted
from schemas import ids
from schemas.mail import ParsedMail

OWN = ids.message_id(ids.notification_id("0" * 32, "CallLogged", "anna@example.org"), "desk.example.org")
WORDS = ("#close", "#closed", "#resolved")


def test_own_ids_stand_apart_and_the_nearest_come_first() -> None:
    mail = ParsedMail(in_reply_to=("<parent@x>",), references=("<first@x>", OWN, "<parent@x>"))

    found = references(mail)

    assert found.own_message_ids == (OWN,)
    assert found.message_ids == ("<parent@x>", "<first@x>")


def test_an_id_that_only_looks_like_ours_is_another_mails() -> None:
    forged = OWN.replace("<mailcall.", "<x.mailcall.")
    assert references(ParsedMail(in_reply_to=(forged,))).own_message_ids == ()


def test_thousands_of_references_are_cut_to_the_nearest() -> None:
    found = references(ParsedMail(references=tuple(f"<{number}@x>" for number in range(10_000))))

    assert len(found.message_ids) == MAX_IDS
    assert found.message_ids[0] == "<9999@x>"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Re: [C-000123] Printer", ("C-000123",)),
        ("AW: #C-000123 Drucker", ("C-000123",)),
        ("C-000123", ("C-000123",)),
        ("re: c-000123: printer", ("C-000123",)),
        ("[T-000007] and R-1234567", ("T-000007", "R-1234567")),
        ("[C-000123] [C-000123]", ("C-000123",)),
        ("C-12345", ()),
        ("ABC-000123", ()),
        ("X-C-000123", ()),
        ("C-000123-7", ()),
        ("C-000123abc", ()),
        ("C-000123" + "4" * 30, ()),
        ("C-٠٠٠١٢٣", ()),
        ("", ()),
    ],
)
def test_item_references_of_the_subject(subject: str, expected: tuple[str, ...]) -> None:
    assert references(ParsedMail(subject=subject)).item_references == expected


@pytest.mark.parametrize(
    ("subject", "reply", "expected"),
    [
        ("Re: [C-000001] Printer", "#close", "close"),
        ("Re: [C-000001] Printer", "\n\n  #Close \nthank you", "close"),
        ("Re: [C-000001] Printer #RESOLVED", "works again", "close"),
        ("#close", "", "close"),
        ("Re: Printer", "please #close it", "log-or-update"),
        ("Re: Printer", "thanks\n#close", "log-or-update"),
        ("Re: Printer #closet", "", "log-or-update"),
        ("Re: Printer ##close", "", "log-or-update"),
        ("close", "close", "log-or-update"),
        ("", "", "log-or-update"),
    ],
)
def test_closing(subject: str, reply: str, expected: str) -> None:
    verdict, reason = wanted(ParsedMail(subject=subject, reply=reply), WORDS)
    assert verdict == expected
    assert reason


def test_close_words_are_the_incoming_servers() -> None:
    mail = ParsedMail(subject="Printer", reply="Erledigt (danke)")

    assert wanted(mail, ("erledigt (danke)",))[0] == "close"
    assert wanted(mail, WORDS)[0] == "log-or-update"
    assert wanted(mail, ())[0] == "log-or-update"
    assert wanted(mail, ("", " "))[0] == "log-or-update"


@given(st.text(), st.text(), st.lists(st.text(max_size=8), max_size=3))
def test_no_text_and_no_close_words_raise(subject: str, reply: str, words: list[str]) -> None:
    mail = ParsedMail(subject=subject, reply=reply)
    assert wanted(mail, words)[0] in ("close", "log-or-update")
    assert all(reference in subject.upper() for reference in references(mail).item_references)
