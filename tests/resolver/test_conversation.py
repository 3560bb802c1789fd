"""What a mail offers to find its item by, and whether it asks to close it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.conversation import MAX_IDS, MAX_ITEM_REFERENCES, references, wanted
from schemas import ids
from schemas.mail import ParsedMail
from schemas.tokens import NO_KEYS, TokenKeys

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=366)
KEYS, FOREIGN = TokenKeys((b"k" * 32,)), TokenKeys((b"f" * 32,))
ANNA = "anna@example.org"
NOTIFICATION = ids.notification_id("0" * 32, "CallLogged", ANNA)
WORDS = ("#close", "#closed", "#resolved")


def own(keys: TokenKeys = KEYS, at: datetime = NOW) -> str:
    return ids.message_id(keys.sign(NOTIFICATION, at, ANNA), "desk.example.org")


def tag(reference: str, keys: TokenKeys = KEYS, at: datetime = NOW) -> str:
    return keys.sign(reference, at, ANNA)


def found(keys: TokenKeys = KEYS, **mail: Any) -> dict[str, tuple[str, ...]]:
    """What the mail of somebody else than Anna offers; fields that hold nothing are left out."""
    return offered("eve@example.net", keys, **mail)


def offered(sender: str, keys: TokenKeys = KEYS, **mail: Any) -> dict[str, tuple[str, ...]]:
    judge = partial(keys.verdict, at=NOW, valid_days=365)
    offers = references(ParsedMail.model_validate(mail), [sender], judge).model_dump()
    return {name: values for name, values in offers.items() if values}


@pytest.mark.parametrize("sender", [ANNA, "ANNA@Example.ORG", "anna+desk@example.org"])
def test_what_was_sent_to_the_sender_proves_the_sender(sender: str) -> None:
    offers = offered(sender, in_reply_to=(own(),), subject=f"Re: [{tag('C-000123')}]")
    assert offers["sent_to_sender"] == (own(), "C-000123")


@pytest.mark.parametrize("sender", ["", "eve@example.net", "anna@example.net", "anna@sub.example.org"])
def test_what_was_sent_to_somebody_else_names_its_item_and_proves_nobody(sender: str) -> None:
    offers = offered(sender, in_reply_to=(own(),), subject=f"Re: [{tag('C-000123')}]")
    assert offers == {"own_message_ids": (own(),), "tokens": ("C-000123",)}


def test_a_token_of_a_release_before_names_its_item_and_proves_nobody() -> None:
    before = tag("C-000123")[:-8]
    assert offered(ANNA, subject=f"[{before}]") == {"tokens": ("C-000123",)}


@pytest.mark.parametrize("keys", [FOREIGN, NO_KEYS])
def test_a_token_that_is_not_ours_proves_nobody(keys: TokenKeys) -> None:
    assert "sent_to_sender" not in offered(ANNA, keys, in_reply_to=(own(),), subject=f"Re: [{tag('C-000123')}]")
    assert "sent_to_sender" not in offered(ANNA, in_reply_to=(own(at=LONG_AGO),))


def test_own_ids_stand_apart_and_the_nearest_come_first() -> None:
    offers = found(in_reply_to=("<parent@x>",), references=("<first@x>", own(), "<parent@x>"))
    assert offers == {"own_message_ids": (own(),), "message_ids": ("<parent@x>", "<first@x>")}


def test_an_id_that_only_looks_like_ours_is_another_mails() -> None:
    other = own().replace("<mailcall.", "<x.mailcall.")
    assert found(in_reply_to=(other,)) == {"message_ids": (other,)}


@pytest.mark.parametrize(
    ("message_id", "field"),
    [
        (own(), "own_message_ids"),
        (own().upper(), "own_message_ids"),
        (ids.message_id_of_part(own(), ["ann@example.com"]), "own_message_ids"),
        (ids.message_id_of_part(own(FOREIGN), ["ann@example.com"]), "doubtful"),
        (own(FOREIGN), "doubtful"),
        (own(at=LONG_AGO), "doubtful"),
        (own().replace(".desk", ".elsewhere"), "own_message_ids"),
        (own().replace(NOTIFICATION, "f" * 32), "doubtful"),
        (own(NO_KEYS), "message_ids"),
    ],
)
def test_an_own_id_is_worth_what_its_signature_is(message_id: str, field: str) -> None:
    assert found(references=(message_id,)) == {field: (message_id,)}


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        (f"Re: [{tag('C-000123')}] Printer", {"tokens": ("C-000123",)}),
        (f"RE: [{tag('C-000123').upper()}] PRINTER", {"tokens": ("C-000123",)}),
        (f"[{tag('C-000123')}] AW: [{tag('T-000007')}]", {"tokens": ("C-000123", "T-000007")}),
        (f"[{tag('C-000123', FOREIGN)}]", {"doubtful": ("C-000123",)}),
        (f"[{tag('C-000123', at=LONG_AGO)}]", {"doubtful": ("C-000123",)}),
        (f"[{tag('C-000123').replace('123', '124')}]", {"doubtful": ("C-000124",)}),
        (f"[{tag('C-000123', FOREIGN)}] [{tag('C-000007')}]", {"tokens": ("C-000007",), "doubtful": ("C-000123",)}),
        (f"[{tag('C-000123')}] and C-000007", {"tokens": ("C-000123",), "item_references": ("C-000007",)}),
        (f"{tag('C-000123')}x", {"item_references": ("C-000123",)}),
    ],
)
def test_a_tag_in_the_subject(text: str, offers: dict[str, tuple[str, ...]]) -> None:
    assert found(subject=text) == offers


@pytest.mark.parametrize("header", ["to", "cc"])
@pytest.mark.parametrize(
    ("address", "offers"),
    [
        (f"support+{tag('C-000123')}@desk.example", {"tokens": ("C-000123",)}),
        (f"support+{tag('C-000123').lower()}@desk.example", {"tokens": ("C-000123",)}),
        (f"support+it+{tag('C-000123')}@desk.example", {"tokens": ("C-000123",)}),
        (f"support+{tag('C-000123', FOREIGN)}@desk.example", {"doubtful": ("C-000123",)}),
        (f"{tag('C-000123')}@desk.example", {}),
        (f"support@{tag('C-000123')}.example", {}),
        ("support+C-000123@desk.example", {}),
        ("support", {}),
    ],
)
def test_a_tag_in_an_address(header: str, address: str, offers: dict[str, tuple[str, ...]]) -> None:
    mail: dict[str, Any] = {header: [{"address": address}]}
    assert found(**mail) == offers


def test_without_a_key_tokens_are_what_they_would_be_unsigned() -> None:
    offers = found(NO_KEYS, references=(own(),), subject=f"[{tag('C-000123')}]")
    assert offers == {"message_ids": (own(),), "item_references": ("C-000123",)}


def test_thousands_of_references_are_cut_to_the_nearest() -> None:
    message_ids = found(references=tuple(f"<{number}@x>" for number in range(10_000)))["message_ids"]
    assert len(message_ids) == MAX_IDS
    assert message_ids[0] == "<9999@x>"


def test_of_thousands_of_tags_the_first_ones_are_read() -> None:
    tags = [tag(f"C-{number:06d}") for number in range(100)]
    assert len(found(subject=" ".join(tags))["tokens"]) == MAX_ITEM_REFERENCES


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
    assert found(subject=subject).get("item_references", ()) == expected


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
    assert all(reference in subject.upper() for reference in found(subject=subject).get("item_references", ()))
