"""Derived ids: the same cause gives the same id, whatever a mail store did to the bytes; another cause another one."""

import io
from unittest import mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import ids

RAW = b"From: a@example.com\r\nSubject: one\r\n two\r\n\r\nHello\r\n\r\nStatus: text of the body\r\n"
ID = ids.mail_id("it-mailbox", RAW)


@pytest.mark.parametrize(
    "stored",
    [
        RAW.replace(b"\r\n", b"\n"),
        RAW.rstrip(b"\r\n"),
        RAW + b"\r\n\r\n",
        b"Status: RO\r\nX-UID: 42\r\n" + RAW,
        RAW.replace(b"Subject", b"X-Keywords: a\r\n b\r\nX-Mozilla-Status: 0001\r\nSubject"),
        RAW.replace(b"\r\n\r\nHello", b"\r\nX-TUID: Xq4lKs88vWFl\r\n\r\nHello"),
        RAW.replace(b"\r\n\r\nHello", b"\r\ncontent-length: 12\r\nLines : 3\r\n\r\nHello"),
    ],
    ids=["line ends", "end cut", "end grown", "mbox", "keywords", "isync", "content-length"],
)
def test_what_mail_stores_rewrite_does_not_change_a_mails_id(stored: bytes) -> None:
    assert ids.mail_id("it-mailbox", stored) == ID


@pytest.mark.parametrize(
    "other",
    [
        RAW.replace(b"one", b"two"),
        RAW.replace(b"Hello", b"hello"),
        RAW.replace(b"Status: text of the body\r\n", b""),
        b"Message-ID: <1@x>\r\n" + RAW,
        b"Statusx: RO\r\n" + RAW,
    ],
)
def test_another_mail_has_another_id(other: bytes) -> None:
    assert ids.mail_id("it-mailbox", other) != ID


def test_the_same_mail_at_another_server_is_another_mail() -> None:
    assert ids.mail_id("hr-mailbox", RAW) != ID


_STORE_LINES = st.sampled_from([b"Status: O", b"X-Status: F", b"X-UID: 7", b"X-IMAPbase: 1 2\r\n\t3", b"LINES: 9"])
_LINE = st.from_regex(rb"[A-Z][a-z]{1,8}-[a-z]{1,8}: [ -~]{0,30}", fullmatch=True)


@given(
    head=st.lists(_LINE, min_size=1, max_size=5),
    body=st.binary(max_size=80),
    added=_STORE_LINES,
    data=st.data(),
)
def test_a_store_header_may_stand_anywhere(head: list[bytes], body: bytes, added: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(head)))
    more = [*head[:place], added, *head[place:]]
    first, second = (b"\r\n".join(lines) + b"\r\n\r\n" + body for lines in (head, more))
    assert ids.mail_id("s", first) == ids.mail_id("s", second)
    assert ids.mail_id("s", first.replace(b"\r\n", b"\n")) == ids.mail_id("s", second)


@given(st.binary(max_size=200), st.text(max_size=10, alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_mail_has_an_id_of_its_form(raw: bytes, server: str) -> None:
    assert ids.MAIL_ID.fullmatch(ids.mail_id(server, raw))


@given(st.lists(st.text(max_size=5), min_size=3, max_size=3), st.lists(st.text(max_size=5), min_size=3, max_size=3))
def test_parts_of_an_id_never_run_together(first: list[str], second: list[str]) -> None:
    assume(first != second)
    try:
        ids_ = [ids.notification_id(*parts) for parts in (first, second)]
    except UnicodeEncodeError:
        return  # a lone surrogate in a cause or an event type: both are ours
    lossy = [[part.encode("utf-8", "replace") for part in parts] for parts in (first, second)]
    assert (ids_[0] == ids_[1]) == (lossy[0] == lossy[1])


def test_kinds_of_ids_never_meet() -> None:
    assert len({ids.event_id("a", "b"), ids.notification_id("a", "b", ""), ids.mail_id("a", b"b")}) == 3


def test_our_message_ids_are_known_again() -> None:
    notification = ids.notification_id("cause", "CallLogged", "a@example.com")
    own = ids.OWN_MESSAGE_ID.fullmatch(ids.message_id(notification, "desk.example"))
    assert own and own[1] == notification
    assert not ids.OWN_MESSAGE_ID.fullmatch("<mailcall.123@desk.example>")


def test_a_trace_begins_with_the_id_of_its_cause() -> None:
    assert ids.traceparent(ID).startswith(f"00-{ID}-")
    assert len(ids.traceparent(ID)) == 55


def test_a_person_made_by_mail_is_the_same_person_each_time() -> None:
    assert ids.person_id("a@example.com") == ids.person_id("a@example.com")
    assert ids.person_id("a@example.com") != ids.person_id("b@example.com")
    assert ids.person_id("\udcff@example.com").startswith("m-")


LINES = st.lists(
    st.sampled_from([b"a", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"Status: x", b"\xff"]), max_size=30
)


@given(st.binary(max_size=200) | LINES.map(b"".join), st.integers(1, 7))
def test_a_mail_in_a_file_has_the_id_of_its_bytes(raw: bytes, piece: int) -> None:
    with mock.patch.object(ids, "_PIECE_BYTES", piece):
        assert ids.mail_id_of_file("s", io.BytesIO(raw)) == ids.mail_id("s", raw)
