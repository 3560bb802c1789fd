"""What a mailbox owes, and when it is asked for again; what came of a mail held against what was announced."""

import io
from datetime import UTC, datetime, timedelta

from ingest.connectors.owed import LOOKED_FOR, NAMED, Owed, named
from ingest.connectors.remote_mail import RemoteMail, agreed, is_short

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def after(**time: int) -> datetime:
    return NOW + timedelta(**time)


def test_what_is_owed_is_asked_for_at_the_next_look_and_then_less_and_less_often() -> None:
    owed, at, waits = Owed(), NOW, []
    for _ in range(7):
        owed.record((), {"7": "no"}, (), at)
        owed.new_round()
        (mail,) = owed.mails
        waits.append((mail.next_try - at).total_seconds())
        at = mail.next_try
        assert owed.is_due("7", at)
        assert not owed.is_due("7", at - timedelta(seconds=1))
    assert waits == [0, 60, 300, 900, 3600, 3600, 3600]
    assert (mail.since, mail.tries) == (NOW, 7)


def test_in_one_round_it_is_asked_for_once() -> None:
    owed = Owed()
    owed.record((), {"7": "no"}, (), NOW)
    assert not owed.is_due("7", after(hours=1))
    owed.new_round()
    assert owed.is_due("7", NOW)


def test_what_came_and_what_is_gone_is_owed_no_more() -> None:
    owed = Owed()
    owed.record((), dict.fromkeys("123", "no"), (), NOW)
    owed.record(["1"], {}, ["2"], NOW)
    assert [mail.handle for mail in owed.mails] == ["3"]


def test_a_cursor_keeps_it() -> None:
    before, after_restart = Owed(), Owed()
    before.record((), {"7": "no"}, (), NOW)
    after_restart.load(before.mails)
    after_restart.record((), {"7": "still no"}, (), after(minutes=1))
    (mail,) = after_restart.mails
    assert (mail.tries, mail.since, mail.why) == (2, NOW, "still no")


def test_those_are_looked_for_first_that_are_due_first() -> None:
    owed = Owed()
    owed.record((), {str(n): "no" for n in range(LOOKED_FOR)}, (), after(minutes=1))
    owed.record((), {"early": "no"}, (), NOW)
    assert owed.listed()[0] == "early"
    assert len(owed.listed()) == LOOKED_FOR


def test_a_status_names_the_first_and_counts_the_rest() -> None:
    owed = Owed()
    owed.record((), {str(n): "no" for n in range(NAMED + 5)}, (), NOW)
    lines = named(owed.mails)
    assert (lines[0], lines[-1], len(lines)) == ("0: no", "and 5 more", NAMED + 1)


def mail(raw: bytes, *, spooled: bool = False) -> RemoteMail:
    return (
        RemoteMail("1", "there", raw[:3], size=len(raw), spool=io.BytesIO(raw)) if spooled else RemoteMail("1", "", raw)
    )


def test_a_mail_is_whole_that_is_as_long_as_announced_or_longer() -> None:
    assert not is_short(mail(b"12345"), 5)
    assert not is_short(mail(b"12345"), 4)
    assert is_short(mail(b"12345"), 6)
    assert is_short(mail(b"12345", spooled=True), 6)


def test_a_short_mail_is_whole_if_its_server_says_so_twice() -> None:
    for spooled in (False, True):
        assert agreed(mail(b"12345", spooled=spooled), mail(b"12345", spooled=spooled), 9)
        assert agreed(mail(b"1", spooled=spooled), mail(b"123456789", spooled=spooled), 9)
        assert not agreed(mail(b"12345", spooled=spooled), mail(b"12346", spooled=spooled), 9)
        assert not agreed(mail(b"12345", spooled=spooled), mail(b"1234567", spooled=spooled), 9)
    assert agreed(mail(b"12345"), mail(b"12345", spooled=True), 9)
    assert not agreed(mail(b""), mail(b""), 9)
