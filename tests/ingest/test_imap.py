"""What is IMAP's own: marks, folders, UIDVALIDITY and IDLE, against Dovecot."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.connectors.base import open_mailbox
from ingest.connectors.imap import ImapConnector
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from schemas.reasons import Reason

Make = Callable[..., ImapConnector]


@pytest.fixture
def connector(inbox: Any, incoming_server: Any) -> Iterator[Make]:
    """Makes an opened connector to the inbox."""
    made: list[ImapConnector] = []

    def make(**settings: Any) -> ImapConnector:
        server = incoming_server(port=inbox.dovecot.imap_port, username=inbox.address, **settings)
        made.append(ImapConnector(server, Credentials(inbox.address, inbox.password)))
        open_mailbox(made[-1])
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("username", ["DOMAIN\\desk", 'the "desk"', "it desk", "desk NIL (x)"])
def test_a_user_name_is_told_as_it_is(inbox: Any, incoming_server: Any, username: str) -> None:
    """Dovecot knows nobody of that name; it says so, and nothing of a command that it cannot read."""
    server = incoming_server(port=inbox.dovecot.imap_port, username=username)
    connector = ImapConnector(server, Credentials(username, "not this one"))
    with pytest.raises(MailServerError) as caught:
        open_mailbox(connector)
    connector.close()
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert "Authentication failed" in caught.value.text


def test_settled_mails_are_marked_as_seen_by_default_and_no_others(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector()
    block = reader.next_batch(None)
    assert block is not None
    inbox.deliver("2")
    reader.apply_after_fetch(block)
    assert inbox.flags() == [{"\\Seen"}, set()]


def test_settled_mails_are_moved_where_that_is_wanted(inbox: Any, connector: Make) -> None:
    with inbox.client() as client:
        client.create('"Erledigt &- Ablage"')
    inbox.deliver("1")
    inbox.deliver("2")
    reader = connector(after_fetch="move", move_to="Erledigt & Ablage")
    block = reader.next_batch(None)
    assert block is not None
    reader.apply_after_fetch(block)
    assert (inbox.flags(), len(inbox.flags('"Erledigt &- Ablage"'))) == ([], 2)


@pytest.mark.parametrize(
    "settings", [{"folder": "Absent"}, {"after_fetch": "move", "move_to": "Absent"}], ids=["folder", "move_to"]
)
def test_a_folder_that_is_not_there_is_told_before_anything_is_fetched(connector: Make, settings: Any) -> None:
    with pytest.raises(MailServerError) as caught:
        connector(**settings)
    assert (caught.value.reason, caught.value.temporary) == (Reason.FOLDER_REFUSED, False)
    assert "'Absent'" in caught.value.text


def test_a_mailbox_numbered_anew_is_read_from_the_start(inbox: Any, connector: Make) -> None:
    with inbox.client() as client:
        client.create("Desk")
        client.append("Desk", "", "", b"Subject: old\r\n\r\n")
    block = connector(folder="Desk").next_batch(None)
    assert block is not None and len(block.mails) == 1
    with inbox.client() as client:
        client.delete("Desk")
        time.sleep(1.1)  # Dovecot takes UIDVALIDITY from the clock, in seconds
        client.create("Desk")
        client.append("Desk", "", "", b"Subject: new\r\n\r\n")
    anew = connector(folder="Desk").next_batch(block.cursor)
    assert anew is not None
    assert [mail.raw for mail in anew.mails] == [b"Subject: new\r\n\r\n"]
    assert anew.cursor.uidvalidity != block.cursor.uidvalidity


def number_anew(inbox: Any) -> None:
    """Dovecot forgets its numbers, as a server does whose mailboxes are moved to another one: dates and mails stay."""
    store = inbox.dovecot.directory / "mail" / inbox.address
    for file in [*store.glob("dovecot-uidlist*"), *store.glob("dovecot.index*"), *store.glob("dovecot-uidvalidity*")]:
        file.unlink()
    time.sleep(1.1)  # it takes UIDVALIDITY from the clock, in seconds


def test_what_a_first_look_left_alone_stays_alone_when_the_mailbox_is_numbered_anew(
    inbox: Any, connector: Make
) -> None:
    inbox.deliver("old")
    first = connector(start_from="now").next_batch(None)
    assert first is not None and (first.mails, first.skipped) == ((), 1)
    time.sleep(1.1)  # INTERNALDATE counts seconds
    taken = inbox.deliver("taken")
    block = connector(start_from="now").next_batch(first.cursor)
    assert block is not None and len(block.mails) == 1
    number_anew(inbox)
    missed = inbox.deliver("came meanwhile")
    anew = connector(start_from="now").next_batch(block.cursor)
    assert anew is not None
    assert anew.cursor.uidvalidity != block.cursor.uidvalidity
    assert [mail.raw for mail in anew.mails] == [taken, missed]


def test_what_was_left_alone_stays_alone_also_where_it_gets_the_higher_numbers(inbox: Any, connector: Make) -> None:
    """A server that is moved need not number its mails in the order in which they came."""
    inbox.deliver("old")
    first = connector(start_from="now").next_batch(None)
    assert first is not None and first.skipped == 1
    time.sleep(1.1)  # INTERNALDATE counts seconds
    taken = inbox.deliver("taken")
    (old,) = [file for file in files(inbox) if b"Subject: old" in file.read_bytes()]
    seconds, _, rest = old.name.partition(".")
    old.rename(old.with_name(f"{int(seconds) + 1_000_000}.{rest}"))  # Dovecot numbers them by the time in their names
    number_anew(inbox)
    reader = connector(start_from="now")
    anew = reader.next_batch(first.cursor)
    assert anew is not None
    assert [(mail.handle, mail.raw) for mail in anew.mails] == [("1", taken)]
    assert reader.next_batch(anew.cursor) is None
    assert connector(start_from="now").next_batch(anew.cursor) is None


def files(inbox: Any) -> list[Path]:
    store = inbox.dovecot.directory / "mail" / inbox.address
    return [file for kind in ("new", "cur") for file in (store / kind).iterdir()]


def test_a_mailbox_numbered_anew_with_nothing_new_is_noted(inbox: Any, connector: Make) -> None:
    inbox.deliver("old")
    first = connector(start_from="now").next_batch(None)
    assert first is not None
    number_anew(inbox)
    reader = connector(start_from="now")
    anew = reader.next_batch(first.cursor)
    assert anew is not None
    assert (anew.mails, anew.cursor.uid) == ((), 1)
    assert reader.next_batch(anew.cursor) is None


def test_a_mailbox_put_back_from_a_backup_numbers_on_from_an_earlier_uid(inbox: Any, connector: Make) -> None:
    raw = inbox.deliver("after the backup")
    read = connector().next_batch(None)
    assert read is not None
    ahead = read.cursor.model_copy(update={"uid": 40})
    again = connector().next_batch(ahead)
    assert again is not None
    assert [mail.raw for mail in again.mails] == [raw]


def test_a_mail_that_comes_while_connected_does_not_look_like_an_earlier_uid(inbox: Any, connector: Make) -> None:
    reader = connector()
    assert reader.next_batch(None) is None
    cursor = None
    for subject in ("1", "2", "3"):
        raw = inbox.deliver(subject)
        reader.wait(30, threading.Event())
        block = reader.next_batch(cursor)
        assert block is not None
        assert [mail.raw for mail in block.mails] == [raw]
        cursor = block.cursor


def test_another_account_under_the_same_id_is_another_mailbox(inbox: Any, connector: Make) -> None:
    inbox.deliver("not ours")
    block = connector(start_from="beginning").next_batch(None)
    assert block is not None
    cursor = block.cursor.model_copy(update={"username": "somebody-else", "uidvalidity": 1})
    first = connector(start_from="now").next_batch(cursor)
    assert first is not None
    assert (first.mails, first.skipped) == ((), 1)


def test_the_same_mailbox_under_a_new_account_name_is_read_on(inbox: Any, connector: Make) -> None:
    inbox.deliver("read already")
    block = connector().next_batch(None)
    assert block is not None
    renamed = block.cursor.model_copy(update={"username": "its-old-name"})
    raw = inbox.deliver("new")
    after = connector(start_from="now").next_batch(renamed)
    assert after is not None
    assert [mail.raw for mail in after.mails] == [raw]


def test_mails_of_a_mailbox_numbered_anew_are_not_settled_by_their_old_numbers(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector(after_fetch="delete")
    block = reader.next_batch(None)
    assert block is not None
    stale = type(block)(block.mails, block.cursor.model_copy(update={"uidvalidity": 1}))
    reader.apply_after_fetch(stale)
    assert inbox.flags() == [set()]


def test_a_new_mail_ends_the_wait_at_once(inbox: Any, connector: Make) -> None:
    reader = connector()
    assert reader.next_batch(None) is None
    timer = threading.Timer(0.3, inbox.deliver, ("1",))
    timer.start()
    began = time.monotonic()
    reader.wait(30, threading.Event())
    timer.join()
    assert time.monotonic() - began < 5
    assert reader.next_batch(None) is not None


def test_mail_that_is_announced_before_the_wait_is_not_waited_for(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector()
    block = reader.next_batch(None)
    assert block is not None
    inbox.deliver("2")
    reader.apply_after_fetch(block)  # the answer to STORE brings the news
    began = time.monotonic()
    reader.wait(30, threading.Event())
    assert time.monotonic() - began < 5
    assert reader.next_batch(block.cursor) is not None


def test_mail_that_comes_between_the_look_and_the_wait_is_not_waited_for(inbox: Any, connector: Make) -> None:
    reader = connector()
    assert reader.next_batch(None) is None
    inbox.deliver("1")
    began = time.monotonic()
    reader.wait(30, threading.Event())
    assert time.monotonic() - began < 5


def test_without_idle_it_polls(inbox: Any, connector: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = connector()
    monkeypatch.setattr(reader, "_can_idle", False)
    assert reader.next_batch(None) is None
    inbox.deliver("1")
    reader.wait(0.05, threading.Event())
    assert reader.next_batch(None) is not None


def test_a_mail_taken_away_while_it_is_fetched_is_passed_over(inbox: Any, connector: Make) -> None:
    for subject in ("1", "2"):
        inbox.deliver(subject)
    reader = connector()
    reader._waiting = [(str(one.uid), one.size) for one in reader._chosen().list_mails(0)]
    with inbox.client() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
    reader.wait(0.05, threading.Event())  # until the server has told us, it still gives the mail
    block = reader.next_batch(None)
    assert block is not None
    assert [mail.handle for mail in block.mails] == ["2"]
    assert block.cursor.uid == 2
