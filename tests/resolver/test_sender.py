"""Requirement R2 and the table of Requirement R11, row by row."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.sender import ROWS, decide_sender, name_parts, persons_known_as, unknown_sender
from resolver.sender_address import MailboxesOf, SenderAddress, sender_address
from schemas import ids
from schemas.mail import Mailbox, ParsedMail
from schemas.persons import Person, PersonKind
from schemas.settings import IncomingServer

ADDRESS = "anna@example.org"
FOUND = SenderAddress(ADDRESS, "Anna Ek", "From", "the author, as From says")
NO_OTHERS: MailboxesOf = {"From": (), "Sender": (), "Return-Path": ()}.__getitem__
KINDS: tuple[PersonKind, ...] = ("unknown", "analyst-only", "user-only", "analyst-and-user")


def server(use_linked_analyst: bool = False) -> IncomingServer:
    return IncomingServer(
        id="it-mailbox",
        protocol="imap",
        call_template="it-call",
        default_logging_analyst="desk",
        use_linked_analyst=use_linked_analyst,
    )


def person(kind: PersonKind, person_id: str = "p1", disabled: bool = False) -> Person:
    return Person(
        id=person_id,
        first_name="Anna",
        addresses=(ADDRESS,),
        is_analyst=kind.startswith("analyst"),
        is_user=kind in ("user-only", "analyst-and-user"),
        disabled=disabled,
    )


# Who sends, Use Linked Analyst -> User, Logging Analyst, new person, User flag to be set. Requirement R2.4 to R2.14.
NEW = ids.person_id(ADDRESS)
TABLE = [
    ("unknown", False, NEW, "desk", True, False),
    ("unknown", True, NEW, "desk", True, False),
    ("analyst-only", False, "p1", "desk", False, True),
    ("analyst-only", True, "p1", "p1", False, True),
    ("user-only", False, "p1", "desk", False, False),
    ("user-only", True, "p1", "desk", False, False),
    ("analyst-and-user", False, "p1", "desk", False, False),
    ("analyst-and-user", True, "p1", "p1", False, False),
]


@pytest.mark.parametrize(("kind", "linked", "user", "analyst", "new_person", "set_user_flag"), TABLE)
def test_user_and_logging_analyst(
    kind: PersonKind, linked: bool, user: str, analyst: str, new_person: bool, set_user_flag: bool
) -> None:
    persons = () if kind == "unknown" else (person(kind),)

    sender = decide_sender(FOUND, persons, server(linked))

    assert (sender.person_id, sender.logging_analyst) == (user, analyst)
    assert (sender.new_person, sender.set_user_flag) == (new_person, set_user_flag)
    assert sender.kind == kind
    assert sender.address == ADDRESS
    assert sender.reason


def test_the_table_is_complete() -> None:
    assert set(ROWS) == {(kind, linked) for kind in KINDS for linked in (False, True)}
    assert {(kind, linked) for kind, linked, *_ in TABLE} == set(ROWS)


@pytest.mark.parametrize("disabled", [False, True])
@pytest.mark.parametrize("is_user", [False, True])
@pytest.mark.parametrize("is_analyst", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_every_sender_there_can_be_has_its_place_in_the_table(
    linked: bool, is_analyst: bool, is_user: bool, disabled: bool
) -> None:
    """Requirement R11.1: its table over the full product. Neither flag: nobody has the address."""
    unknown = not (is_analyst or is_user)
    flags = {"is_analyst": is_analyst, "is_user": is_user, "disabled": disabled}
    persons = () if unknown else (Person(id="p1", addresses=(ADDRESS,), **flags),)

    sender = decide_sender(FOUND, persons, server(linked))

    acts_as_analyst = is_analyst and not disabled
    assert sender.person_id == (NEW if unknown else "p1")
    assert sender.logging_analyst == ("p1" if acts_as_analyst and linked else "desk")
    assert sender.new_person == unknown
    assert sender.set_user_flag == (acts_as_analyst and not is_user)
    assert ("disabled" in sender.reason) == (is_analyst and disabled)


def test_of_several_persons_with_one_address_the_first_is_used() -> None:
    persons = (person("analyst-only", "p2"), person("user-only", "p1"), person("analyst-only", "p3"))

    sender = decide_sender(FOUND, persons, server(use_linked_analyst=True))

    assert (sender.person_id, sender.kind, sender.logging_analyst) == ("p1", "user-only", "desk")
    assert "3 persons" in sender.reason


@pytest.mark.parametrize(("others_disabled", "user"), [(False, "p2"), (True, "p1")])
def test_a_disabled_person_is_found_only_where_nobody_else_is(others_disabled: bool, user: str) -> None:
    persons = (person("user-only", "p1", disabled=True), person("user-only", "p2", disabled=others_disabled))

    assert decide_sender(FOUND, persons, server()).person_id == user


TAGGED = SenderAddress("anna+printer@example.org", "", "From", "the author, as From says")
TAGS = [
    # whom the CMDB has, plus_tags -> User
    ((ADDRESS,), True, ADDRESS),
    ((ADDRESS,), False, None),
    ((ADDRESS, TAGGED.address), True, TAGGED.address),
    ((TAGGED.address,), False, TAGGED.address),
    ((), True, None),
]


@pytest.mark.parametrize(("has", "plus_tags", "found"), TAGS)
def test_a_plus_tag_is_left_out_only_where_nobody_has_the_longer_address(
    has: tuple[str, ...], plus_tags: bool, found: str | None
) -> None:
    cmdb = {address: (Person(id=address.replace("+", "-"), is_user=True),) for address in has}

    persons = persons_known_as(TAGGED.address, plus_tags, cmdb)

    assert [one.id for one in persons] == ([found.replace("+", "-")] if found else [])


@pytest.mark.parametrize(("plus_tags", "person_address"), [(True, ADDRESS), (False, "")])
def test_tags_make_no_new_persons(plus_tags: bool, person_address: str) -> None:
    """First mails with different tags make one person, who has the address without; the answer goes where it was."""
    other = replace(TAGGED, address="anna+scanner@example.org")

    one, two = (decide_sender(found, (), server(), plus_tags=plus_tags) for found in (TAGGED, other))

    assert (one.person_id == two.person_id == NEW) == plus_tags
    assert (one.address, one.person_address) == (TAGGED.address, person_address)
    assert one.last_name == ("anna" if plus_tags else "anna+printer")


def test_a_mail_without_a_sender_comes_from_the_servers_unknown_sender() -> None:
    nobody = SenderAddress("", "", "", "From is missing, and no other header names a sender")

    sender = decide_sender(nobody, (), server())

    assert sender.new_person
    assert sender.address == ""
    assert sender.person_id == ids.person_id(unknown_sender("it-mailbox"))
    assert sender.last_name == "Unknown sender"
    assert sender.person_id != decide_sender(nobody, (), server().model_copy(update={"id": "hr"})).person_id


def test_the_unknown_sender_is_no_address_that_a_mail_could_come_from() -> None:
    mail = ParsedMail(**{"from": Mailbox(address=unknown_sender("it-mailbox"))})
    assert sender_address(mail, NO_OTHERS).address == ""


@pytest.mark.parametrize(
    ("display_name", "first", "last"),
    [
        ("Anna Ek", "Anna", "Ek"),
        ("Ek, Anna Maria", "Anna Maria", "Ek"),
        ("Anna Maria Ek", "Anna Maria", "Ek"),
        ("王小明", "", "王小明"),
        ("'Anna Ek'", "Anna", "Ek"),
        ("Анна Петрова", "Анна", "Петрова"),
        ("", "", "anna"),
        ("  ,  ", "", "anna"),
        ("Anna\r\nEk", "Anna", "Ek"),
        ("x" * 5000, "", "x" * 200),
    ],
)
def test_name_of_a_new_person(display_name: str, first: str, last: str) -> None:
    assert name_parts(display_name, ADDRESS) == (first, last)


A, B, C, D = (Mailbox(address=f"{letter}@example.org", name=letter) for letter in "abcd")
UNREADABLE = Mailbox(address="MAILER-DAEMON")


def test_of_several_in_from_the_first_usable_address_counts() -> None:
    """`Ek, Anna <a@example.org>`: a comma without quotation marks cuts the name off."""
    others = {"From": (Mailbox(address="Ek"), A), "Sender": (B,), "Return-Path": ()}
    found = sender_address(ParsedMail(from_=Mailbox(address="Ek"), reply_to=(C,)), others.__getitem__)
    assert (found.header, found.address) == ("From", "a@example.org")


@pytest.mark.parametrize(
    ("from_", "reply_to", "sender", "return_path", "header", "address"),
    [
        (A, (B,), (C,), (D,), "From", "a@example.org"),
        (Mailbox(address=" Anna@EXAMPLE.org. "), (), (), (), "From", "anna@example.org"),
        (None, (B,), (C,), (D,), "Reply-To", "b@example.org"),
        (UNREADABLE, (B,), (), (), "Reply-To", "b@example.org"),
        (UNREADABLE, (UNREADABLE, B), (), (), "Reply-To", "b@example.org"),
        (None, (), (C,), (D,), "Sender", "c@example.org"),
        (None, (UNREADABLE,), (C,), (), "Sender", "c@example.org"),
        (None, (), (), (D,), "Return-Path", "d@example.org"),
        (UNREADABLE, (), (), (), "", ""),
        (None, (), (), (Mailbox(address=""),), "", ""),
        (Mailbox(address="a@" + "x" * 400_000), (), (), (), "", ""),
        (Mailbox(address="a\r\nBcc: b@example.org"), (), (), (), "", ""),
    ],
)
def test_which_header_names_the_sender(
    from_: Mailbox | None,
    reply_to: tuple[Mailbox, ...],
    sender: tuple[Mailbox, ...],
    return_path: tuple[Mailbox, ...],
    header: str,
    address: str,
) -> None:
    others = {"From": (from_,) if from_ else (), "Sender": sender, "Return-Path": return_path}
    found = sender_address(ParsedMail(from_=from_, reply_to=reply_to), others.__getitem__)

    assert (found.header, found.address) == (header, address)
    if header not in ("From", ""):
        assert "From" in found.reason and header in found.reason


DESK = Mailbox(address="IT@desk.example", name="IT help desk")
HR = Mailbox(address="hr@desk.example")
OWN = frozenset({"it@desk.example", "hr@desk.example"})
VIA = Mailbox(address="it@desk.example", name="'Anna Ek' via IT help desk")


@pytest.mark.parametrize(
    ("from_", "reply_to", "original_from", "original_sender", "header", "address", "name"),
    [
        (DESK, (A,), (B,), (C,), "Reply-To", "a@example.org", "a"),
        (DESK, (), (B,), (C,), "X-Original-From", "b@example.org", "b"),
        (DESK, (), (), (C,), "X-Original-Sender", "c@example.org", "c"),
        (DESK, (HR, DESK), (B,), (), "X-Original-From", "b@example.org", "b"),
        (DESK, (HR, A), (), (), "Reply-To", "a@example.org", "a"),
        (DESK, (UNREADABLE,), (), (C,), "X-Original-Sender", "c@example.org", "c"),
        (DESK, (), (), (), "From", "it@desk.example", "IT help desk"),
        (DESK, (HR,), (DESK,), (), "From", "it@desk.example", "IT help desk"),
        # The desk's own name is nobody else's.
        (DESK, (Mailbox(address="a@example.org"),), (), (), "Reply-To", "a@example.org", ""),
        (VIA, (), (), (Mailbox(address="a@example.org"),), "X-Original-Sender", "a@example.org", "Anna Ek"),
        (A, (B,), (C,), (D,), "From", "a@example.org", "a"),
    ],
)
def test_who_wrote_in_the_desks_own_name(
    from_: Mailbox,
    reply_to: tuple[Mailbox, ...],
    original_from: tuple[Mailbox, ...],
    original_sender: tuple[Mailbox, ...],
    header: str,
    address: str,
    name: str,
) -> None:
    others = {"From": (from_,), "X-Original-From": original_from, "X-Original-Sender": original_sender}
    found = sender_address(ParsedMail(from_=from_, reply_to=reply_to), others.__getitem__, OWN)

    assert (found.header, found.address, found.name) == (header, address, name)
    assert found.in_name_of == ("" if header == "From" else "it@desk.example")
    assert header in found.reason


persons_of_any_kind = st.lists(
    st.builds(
        person,
        st.sampled_from(KINDS[1:]),
        st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
        st.booleans(),
    ),
    max_size=4,
)


@given(display_name=st.text(), persons=persons_of_any_kind, linked=st.booleans())
def test_whatever_the_sender_there_is_a_user_and_a_logging_analyst(
    display_name: str, persons: list[Person], linked: bool
) -> None:
    sender = decide_sender(SenderAddress(ADDRESS, display_name, "From", ""), persons, server(linked))

    assert sender == decide_sender(SenderAddress(ADDRESS, display_name, "From", ""), persons[::-1], server(linked)) or (
        len({one.id for one in persons}) < len(persons)  # the same id twice: not a CMDB
    )
    enabled = [one for one in persons if not one.disabled]
    assert sender.person_id == (min(one.id for one in enabled or persons) if persons else NEW)
    assert sender.logging_analyst in ("desk", sender.person_id)
    assert sender.new_person == (not persons)
    if sender.new_person:
        Person(id=sender.person_id, first_name=sender.first_name, last_name=sender.last_name, is_user=True)


@given(address=st.text(), name=st.text())
def test_any_text_in_from_gives_a_safe_address_or_none(address: str, name: str) -> None:
    found = sender_address(ParsedMail(from_=Mailbox(address=address, name=name)), NO_OTHERS)

    if found.address:
        Person(id="p", addresses=(found.address,), is_user=True)


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_not_proved_is_the_user_and_has_no_analysts_rights(kind: PersonKind, linked: bool) -> None:
    persons = () if kind == "unknown" else (person(kind),)

    proved = decide_sender(FOUND, persons, server(linked))
    sender = decide_sender(FOUND, persons, server(linked), trusted=False)

    assert (sender.person_id, sender.kind, sender.new_person) == (proved.person_id, kind, proved.new_person)
    assert (sender.logging_analyst, sender.set_user_flag) == ("desk", False)
    assert ("not authenticated" in sender.reason) == kind.startswith("analyst")
