"""Two installations that answer each other stop at one mail each, also where a gateway hides what they are."""

import hashlib
import re
from collections.abc import Callable

import pytest

from schemas.settings.notification_rules import Group, NotificationRule
from tests.mail.installation import Installation

MACHINES_MARKS = rb"(?im)^(?:Auto-Submitted|X-Auto-Response-Suppress|X-Mailcall-Loop|Precedence):[^\r\n]*\r\n"
THREAD = rb"(?im)^(?:In-Reply-To|References|Subject):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
Gateway = Callable[[bytes], bytes]


def honest(raw: bytes) -> bytes:
    return raw


def hiding(raw: bytes) -> bytes:
    """Takes out all that says that a machine wrote it."""
    return re.sub(MACHINES_MARKS, b"", raw)


def forgetting(raw: bytes) -> bytes:
    """Hides as well what thread a mail belongs to, so that each looks like a first one."""
    return re.sub(
        rb"^(?:In-Reply-To|References|Subject):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", b"", hiding(raw), flags=re.M
    )


def rewriting(raw: bytes) -> bytes:
    """A relay that gives each mail an id of its own and keeps no header that it does not know, but Auto-Submitted."""
    own_id = b"Message-ID: <%s@relay.example>\r\n" % hashlib.sha256(raw).hexdigest()[:16].encode()
    return re.sub(rb"(?im)^Message-ID:[^\r\n]*\r\n", own_id, re.sub(rb"(?im)^X-[\w-]+:[^\r\n]*\r\n", b"", raw))


def graph(raw: bytes) -> bytes:
    """As Exchange may send what it is given by Graph: with a Message-ID of its own, without Auto-Submitted and X-."""
    return re.sub(rb"(?im)^Auto-Submitted:[^\r\n]*\r\n", b"", rewriting(raw))


def exchange(two: tuple[Installation, Installation], gateway: Gateway, most: int = 50) -> None:
    """Somebody writes to the first in the second's name; then each gets what the other sends it, until all is quiet."""
    first, second = two
    head = f"From: {second.address}\r\nTo: {first.address}\r\nSubject: Printer\r\nMessage-ID: <a@b.example>\r\n"
    waiting = [(first, f"{head}\r\nIt smokes\r\n".encode())]
    for _ in range(most):
        if not waiting:
            return
        installation, mail = waiting.pop(0)
        other = second if installation is first else first
        waiting += [(other, gateway(sent)) for to, sent in installation.receive(mail) if to == other.address]
    pytest.fail(f"after {most} mails they still write to each other")


def answers(installation: Installation, other: Installation) -> int:
    return sum(to == other.address for to, _ in installation.sent)


def test_the_mark_of_a_machine_ends_it_at_once(two: tuple[Installation, Installation]) -> None:
    exchange(two, honest)
    assert (answers(*two), answers(*reversed(two))) == (1, 0)


def test_a_relay_that_rewrites_ids_starts_nothing(two: tuple[Installation, Installation]) -> None:
    exchange(two, rewriting)
    assert (answers(*two), answers(*reversed(two))) == (1, 0)


def test_what_exchange_takes_away_starts_nothing(two: tuple[Installation, Installation]) -> None:
    exchange(two, graph)
    assert (answers(*two), answers(*reversed(two))) == (1, 0)


def test_a_notice_to_a_group_that_is_the_other_installation_is_no_call_there(
    two: tuple[Installation, Installation],
) -> None:
    """What is generated may be a person's words; what another installation tells its group is known all the same."""
    first, second = two
    for one, other in (two, two[::-1]):
        group = Group(id="first-line", name="First line", address=f"group-{other.address}")
        rule = NotificationRule(id="all", event="CallLogged", tell=("assigned-group",))
        one.walk.settings = one.walk.settings.with_changes(
            [("group/first-line", group, 2), ("notification-rule/all", rule, 2)]
        )
    head = f"From: ann@firm.example\r\nTo: {first.address}\r\nSubject: Fan\r\nMessage-ID: <f@b.example>\r\n"

    [(told, notice)] = first.receive(f"{head}\r\nIt is hot.\r\n".encode())

    assert told == f"group-{second.address}"
    assert b"Auto-Submitted: auto-generated" in notice
    assert second.receive(notice) == []
    assert second.receive(rewriting(notice)) == []


def test_without_the_mark_neither_writes_more_than_once(two: tuple[Installation, Installation]) -> None:
    exchange(two, hiding)
    assert answers(*two) == 1
    assert answers(*reversed(two)) <= 1


def test_where_every_mail_looks_like_a_first_one_the_hours_limit_ends_it(
    two: tuple[Installation, Installation],
) -> None:
    exchange(two, forgetting)
    assert 1 <= answers(*two) <= 5
    assert answers(*reversed(two)) <= 5
