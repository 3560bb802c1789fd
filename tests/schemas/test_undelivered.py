"""What servers' replies and codes say of why a mail was not delivered."""

import pytest

from schemas.undelivered import CODES, MAX_REPLY, Trouble, trouble_of

REPLIES: dict[Trouble, tuple[tuple[str, str], ...]] = {
    Trouble.ADDRESS: (
        ("550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown in virtual mailbox table", "5.0.0"),
        ("550 5.1.1 <policy@blocked.example>: Recipient address rejected: User unknown", "5.1.1"),  # an address's words
        ("550 No such user here", "5.0.0"),
        ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [AM1.example]", "5.4.1"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.net not found by SMTP address lookup", ""),
        ("550-5.1.1 The email account that you tried to reach does not exist. Please try", ""),
        ("550 5.2.1 The email account that you tried to reach is disabled", ""),
        ("556 5.1.10 <bob@example.net>: Recipient address rejected: Domain does not accept mail (nullMX)", "5.1.10"),
        ("554 5.7.1 bob@example.net: user unknown", "5.7.1"),
        ("Unrouteable address", "5.0.0"),
        ("553 5.3.0 <bob@example.net>... no such user", ""),
        ("", "5.1.1"),
        ("", "5.1.6"),
        ("5.1.1", ""),
    ),
    Trouble.MAILBOX: (
        ("552 5.2.2 <bob@example.net>: Quota exceeded (mailbox for user is full)", "5.2.2"),
        ("550 Mailbox full", "5.1.1"),  # sendmail makes 5.1.1 of any 550
        ("452 4.2.2 The email account that you tried to reach is over quota: retry timeout exceeded", "5.0.0"),
        ("552 5.3.1 mailbox has exceeded its storage quota", ""),
        ("", "4.2.2"),
        ("", "5.2.2"),
    ),
    Trouble.POLICY: (
        ("550 5.7.1 <bob@example.net>: Relay access denied", "5.1.1"),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example", "5.0.0"),
        ("550 relay not permitted", "5.0.0"),
        ("550 5.7.26 This mail has been blocked because the sender is unauthenticated", ""),
        ("550 Administrative prohibition", "5.0.0"),
        ("550 Sender verify failed: no such user", "5.0.0"),
        ("550 5.1.8 <desk@desk.example>: Sender address rejected: Domain not found", "5.1.8"),
        ("550 5.2.1 The user you are trying to contact is receiving mail at a rate that", ""),
        ("451 4.7.1 <bob@example.net>: Recipient address rejected: Greylisted", "4.4.7"),
        ("", "5.7.1"),
    ),
    Trouble.MESSAGE: (
        ("552 5.3.4 Message size exceeds fixed limit", "5.3.4"),
        ("552 message is too large", "5.0.0"),
        ("", "5.6.1"),
        ("", "5.2.3"),
    ),
    Trouble.OUTAGE: (
        ("retry timeout exceeded", "5.0.0"),
        ("Envelope expired", "4.4.7"),
        ("connect to mail.example.net[192.0.2.25]:25: Connection refused", "4.4.1"),
        ("421 4.3.2 System not accepting network messages", "4.3.2"),
        ("450 4.1.1 <bob@example.net>: User unknown", "5.0.0"),  # come again: nothing final
        ("450 come again", "5.0.0"),
        ("", "4.1.1"),
        ("", "4.4.7"),
        ("", "4.3.0"),
        ("", "5.4.4"),
    ),
    Trouble.UNKNOWN: (
        ("", ""),
        ("", "5.0.0"),
        ("550 refused", "5.0.0"),
        ("550 192.5.1.1 refused", ""),  # an IP address is no code
        ("554 transaction failed", "5.5.0"),
        ("whatever", "nonsense"),
    ),
}


@pytest.mark.parametrize(
    ("trouble", "reply", "status"), [(trouble, *one) for trouble, many in REPLIES.items() for one in many]
)
def test_what_it_says(trouble: Trouble, reply: str, status: str) -> None:
    assert trouble_of(reply, status) is trouble


def test_every_trouble_has_replies() -> None:
    assert set(REPLIES) == set(Trouble)
    assert all(REPLIES.values())


@pytest.mark.parametrize("detail", CODES)
def test_every_code_says_what_the_table_says(detail: str) -> None:
    code = f"5.{detail}" if "." in detail else f"5.{detail}.99"
    assert trouble_of("", code) is CODES[detail]


def test_of_a_long_reply_the_beginning_is_read() -> None:
    assert trouble_of("x" * MAX_REPLY + " no such user") is Trouble.UNKNOWN
