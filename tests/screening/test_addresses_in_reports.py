"""Whom a report names, in every spelling that an address may have there."""

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from schemas.mail import Bounce

HEAD = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: it@desk.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
WORDS = HEAD + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
NOTE = "<note-7@desk.example>"


def reported(raw: str) -> Bounce:
    bounce = screen(parse(raw.encode()), frozenset({"it@desk.example"})).bounce
    assert bounce is not None
    return bounce


def in_words(report: str, recipient: str) -> Bounce:
    returned = (
        f"Received: from desk.example by mx.example\nMessage-ID: {NOTE}\nFrom: it@desk.example\nTo: {recipient}\n"
        "Subject: Printer\n\nDear\n"
    )
    return reported(f"{WORDS}{report}\n\n{returned}")


@pytest.mark.parametrize(
    "recipient",
    ["hans@bücher.example", "o'hara@firm.example", "用户@例え.example", "анна@почта.example", "a+b@firm.example"],
)
def test_an_address_in_brackets_may_have_any_letters(recipient: str) -> None:
    bounce = in_words(f"<{recipient}>: 550 5.1.1 unknown", recipient)
    assert (bounce.recipients, bounce.status, bounce.original_message_id) == ((recipient,), "5.1.1", NOTE)


def test_words_right_behind_an_address_are_none_of_it() -> None:
    assert in_words("收件人hans@firm.example的邮箱不存在 550 5.1.1", "hans@firm.example").recipients == (
        "hans@firm.example",
    )


def test_whom_it_reports_on_beside_whom_the_returned_mail_names() -> None:
    bounce = in_words("<hans@firm.example>: 550 5.1.1 unknown\n<bob@firm.example>: 452 4.2.2 full", "hans@firm.example")
    assert bounce.recipients == ("hans@firm.example", "bob@firm.example")
    assert [one.status for one in bounce.undelivered] == ["5.1.1", "4.2.2"]


def test_whom_to_ask_is_not_reported_on() -> None:
    bounce = in_words("<hans@firm.example>: 550 5.1.1 unknown\n\nAsk postmaster@mx.example.", "hans@firm.example")
    assert bounce.recipients == ("hans@firm.example",)


@pytest.mark.parametrize("field", ["Original-Message-ID", "X-Original-Message-ID", "Message-Id"])
def test_a_message_id_by_itself(field: str) -> None:
    raw = f"{WORDS}hans@firm.example: 550 5.1.1 unknown\n\n{field}: {NOTE}\n"
    assert reported(raw).original_message_id == NOTE


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("utf-8;\\x{7528}\\x{6237}@firm.example", "用户@firm.example"),
        ("utf-8; anna\\x{D800}@firm.example", "anna\\x{D800}@firm.example"),  # half of a character
        ("utf-8; anna\\x{A}@firm.example", "anna\\x{A}@firm.example"),  # shorter than the form has it
    ],
)
def test_escaped_letters_of_an_address(written: str, read: str) -> None:
    raw = (
        f"{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n\nx\n--B\n"
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: {written}\nAction: failed\nStatus: 5.1.1\n--B--\n"
    )
    assert reported(raw).recipients == (read,)
