"""Any bytes give a mail: random ones, well-formed ones read back, and those made to do harm."""

import base64
import hashlib
import json
import time
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.parsing import parse
from resolver.parsing.result import Parsed
from resolver.screening import answerable, screen
from schemas.mail import Defect

# What mails are made of: random bytes alone hardly ever get past the header block.
PIECES = st.sampled_from([
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Content-Type: ", b"text/plain",
    b"text/html", b"multipart/mixed",
    b"multipart/alternative", b"multipart/report", b"message/rfc822", b"message/delivery-status",
    b"application/ms-tnef", b"; boundary=B", b"; charset=",
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


def check(parsed: Parsed) -> None:
    """What holds for every mail."""
    text = parsed.mail.model_dump_json(by_alias=True)
    assert "\0" not in text
    json.loads(text.encode("utf-8"))
    assert "\\u0000" not in text
    assert [file.attachment for file in parsed.files] == list(parsed.mail.attachments)
    assert all(hashlib.sha256(file.content).hexdigest() == file.attachment.sha256 for file in parsed.files)
    assert bool(parsed.mail.reply.strip()) >= any(c.isalnum() for c in parsed.mail.text)
    for line in (parsed.mail.subject, *(a.name for a in parsed.mail.attachments), parsed.mail.message_id or ""):
        assert not any(ord(c) < 32 for c in line)
    screening = screen(parsed, frozenset({"desk@example.com"}))
    json.loads(screening.model_dump_json())
    assert (screening.reason is None) == (screening.verdict == "person")
    answerable(parsed)


@given(BYTES)
@settings(max_examples=600, deadline=None)
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
@settings(max_examples=100, deadline=None)
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


HEAD = b"From: anna@example.org\nSubject: x\nMIME-Version: 1.0\n"


def nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(depth))


HOSTILE: dict[str, bytes] = {
    "100,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\nx\n" * 100_000,
    "100,000 empty parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n" * 100_000,
    "50,000 headers": b"".join(b"X-%d: y\n" % i for i in range(50_000)) + HEAD + b"\nHello\n",
    "50,000 junk lines in the headers": b"junk\n" * 50_000 + HEAD + b"\nHello\n",
    "60,000 encoded words": b"Subject: " + b"=?utf-8?Q?=C3=BC?=\n " * 60_000 + b"\n" + HEAD + b"\nHello\n",
    "60,000 encoded words not closed": b"Subject: " + b"=?utf-8?Q?x " * 60_000 + b"\n" + HEAD + b"\nHello\n",
    "100,000 addresses": b"To: " + b"a@example.org, " * 100_000 + b"\n" + HEAD + b"\n",
    "open quotes": b"To: " + b'"' * 100_001 + b"\nCc: " + b'"\\' * 50_000 + b"\n" + HEAD + b"\n",
    "open comments": b"To: " + b"(" * 100_000 + b"\nCc: " + b"()" * 50_000 + b"\n" + HEAD + b"\n",
    "open brackets": b"To: " + b"<" * 100_000 + b"\nCc: " + b"[" * 100_000 + b"\n" + HEAD + b"\n",
    "colons and blanks": b"To: " + b": " * 100_000 + b"\nCc: " + b"a " * 100_000 + b"\n" + HEAD + b"\n",
    "dots": b"To: " + b". " * 50_000 + b"@ " * 50_000 + b"\n" + HEAD + b"\n",
    "a long date": b"Date: " + b"1" * 500_000 + b"(" * 100_000 + b"\n" + HEAD + b"\n",
    "references": b"References: " + b"<" * 200_000 + b"<a@x>" * 100_000 + b"\n" + HEAD + b"\n",
    "parameters": HEAD + b"Content-Type: text/plain" + b"; a*0*=x" * 100_000 + b"\n\nHello\n",
    "a long parameter": HEAD + b'Content-Type: text/plain; name="' + b"\\" * 500_000 + b"\n\nHello\n",
    "multiparts in each other": HEAD + nested(5_000),
    "the same boundary inside": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\nContent-Type: "
    b"multipart/mixed; boundary=B\n\n" * 5_000,
    "lines that look like boundaries": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"--C\n" * 200_000,
    "nested elements": HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 50_000 + b"Hello",
    "nested quotations": HEAD + b"Content-Type: text/html\n\n" + b"<blockquote>x" * 50_000,
    "open elements": HEAD + b"Content-Type: text/html\n\n" + b"<a " * 100_000 + b"Hello",
    "open attributes": HEAD + b"Content-Type: text/html\n\n" + b"<a b='" * 100_000 + b"Hello",
    "open attributes of one element": HEAD + b"Content-Type: text/html\n\n<a " + b"b='c' " * 100_000,
    "open comments in a page": HEAD + b"Content-Type: text/html\n\n" + b"<!-- " * 100_000 + b"Hello",
    "entities": HEAD + b"Content-Type: text/html\n\n" + b"&amp" * 200_000,
    "cid": HEAD + b"Content-Type: text/html\n\n" + b"cid:" * 200_000,
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"= " * 300_000,
    "base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"= a" * 300_000,
    "uuencode": HEAD + b"\n" + b"begin 644 x\n" * 100_000 + b"end\n",
    "flowed": HEAD + b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 300_000,
    "quotations": HEAD + b"\n" + b">" * 500_000 + b"\n" + b"> a\nb\n" * 50_000,
    "announcements": HEAD + b"\n" + b"On 1 Jan x@example.org\nwrote:\n" * 30_000,
    "bare cr": HEAD + b"\n" + b"\r" * 500_000,
    "raw 8-bit": b"Subject: " + bytes(range(128, 256)) * 4_000 + b"\n" + HEAD + b"\n" + bytes(range(128, 256)) * 4_000,
    "winmail.dat": HEAD
    + b"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(b"\x78\x9f\x3e\x22\1\0" + b"\1\3\x90\6\0\4\0\0\0\xff\xff\xff\xff\0\0" * 20_000),
    "delivery status": HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n"
    b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@example.org\n\n" * 50_000,
    "a bounce in words": b"From: MAILER-DAEMON\nSubject: failure notice\n\n"
    + b"<a@example.org>:\n" * 20_000
    + b"\n" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_ends(name: str) -> None:
    start = time.process_time()
    check(parse(HOSTILE[name]))
    assert time.process_time() - start < 5  # seconds of CPU; the slowest needs a tenth of it on a quiet machine


@pytest.mark.parametrize("name", ["50,000 headers", "50,000 junk lines in the headers"])
def test_what_matters_is_found_behind_the_noise(name: str) -> None:
    mail = parse(HOSTILE[name]).mail
    assert (mail.from_ and mail.from_.address, mail.subject, mail.text) == ("anna@example.org", "x", "Hello")


def test_limits_are_told() -> None:
    assert Defect.TOO_MANY_PARTS in parse(HOSTILE["100,000 parts"]).mail.defects
    assert Defect.TOO_MANY_HEADERS in parse(HOSTILE["50,000 headers"]).mail.defects
    assert Defect.TOO_DEEP in parse(HOSTILE["multiparts in each other"]).mail.defects
