"""The demo's mails, and what must become of each. Pure: the clock is an argument.

Persons and servers are those of `demo.yaml`. Each mail shows one sentence of the requirement (docs/requirement.md) or
one promise of the design.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from random import Random

from schemas.addresses import normalise
from schemas.ids import person_id

IT, HR = "it@desk.example", "hr@desk.example"


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """What becomes of a mail, expected or got. Of a mail that is rejected, only `outcome` and `reason` say anything.

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
        return ["nothing became of it in time"]
    return [
        f"{field.replace('_', ' ')}: {getattr(got, field)!r} instead of {getattr(expected, field)!r}"
        for field in MailOutcome.__dataclass_fields__
        if getattr(got, field) != getattr(expected, field)
    ]


def _it(user: str, analyst: str = "ida", files: int = 0) -> MailOutcome:
    return MailOutcome("call-logged", partition="it", user=user, logging_analyst=analyst, priority="P3", files=files)


def _hr(user: str, files: int = 0) -> MailOutcome:
    return MailOutcome("call-logged", partition="hr", user=user, logging_analyst="henry", priority="Low", files=files)


def _new(address: str) -> str:
    """Id of the person that is made for an unknown address."""
    return person_id(normalise(address))


def _head(name: str, from_: str, to: str, subject: str, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = from_, to, subject
    message["Date"], message["Message-ID"] = format_datetime(now), message_id(name)
    return message


def _plain(
    name: str, from_: str, to: str, subject: str, text: str, *, charset: str = "utf-8", headers: Mapping[str, str] = {}
) -> Compose:
    def compose(now: datetime, _: Acknowledgement | None) -> bytes:
        message = _head(name, from_, to, subject, now)
        message.set_content(text, charset=charset)
        for header, value in headers.items():
            message[header] = value
        return message.as_bytes()

    return compose


def _html(now: datetime, _: Acknowledgement | None) -> bytes:
    message = _head("html-only", "Ursula Usher <ursula@example.com>", HR, "Holiday in August", now)
    message.set_content(
        "<html><body><p>Dear HR,</p><p>how many days of <b>holiday</b> do I have left?</p>"
        "<table><tr><td>2025</td><td>3&nbsp;days</td></tr></table><p>Thanks, Ursula</p></body></html>",
        subtype="html",
    )
    return message.as_bytes()


def _with_file(name: str, from_: str, subject: str, file: str, type_: str, content: bytes) -> Compose:
    def compose(now: datetime, _: Acknowledgement | None) -> bytes:
        message = _head(name, from_, IT, subject, now)
        message.set_content("Hello,\n\nplease see the attached file.\n\nKind regards\n")
        maintype, _slash, subtype = type_.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=file)
        return message.as_bytes()

    return compose


def _broken(_now: datetime, _: Acknowledgement | None) -> bytes:
    """A charset that does not exist, bytes outside it, base64 that is none, and a multipart that never ends."""
    return (
        b"From: Hugo Hill <hugo@example.com>\r\nTo: %s\r\nSubject: =?utf-8?Q?Broken_=ZZ?= \xff\xfe subject\r\n"
        b"Message-ID: %s\r\nDate: sometime last week\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="never-closed"\r\n\r\n'
        b"--never-closed\r\nContent-Type: text/plain; charset=klingon\r\n\r\nMy payslip is missing \xe4\xf6\xfc.\r\n"
        b"--never-closed\r\nContent-Type: application/pdf; name=form.pdf\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=form.pdf\r\n\r\n!!!this is no base64!!!\r\n"
    ) % (HR.encode(), message_id("broken").encode())


def _reply(name: str, from_: str, to: str, text: str) -> Compose:
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


_URSULA, _HUGO = "Ursula Usher <ursula@example.com>", "Hugo Hill <hugo@example.com>"

