"""One and the same mail by two ways has one content id; another mail never has it."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.content import AUTHORED, MAX_HEAD_BYTES, TRANSPORT_HEADERS, content_id, former_content_id

MAILS = Path(__file__).parents[1] / "mail"
HEAD = (
    b"From: Ursula <ursula@example.org>\r\nTo: it@desk.example\r\nSubject: Printer\r\n on the second floor\r\n"
    b"Date: Fri, 20 Nov 2026 11:57:00 +0000\r\nMessage-ID: <1@example.org>\r\nContent-Type: text/plain\r\n"
)
MAIL = HEAD + b"List-Id: <staff.example.org>\r\n\r\nReceived: is a word here\r\n\r\nIt is broken.\r\n"
WORDS = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=40).map(str.encode)
NAMES = st.from_regex(rb"\A[A-Za-z][A-Za-z0-9-]{1,20}\Z").filter(lambda name: name.lower() not in AUTHORED)


def fields(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda name, value, more: b"%s: %s\r\n" % (name, value) + b"".join(b"\t%s\r\n" % line for line in more),
        names,
        WORDS,
        st.lists(WORDS, max_size=3),
    )


@given(st.lists(fields(NAMES), max_size=6), st.lists(fields(NAMES), max_size=3))
def test_headers_that_others_add_make_no_other_mail(above: list[bytes], below: list[bytes]) -> None:
    """Whatever they are called: above those of the author, as on the way, or below, as in a mail store."""
    head, _, body = MAIL.partition(b"\r\n\r\n")
    changed = b"".join(above) + head + b"\r\n" + b"".join(below) + b"\r\n" + body
    assert content_id("it", changed) == content_id("it", MAIL)


@given(st.data())
def test_any_other_byte_that_the_author_wrote_makes_another_mail(data: st.DataObject) -> None:
    places = [*range(len(HEAD)), *range(MAIL.index(b"Received: is"), len(MAIL) - 2)]  # a line end behind it is nothing
    at = data.draw(st.sampled_from(places))
    old, new = MAIL[at : at + 1], bytes([data.draw(st.integers(0, 255))])
    assume(new != old)
    in_head = at < len(HEAD)
    assume(not (in_head and old.isspace() and new.isspace()))  # where a line is folded says nothing
    assume(not (in_head and new.lower() == old.lower()))  # nor do small letters in a header's name
    assert content_id("it", MAIL[:at] + new + MAIL[at + 1 :]) != content_id("it", MAIL)


@pytest.mark.parametrize(
    "same",
    [
        MAIL.replace(b"\r\n", b"\n"),
        MAIL + b"\r\n\r\n",
        MAIL.rstrip(),
        MAIL + b"\r\n" * 3_000,  # more than is looked at in one go
        b"Status: RO\r\n" + MAIL,
        MAIL.replace(b"Printer\r\n on", b"Printer on"),
        MAIL.replace(b"\r\n\r\nReceived", b"\r\nX-TUID: Xq4lKs88vWFl\r\n\r\nReceived"),
        # as it is given to two lists, to one of them, or to none
        b"List-Id: <others.example.org>\r\n" + MAIL,
        MAIL.replace(b"List-Id: <staff.example.org>\r\n", b""),
        # of Exim, rspamd, Pigeonhole, postgrey, opendmarc, Exchange
        b"Delivery-date: Fri, 20 Nov 2026 11:58:00 +0000\r\nEnvelope-to: desk@desk.example\r\n" + MAIL,
        b"X-Spamd-Result: default: False [-1.10 / 15.00];\r\n\tMIME_GOOD(-0.10)[text/plain]\r\nX-Spamd-Bar: -\r\n"
        + MAIL,
        b"X-Sieve-Redirected-From: staff@desk.example\r\n" + MAIL,
        b"X-Greylist: delayed 303 seconds by postgrey-1.37\r\n" + MAIL,
        b"DMARC-Filter: OpenDMARC Filter v1.4.2 mx.desk.example 4XvK2p1z0Rz9\r\n" + MAIL,
        b"MIME-Version: 1.0\r\nX-Priority: 3\r\n" + MAIL,
    ],
)
def test_what_mail_stores_and_mail_systems_change_makes_no_other_mail(same: bytes) -> None:
    assert content_id("it", same) == content_id("it", MAIL)


@pytest.mark.parametrize(
    "other",
    [
        MAIL.replace(b"Message-ID: <1@", b"Message-ID: <2@"),
        b"Resent-From: alan@example.org\r\n" + MAIL,
        b"Cc: alan@example.org\r\n" + MAIL,
        MAIL.replace(b"Subject: ", b"Subject: [EXTERNAL] "),
        MAIL.replace(b"text/plain", b"text/html"),
        MAIL.replace(b"\r\nTo: ", b"\r\nReply-To: "),
        MAIL + b"Really.\r\n",
        MAIL.replace(b"Received: is a word here", b"Received: is another word here"),
    ],
)
def test_what_a_person_or_a_list_writes_makes_another_mail(other: bytes) -> None:
    assert content_id("it", other) != content_id("it", MAIL)


def test_a_value_never_passes_for_another_field() -> None:
    one = b"To: a\r\n cc:b\r\nMessage-ID: <1@x>\r\n\r\n."
    other = b"To: a\r\ncc:b\r\nMessage-ID: <1@x>\r\n\r\n."
    assert content_id("it", one) != content_id("it", other)


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
    now, former = content_id("it", raw), former_content_id("it", raw)
    assert len(now) == len(former) == 32
    assert now != former


TRANSPORT = fields(
    st.sampled_from(
        [*sorted(TRANSPORT_HEADERS), b"arc-seal", b"X-Spam-Score", b"X-MS-Exchange-Organization-SCL", b"X-UID"]
    )
)


@given(st.lists(TRANSPORT, max_size=6))
def test_the_former_id_leaves_out_what_it_always_did(headers: list[bytes]) -> None:
    assert former_content_id("it", b"".join(headers) + MAIL) == former_content_id("it", MAIL)


@pytest.mark.parametrize(
    ("raw", "former"),
    [
        (MAIL, "62cc9d2ddf2f0b0155be4dc5063ebc1d"),
        ((b"Received: by x\r\n" + MAIL).replace(b"\r\n", b"\n"), "62cc9d2ddf2f0b0155be4dc5063ebc1d"),
        (b"X-Greylist: delayed 303 seconds\r\n" + MAIL, "5b7a7cdee8a4e79303e8c822ec4d07dd"),
        (b"X-TUID: Xq4lKs88vWFl\r\n" + MAIL, "33e999f7ab5f1f4e87b6a9c082046e94"),
        ((MAILS / "duplicates" / "by-two-ways-first.eml").read_bytes(), "53f21df3b4019d4d5d9cd3f7fc54f473"),
    ],
)
def test_the_former_id_is_that_of_0_1(raw: bytes, former: str) -> None:
    """As that release made them: these stand in ledgers."""
    assert former_content_id("it", raw) == former
