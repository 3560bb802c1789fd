"""What a mail of the demo is, what is expected of it, and how each kind of it is written. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

IT, HR = "it@desk.example", "hr@desk.example"


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """How a mail ends, as expected or as observed. Of a rejected mail, only `outcome` and `reason` say anything.

    `same_call_as` names the demo mail whose call this one continues; `user` and `logging_analyst` are person ids;
    `files` counts what this mail attached to the call; `notified`: its sender's mailbox has received an answer to it.
    """

    outcome: str
    reason: str | None = None
    same_call_as: str | None = None
    partition: str | None = None
    user: str | None = None
    logging_analyst: str | None = None
    priority: str | None = None
    files: int = 0
    notified: bool = True


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An acknowledgement that a sender received: what a mail program needs to write an answer to it."""

    message_id: str
    subject: str
    text: str


# Writes a mail at that moment, given the acknowledgement that it answers, if it answers one.
Compose = Callable[[datetime, Acknowledgement | None], bytes]


@dataclass(frozen=True, slots=True)
class DemoMail:
    """One mail. `answers` names the mail whose acknowledgement it answers: it is sent after that has arrived."""

    name: str
    title: str
    sender: str
    to: str
    expected: MailOutcome
    compose: Compose
    answers: str | None = None

    @property
    def message_id(self) -> str:
        return message_id(self.name)


def message_id(name: str) -> str:
    return f"<demo.{name}@example.com>"


def differences(expected: MailOutcome, got: MailOutcome | None) -> list[str]:
    """What became otherwise than expected, one sentence each; empty when all is well."""
    if got is None:
        return ["nothing happened to it in time"]
    return [
        f"{field.replace('_', ' ')}: {getattr(got, field)!r} instead of {getattr(expected, field)!r}"
        for field in MailOutcome.__dataclass_fields__
        if getattr(got, field) != getattr(expected, field)
    ]


def _head(name: str, from_: str, to: str, subject: str, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = from_, to, subject
    message["Date"], message["Message-ID"] = format_datetime(now), message_id(name)
    return message


def plain(
    name: str, from_: str, to: str, subject: str, text: str, *, charset: str = "utf-8", headers: Mapping[str, str] = {}
) -> Compose:
    def compose(now: datetime, _: Acknowledgement | None) -> bytes:
        message = _head(name, from_, to, subject, now)
        message.set_content(text, charset=charset)
        for header, value in headers.items():
            message[header] = value
        return message.as_bytes()

    return compose


def html(now: datetime, _: Acknowledgement | None) -> bytes:
    message = _head("html-only", "Ursula Usher <ursula@example.com>", HR, "Holiday in August", now)
    message.set_content(
        "<html><body><p>Dear HR,</p><p>how many days of <b>holiday</b> do I have left?</p>"
        "<table><tr><td>2025</td><td>3&nbsp;days</td></tr></table><p>Thanks, Ursula</p></body></html>",
        subtype="html",
    )
    return message.as_bytes()


def with_file(name: str, from_: str, subject: str, file: str, type_: str, content: bytes) -> Compose:
    def compose(now: datetime, _: Acknowledgement | None) -> bytes:
        message = _head(name, from_, IT, subject, now)
        message.set_content("Hello,\n\nplease see the attached file.\n\nKind regards\n")
        maintype, _slash, subtype = type_.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=file)
        return message.as_bytes()

    return compose


def broken(_now: datetime, _: Acknowledgement | None) -> bytes:
    """A charset that does not exist, bytes outside it, base64 that is none, and a multipart that never ends."""
    return (
        b"From: Hugo Hill <hugo@example.com>\r\nTo: %s\r\nSubject: =?utf-8?Q?Broken_=ZZ?= \xff\xfe subject\r\n"
        b"Message-ID: %s\r\nDate: sometime last week\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="never-closed"\r\n\r\n'
        b"--never-closed\r\nContent-Type: text/plain; charset=klingon\r\n\r\nMy payslip is missing \xe4\xf6\xfc.\r\n"
        b"--never-closed\r\nContent-Type: application/pdf; name=form.pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=form.pdf\r\n\r\n!!!this is no base64!!!\r\n"
    ) % (HR.encode(), message_id("broken").encode())


def reply(name: str, from_: str, to: str, text: str) -> Compose:
    """An answer to a received acknowledgement, quoting it below, as mail programs write it."""

    def compose(now: datetime, answered: Acknowledgement | None) -> bytes:
        if answered is None:
            raise ValueError(f"{name} answers an acknowledgement: send it after that has arrived")
        message = _head(name, from_, to, f"Re: {answered.subject}", now)
        message["In-Reply-To"] = message["References"] = answered.message_id
        quoted = "".join(f"> {line}\n" for line in answered.text.splitlines())
        message.set_content(f"{text}\n\nOn {now:%d/%m/%Y %H:%M}, {to} wrote:\n{quoted}")
        return message.as_bytes()

    return compose
