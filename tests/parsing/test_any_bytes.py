"""Any bytes give a mail: random ones, well-formed ones read back, and those made to do harm."""

import hashlib
import json
import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.parsing.part import Parsed
from resolver.screening import answerable, screen
from schemas.mail import Defect
from tests.examples import examples
from tests.parsing.der import in_pieces, message, signed
from tests.parsing.hostile import HOSTILE

# What mails are made of: random bytes alone hardly ever get past the header block.
PIECES = st.sampled_from([
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Content-Type: ", b"text/plain",
    b"text/html", b"multipart/mixed",
    b"multipart/alternative", b"multipart/report", b"message/rfc822", b"message/delivery-status",
    b"application/ms-tnef", b"application/pkcs7-mime", b"; boundary=B", b"; charset=", b"utf-16", b"LS1CCgo=", b"=3D",
    signed(b"Content-Type: text/html\n\nHello"), message(in_pieces([b"\n", b"--B"]), indefinite=True), b"\xff\xfe",
    b"utf-8", b"utf-7", b"gb2312", b"iso-2022-jp", b"hz", b"--B", b"--B--", b"\n", b"\r\n", b"\r", b"\n\n", b" ",
    b"\t", b"\0", b"=?utf-8?Q?", b"=?gb2312?B?",
    b"?=", b"=C3", b"=", b"<", b">", b"@", b",", b";", b":", b"(", b")", b'"', b"\\", b"[", b"]", b"a@example.org",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable", b"Content-Disposition: attachment; filename*0*=", b"utf-8''%ff",
    b"begin 644 x\n", b"#86)C\n", b"end\n",
    b"On Mon, 6 Jan 2025 a@example.org wrote:", b"> ", b"-- \n", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1b$B",
    b"<blockquote>", b"<div", b"&#xd800;", b"&#0;",
])  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=300), st.lists(st.one_of(PIECES, st.binary(max_size=3)), max_size=60).map(b"".join)
)

LETTER_OR_DIGIT = re.compile(r"[^\W_]")
CONTROL = re.compile(r"[\x00-\x1f]")


def check(parsed: Parsed) -> None:
    """What holds for every mail."""
    text = parsed.mail.model_dump_json(by_alias=True)
    assert "\0" not in text
    json.loads(text.encode("utf-8"))
    assert "\\u0000" not in text
    assert [file.attachment for file in parsed.files] == list(parsed.mail.attachments)
    assert all(hashlib.sha256(file.content).hexdigest() == file.attachment.sha256 for file in parsed.files)
    assert bool(parsed.mail.reply.strip()) >= bool(LETTER_OR_DIGIT.search(parsed.mail.text))
    for line in (parsed.mail.subject, *(a.name for a in parsed.mail.attachments), parsed.mail.message_id or ""):
        assert not CONTROL.search(line)
    screening = screen(parsed, frozenset({"desk@example.com"}))
    json.loads(screening.model_dump_json())
    assert (screening.reason is None) == (screening.verdict == "person")
    answerable(parsed)


@given(BYTES)
@settings(max_examples=examples(600))
def test_any_bytes_give_a_mail(raw: bytes) -> None:
    parsed = parse(raw)
    assert Defect.UNPARSED not in parsed.mail.defects
    check(parsed)


def squeezed(text: str) -> str:
    return text.replace(" ", "")


WORD = st.text(
    st.sampled_from("abcxyzABC019äöüßéèñçøåæłśžőЖивяΩλאבعر中文字打印日本語の한국어"), min_size=1, max_size=12
)
WORDS = st.lists(WORD, min_size=1, max_size=6).map(" ".join)


@given(
    name=WORDS,
    subject=WORDS,
    text=st.lists(WORDS, min_size=1, max_size=8).map("\n".join),
    when=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    files=st.lists(st.tuples(WORD, st.binary(max_size=500)), max_size=3),
    html=st.booleans(),
)
@settings(max_examples=examples(100))
def test_a_well_formed_mail_is_read_back(
    name: str, subject: str, text: str, when: datetime, files: list[tuple[str, bytes]], html: bool
) -> None:
    message = EmailMessage()
    message["From"] = Address(name, "anna", "example.org")
    message["To"] = [Address("", "desk", "example.com"), Address(name, "bob", "example.org")]
    message["Subject"] = subject
    message["Date"] = format_datetime(when.replace(microsecond=0))
    message["Message-ID"] = "<1@example.org>"
    message.set_content(text)
    if html:
        message.add_alternative("<p>Hello</p>", subtype="html")
    for file_name, content in files:
        message.add_attachment(content, maintype="application", subtype="zip", filename=f"{file_name}.zip")
    mail = parse(message.as_bytes()).mail
    assert mail.from_ is not None
    # The standard library loses blanks where it cuts a value into encoded words.
    assert (mail.from_.address, squeezed(mail.from_.name)) == ("anna@example.org", squeezed(name))
    assert [box.address for box in mail.to] == ["desk@example.com", "bob@example.org"]
    assert squeezed(mail.subject) == squeezed(subject)
    assert mail.date == when.replace(microsecond=0).isoformat()
    assert mail.message_id == "<1@example.org>"
    assert mail.text.split("\n") == text.split("\n")
    assert mail.html == ("<p>Hello</p>\n" if html else None)
    assert [(a.name, a.sha256) for a in mail.attachments] == [
        (f"{n}.zip", hashlib.sha256(c).hexdigest()) for n, c in files
    ]
    assert mail.defects == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_ends(name: str) -> None:
    check(parse(HOSTILE[name]))


@pytest.mark.parametrize("name", ["5,000 headers", "5,000 junk lines in the headers"])
def test_what_matters_is_found_behind_the_noise(name: str) -> None:
    mail = parse(HOSTILE[name]).mail
    assert (mail.from_ and mail.from_.address, mail.subject, mail.text) == ("anna@example.org", "x", "Hello")


def test_limits_are_told() -> None:
    assert Defect.TOO_MANY_PARTS in parse(HOSTILE["3,000 parts"]).mail.defects
    assert Defect.TOO_MANY_HEADERS in parse(HOSTILE["5,000 headers"]).mail.defects
    assert Defect.TOO_DEEP in parse(HOSTILE["multiparts in each other"]).mail.defects
