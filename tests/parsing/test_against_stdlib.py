"""Two readers, one meaning: on well-formed mails ours and the standard library's `email` agree.

`email` with `policy.default` is the second reader. Blanks are left out of the comparison of names and subjects: it
loses them, or adds some, where a value is cut into encoded words.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.bench.mails import BenchMail, make_mails
from resolver.parsing import parse
from tests.examples import examples

_READER = BytesParser(policy=policy.default)


@dataclass(frozen=True)
class View:
    """What both readers must agree on. `files`: name and sha256 of each in order."""

    senders: list[tuple[str, str]]
    recipients: list[tuple[str, str]]
    subject: str
    text: str | None
    html: str | None
    files: list[tuple[str, str]]


def squeezed(text: str) -> str:
    return "".join(text.split())


def as_lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n")


def ours(raw: bytes) -> View:
    parsed = parse(raw)
    mail = parsed.mail
    assert mail.defects == ()
    assert [hashlib.sha256(file.content).hexdigest() for file in parsed.files] == [a.sha256 for a in mail.attachments]
    return View(
        senders=[(mail.from_.address, squeezed(mail.from_.name))] if mail.from_ else [],
        recipients=[(box.address, squeezed(box.name)) for box in (*mail.to, *mail.cc)],
        subject=squeezed(mail.subject),
        text=as_lines(mail.text),
        html=None if mail.html is None else as_lines(mail.html),
        files=[(a.name, a.sha256) for a in mail.attachments],
    )


def theirs(raw: bytes) -> View:
    message = _READER.parsebytes(raw)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    html = as_lines(rich.get_content()) if rich else None
    return View(
        senders=list(_boxes(message, "from")),
        recipients=[*_boxes(message, "to"), *_boxes(message, "cc")],
        subject=squeezed(str(message["subject"])),
        text=as_lines(plain.get_content()) if plain else None,
        html=html,
        files=[(part.get_filename() or "", hashlib.sha256(_content(part)).hexdigest()) for part in _files(message)],
    )


def _boxes(message: EmailMessage, name: str) -> Iterator[tuple[str, str]]:
    for header in message.get_all(name, []):
        yield from ((address.addr_spec, squeezed(address.display_name)) for address in header.addresses)


def _files(message: EmailMessage) -> list[MIMEPart]:
    return [part for part in message.walk() if part.get_content_disposition() == "attachment"]


def _content(part: MIMEPart) -> bytes:
    if part.get_content_type() == "message/rfc822":
        return part.get_payload(0).as_bytes()  # type: ignore[union-attr]  # one message, by its type
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def agree(raw: bytes) -> None:
    mine, other = ours(raw), theirs(raw)
    if other.text is None:  # ours makes a text from the HTML
        other = View(other.senders, other.recipients, other.subject, mine.text, other.html, other.files)
    assert mine == other


BENCH = list(
    make_mails(
        300, seed=3, recipient="desk@example.com", acknowledgement_id=lambda mail: f"<{mail.number}@example.com>"
    )
)


def test_the_benchmarks_mails() -> None:
    assert {mail.answers is None for mail in BENCH} == {True, False}
    for mail in BENCH:
        agree(mail.raw)


@pytest.mark.parametrize("number", range(0, len(BENCH), 25))
def test_the_benchmarks_mails_hold_what_was_put_in(number: int) -> None:
    mail: BenchMail = BENCH[number]
    view = ours(mail.raw)
    assert [sha256 for _, sha256 in view.files] == list(mail.files)
    assert " ".join((view.text or "").split()) == mail.words


LETTERS = st.sampled_from("abcxyzABC019-_äöüßéèñçøåæłśžőЖивяΩλאבער中文字打印日本語の한국어😀")
WORD = st.text(LETTERS, min_size=1, max_size=14).filter(lambda word: word.strip("-_") != "")
WORDS = st.lists(WORD, min_size=1, max_size=12).map(" ".join)
TEXT = st.lists(st.one_of(WORDS, st.just("")), min_size=1, max_size=20).map(
    lambda lines: "x\n" + "\n".join(lines) + "\nx"
)
ADDRESS = st.builds(
    lambda name, local, domain: Address(name, local, domain),
    st.one_of(st.just(""), WORDS, st.sampled_from(["Example, Anna", 'Anna "Ann" Example', "Anna (Desk)", "O'Neil; x"])),
    st.from_regex(r"[a-z0-9][a-z0-9.+_'-]{0,20}[a-z0-9]", fullmatch=True).filter(lambda text: ".." not in text),
    st.sampled_from(["example.org", "mail.example.com", "xn--bcher-kva.example"]),
)
FILE = st.tuples(WORD, st.sampled_from(["zip", "pdf", "bin"]), st.binary(max_size=3_000))


# Lines are not folded: Python 3.11 hides the comma between two addresses in an encoded word where it folds there.
POLICIES = [policy.default.clone(max_line_length=None), policy.SMTP.clone(max_line_length=None)]


@given(
    sender=ADDRESS,
    to=st.lists(ADDRESS, min_size=1, max_size=5),
    cc=st.lists(ADDRESS, max_size=3),
    subject=WORDS,
    text=TEXT,
    kind=st.sampled_from(["plain", "html", "both"]),
    encoding=st.sampled_from(["base64", "quoted-printable", "8bit"]),
    files=st.lists(FILE, max_size=3),
    written=st.sampled_from(POLICIES),
)
@settings(max_examples=examples(100))
def test_mails_that_the_standard_library_writes(
    sender: Address,
    to: list[Address],
    cc: list[Address],
    subject: str,
    text: str,
    kind: str,
    encoding: str,
    files: list[tuple[str, str, bytes]],
    written: policy.EmailPolicy,
) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    if cc:
        message["Cc"] = cc
    if kind == "html":
        message.set_content(f"<p>{text}</p>", subtype="html", cte=encoding)
    else:
        message.set_content(text, cte=encoding)
    if kind == "both":
        message.add_alternative(f"<p>{text}</p>", subtype="html", cte=encoding)
    for name, extension, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{name}.{extension}")
    agree(message.as_bytes(policy=written))


def test_an_attached_mail_is_the_same_file() -> None:
    inner = EmailMessage()
    inner["Subject"] = "the lift"
    inner.set_content("It is stuck.\n")
    inner.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "anna@example.org", "desk@example.com", "see below"
    message.set_content("Please read.\n")
    message.add_attachment(inner)
    parsed = parse(message.as_bytes())
    assert [a.name for a in parsed.mail.attachments] == ["the lift.eml"]
    assert parsed.files[0].content.rstrip() == inner.as_bytes().rstrip()