DEMO_MAILS: tuple[DemoMail, ...] = (
    DemoMail(
        "known-user",
        "a known User",
        "ursula@example.com",
        IT,
        _it("ursula"),
        _plain("known-user", _URSULA, IT, "Printer jams", "Hello,\n\nthe printer on floor 2 jams.\n\nThanks\nUrsula\n"),
    ),
    DemoMail(
        "unknown-sender",
        "an unknown sender",
        "nora.new@example.org",
        HR,
        _hr(_new("nora.new@example.org")),
        _plain("unknown-sender", "Nora New <nora.new@example.org>", HR, "First day", "When do I start?\n"),
    ),
    DemoMail(
        "analyst-only",
        "an Analyst, Use Linked Analyst on",
        "alan@desk.example",
        IT,
        _it("alan", analyst="alan"),
        _plain("analyst-only", "Alan Archer <alan@desk.example>", IT, "Switch 7", "Switch 7 is noisy.\n"),
    ),
    DemoMail(
        "analyst-not-linked",
        "an Analyst, Use Linked Analyst off",
        "ida@desk.example",
        HR,
        _hr("ida"),
        _plain(
            "analyst-not-linked", "Ida Ingram <ida@desk.example>", HR, "Parental leave", "What do I have to file?\n"
        ),
    ),
    DemoMail(
        "analyst-and-user",
        "an Analyst who is a User too",
        "beate@desk.example",
        IT,
        _it("beate", analyst="beate"),
        _plain("analyst-and-user", "Beate Both <beate@desk.example>", IT, "Keyboard", "I need a new keyboard.\n"),
    ),
    DemoMail("html-only", "HTML only", "ursula@example.com", HR, _hr("ursula"), _html),
    DemoMail(
        "attachment",
        "with an attachment",
        "hugo@example.com",
        IT,
        _it("hugo", files=1),
        _with_file("attachment", _HUGO, "Error message", "error.csv", "text/csv", b"time,error\r\n10:02,E-4711\r\n"),
    ),
    DemoMail(
        "cyrillic",
        "in Cyrillic (KOI8-R)",
        "ivan@example.net",
        HR,
        _hr(_new("ivan@example.net")),
        _plain(
            "cyrillic", "Иван Петров <ivan@example.net>", HR, "Справка", "Нужна справка о доходах.\n", charset="koi8-r"
        ),
    ),
    DemoMail(
        "chinese",
        "in Chinese (GB 18030)",
        "wang.fang@example.net",
        IT,
        _it(_new("wang.fang@example.net")),
        _plain(
            "chinese", "王芳 <wang.fang@example.net>", IT, "打印机", "二楼的打印机坏了，请看一下。\n", charset="gb18030"
        ),
    ),
    DemoMail(
        "automatic-reply",
        "an automatic reply",
        "hugo@example.com",
        IT,
        MailOutcome("rejected", reason="auto-reply", notified=False),
        _plain(
            "automatic-reply",
            _HUGO,
            IT,
            "Out of office",
            "I am back on Monday.\n",
            headers={"Auto-Submitted": "auto-replied"},
        ),
    ),
    DemoMail("broken", "broken in every way", "hugo@example.com", HR, _hr("hugo", files=1), _broken),
    DemoMail(
        "three-megabytes",
        "3 MB",
        "hugo@example.com",
        IT,
        _it("hugo", files=1),
        _with_file(
            "three-megabytes", _HUGO, "Screenshots", "screens.zip", "application/zip", Random(3).randbytes(2_200_000)
        ),
    ),
    DemoMail(
        "reply",
        "a reply to the acknowledgement",
        "ursula@example.com",
        IT,
        MailOutcome(
            "item-updated",
            same_call_as="known-user",
            partition="it",
            user="ursula",
            logging_analyst="ida",
            priority="P3",
            notified=False,  # she has been answered about this call; Ida is told
        ),
        _reply("reply", _URSULA, IT, "It is the one beside the kitchen.\n"),
        answers="known-user",
    ),
    DemoMail(
        "close",
        "a close",
        "ursula@example.com",
        HR,
        MailOutcome(
            "item-closed",
            same_call_as="html-only",
            partition="hr",
            user="ursula",
            logging_analyst="henry",
            priority="Low",
        ),
        _reply("close", _URSULA, HR, "#close\n\nI found it, thank you.\n"),
        answers="html-only",
    ),
)
BY_NAME: Mapping[str, DemoMail] = {mail.name: mail for mail in DEMO_MAILS}
