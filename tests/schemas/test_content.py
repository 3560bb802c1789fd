"""One and the same mail by two ways has one content id; another mail never has it."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.content import MAX_HEAD_BYTES, TRANSPORT_HEADERS, content_id

MAIL = (
    b"From: Ursula <ursula@example.org>\r\nTo: it@desk.example\r\nSubject: Printer\r\n on the second floor\r\n"
    b"Message-ID: <1@example.org>\r\nList-Id: <staff.example.org>\r\n\r\n"
    b"Received: is a word here\r\n\r\nIt is broken.\r\n"
)
WORDS = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=40).map(str.encode)
NAMES = st.sampled_from([*sorted(TRANSPORT_HEADERS), b"arc-seal", b"X-Spam-Score", b"X-MS-Exchange-Organization-SCL"])
TRANSPORT = st.builds(
    lambda name, value, more: b"%s: %s\r\n" % (name.title(), value) + b"".join(b"\t%s\r\n" % line for line in more),
    NAMES,
    WORDS,
    st.lists(WORDS, max_size=3),
)


@given(st.lists(TRANSPORT, max_size=6))
def test_headers_put_on_top_on_the_way_make_no_other_mail(headers: list[bytes]) -> None:
    assert content_id("it", b"".join(headers) + MAIL) == content_id("it", MAIL)


@given(st.data())
def test_any_other_byte_makes_another_mail(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MAIL) - 3))  # the line end behind it counts for nothing
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != MAIL[at]))
    changed = MAIL[:at] + bytes([byte]) + MAIL[at + 1 :]
    assert content_id("it", changed) != content_id("it", MAIL)


@pytest.mark.parametrize(
    "same",
    [
        MAIL.replace(b"\r\n", b"\n"),
        MAIL + b"\r\n\r\n",
        MAIL.rstrip(),
        b"Status: RO\r\n" + MAIL,
    ],
)
def test_what_mail_stores_change_makes_no_other_mail(same: bytes) -> None:
    assert content_id("it", same) == content_id("it", MAIL)


@pytest.mark.parametrize(
    "other",
    [
        MAIL.replace(b"Message-ID: <1@", b"Message-ID: <2@"),
        b"Resent-From: alan@example.org\r\n" + MAIL,
        b"List-Id: <others.example.org>\r\n" + MAIL,
        b"X-Priority: 1\r\n" + MAIL,
        MAIL + b"Really.\r\n",
        MAIL.replace(b"Received: is a word here", b"Received: is another word here"),
    ],
)
def test_what_a_person_or_a_list_changes_makes_another_mail(other: bytes) -> None:
    assert content_id("it", other) != content_id("it", MAIL)


def test_the_same_mail_at_another_server_is_another_one() -> None:
    assert content_id("it", MAIL) != content_id("hr", MAIL)


def test_a_file_counts_to_its_last_byte() -> None:
    message = EmailMessage()
    message.set_content("See attached.")
    ids = []
    for end in (b"a", b"b"):
        message.clear_content()
        message.add_attachment(b"x" * 300_000 + end, maintype="application", subtype="pdf", filename="a.pdf")
        ids.append(content_id("it", message.as_bytes()))
    assert ids[0] != ids[1]


def test_past_its_limit_a_header_is_content() -> None:
    head = b"Subject: x\r\n" + b"X-Padding: y\r\n" * (MAX_HEAD_BYTES // 10)
    assert content_id("it", head + b"Received: a\r\n\r\n.") != content_id("it", head + b"Received: b\r\n\r\n.")


@pytest.mark.parametrize("raw", [b"", b"\n", b"\r\n\r\n", b"no line end", b"\r", b"\0", b": \n :\n", b"\n\n\n.\r\n"])
def test_any_bytes_have_one(raw: bytes) -> None:
    assert len(content_id("it", raw)) == 32
