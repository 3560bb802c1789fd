"""Whether what a report tells of is final, and for whom. The reports of real servers stand in tests/mail/bounces."""

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from resolver.screening.delivery_status import said_of
from schemas.mail import Undelivered
from schemas.undelivered import Trouble

HEAD = (
    "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: {subject}\nMIME-Version: 1.0\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n\n{text}\n"
    "--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n{fields}\n--B--\n"
)


def undelivered(fields: str, text: str = "It failed.", subject: str = "Report") -> tuple[Undelivered, ...]:
    bounce = screen(parse(HEAD.format(subject=subject, text=text, fields=fields).encode()), frozenset()).bounce
    assert bounce is not None
    return bounce.undelivered


def fields(action: str, status: str, more: str = "", name: str = "bob") -> str:
    told = f"Action: {action}\n" if action else ""
    return f"Final-Recipient: rfc822; {name}@example.net\n{told}Status: {status}\n{more}\n"


@pytest.mark.parametrize(
    ("action", "status", "text", "more", "final"),
    [
        ("failed", "4.3.0", "", "", True),
        ("failed", "4.4.7", "", "", True),
        ("failed", "5.1.1", "", "", True),
        ("delayed", "4.4.1", "", "", False),
        ("delayed", "5.1.1", "", "", False),
        ("delayed", "4.4.7", "bob@example.net: Envelope expired", "", True),
        ("delayed", "4.4.7", "", "", False),
        # Exchange's warning has the same status.
        ("delayed", "4.4.7", "", "Will-Retry-Until: Sat, 21 Nov 2026 12:00:00 +0000\n", False),
        (
            "delayed",
            "4.4.7",
            "bob@example.net: Envelope expired",
            "Will-Retry-Until: Sat, 21 Nov 2026 12:00:00 +0000\n",
            False,
        ),
        ("delayed", "4.0.0", "bob@example.net: Envelope expired", "", False),
        ("", "4.4.1", "", "", False),
        ("", "5.1.1", "", "", True),
    ],
)
def test_whether_it_is_final(action: str, status: str, text: str, more: str, final: bool) -> None:
    (one,) = undelivered(fields(action, status, more), text)
    assert one.final is final


def test_who_has_the_mail_is_not_among_them() -> None:
    told = undelivered(
        fields("delivered", "2.0.0")
        + fields("failed", "5.1.1", name="eve")
        + fields("delayed", "4.2.2", name="kim")
        + fields("delayed", "4.4.1", name="eve")
    )
    assert told == (
        Undelivered(recipient="eve@example.net", trouble=Trouble.ADDRESS, status="5.1.1"),
        Undelivered(recipient="kim@example.net", final=False, trouble=Trouble.MAILBOX, status="4.2.2"),
    )


def test_a_report_about_very_many_is_cut() -> None:
    told = undelivered("".join(fields("failed", "5.1.1", name=f"a{number}") for number in range(600)))
    assert len(told) == 250


TEXT = """\
The following failed: bob@example.net and others

bob@example.network: 452 over quota
bob@example.net: 550 5.1.1 no such user
Eve@example.net: 452 over quota

  kim@example.net
    host mx.example.net [192.0.2.25]
    550 5.7.1 refused

<max@example.net>: host mx.example.net said: 550 5.1.1
    <max@example.net>: unknown (in reply to RCPT TO)
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bob", "550 5.1.1 no such user"),
        ("eve", "452 over quota"),
        ("kim", "host mx.example.net [192.0.2.25] 550 5.7.1 refused"),
        ("max", "host mx.example.net said: 550 5.1.1 <max@example.net>: unknown (in reply to RCPT TO)"),
        ("b.b", ""),
    ],
)
def test_what_the_text_says_of_one(name: str, words: str) -> None:
    assert said_of(TEXT, f"{name}@example.net") == words
    assert said_of(TEXT, "") == ""


IN_WORDS = "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: {subject}\n\n{text}\n"


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        (
            "failure notice",  # qmail, once the mail's time is over
            "<bob@example.net>:\nSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
            "I'm not going to try again; this message has been in the queue too long.\n",
            Undelivered(recipient="bob@example.net", trouble=Trouble.OUTAGE, status="4.4.1"),
        ),
        (
            "Warning: could not send message for past 4 hours",
            "<bob@example.net>... Deferred: Connection timed out with mx.example.net.\n",
            Undelivered(recipient="bob@example.net", final=False, trouble=Trouble.OUTAGE),
        ),
    ],
)
def test_a_report_in_words(subject: str, text: str, expected: Undelivered) -> None:
    bounce = screen(parse(IN_WORDS.format(subject=subject, text=text).encode()), frozenset()).bounce
    assert bounce is not None
    assert bounce.undelivered == (expected,)


def test_of_several_in_words_each_has_its_own() -> None:
    text = "The following addresses failed:\n\n" + TEXT.partition("\n\n")[2]
    bounce = screen(parse(IN_WORDS.format(subject="failure notice", text=text).encode()), frozenset()).bounce
    assert bounce is not None
    found = {one.recipient.partition("@")[0].lower(): one.trouble for one in bounce.undelivered}
    assert found["bob"] is Trouble.ADDRESS
    assert found["eve"] is Trouble.MAILBOX
    assert found["kim"] is Trouble.POLICY
