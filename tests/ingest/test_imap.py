"""What is IMAP's own: marks, folders, UIDVALIDITY and IDLE, against Dovecot."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

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
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_settled_mails_are_marked_as_seen_by_default_and_no_others(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector()
    block = reader.next_block(None)
    assert block is not None
    inbox.deliver("2")
    reader.settle(block)
    assert inbox.flags() == [{"\\Seen"}, set()]


def test_settled_mails_are_moved_where_that_is_wanted(inbox: Any, connector: Make) -> None:
    with inbox.client() as client:
        client.create('"Erledigt &- Ablage"')
    inbox.deliver("1")
    inbox.deliver("2")
    reader = connector(after_fetch="move", move_to="Erledigt & Ablage")
    block = reader.next_block(None)
    assert block is not None
    reader.settle(block)
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
    block = connector(folder="Desk").next_block(None)
    assert block is not None and len(block.mails) == 1
    with inbox.client() as client:
        client.delete("Desk")
        time.sleep(1.1)  # Dovecot takes UIDVALIDITY from the clock, in seconds
        client.create("Desk")
        client.append("Desk", "", "", b"Subject: new\r\n\r\n")
    anew = connector(folder="Desk").next_block(block.cursor)
    assert anew is not None
    assert [mail.raw for mail in anew.mails] == [b"Subject: new\r\n\r\n"]
    assert anew.cursor.uidvalidity != block.cursor.uidvalidity


def test_mails_of_a_mailbox_numbered_anew_are_not_settled_by_their_old_numbers(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector(after_fetch="delete")
    block = reader.next_block(None)
    assert block is not None
    stale = type(block)(block.mails, block.cursor.model_copy(update={"uidvalidity": 1}))
    reader.settle(stale)
    assert inbox.flags() == [set()]


def test_a_new_mail_ends_the_wait_at_once(inbox: Any, connector: Make) -> None:
    reader = connector()
    assert reader.next_block(None) is None
    timer = threading.Timer(0.3, inbox.deliver, ("1",))
    timer.start()
    began = time.monotonic()
    reader.wait(30, threading.Event())
    timer.join()
    assert time.monotonic() - began < 5
    assert reader.next_block(None) is not None


def test_mail_that_is_announced_before_the_wait_is_not_waited_for(inbox: Any, connector: Make) -> None:
    inbox.deliver("1")
    reader = connector()
    block = reader.next_block(None)
    assert block is not None
    inbox.deliver("2")
    reader.settle(block)  # the answer to STORE brings the news
    began = time.monotonic()
    reader.wait(30, threading.Event())
    assert time.monotonic() - began < 5
    assert reader.next_block(block.cursor) is not None


def test_mail_that_comes_between_the_look_and_the_wait_is_not_waited_for(inbox: Any, connector: Make) -> None:
    reader = connector()
    assert reader.next_block(None) is None
    inbox.deliver("1")
    began = time.monotonic()
    reader.wait(30, threading.Event())
    assert time.monotonic() - began < 5


def test_without_idle_it_polls(inbox: Any, connector: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = connector()
    monkeypatch.setattr(reader, "_can_idle", False)
    assert reader.next_block(None) is None
    inbox.deliver("1")
    reader.wait(0.05, threading.Event())
    assert reader.next_block(None) is not None


def test_a_mail_taken_away_while_it_is_fetched_is_passed_over(inbox: Any, connector: Make) -> None:
    for subject in ("1", "2"):
        inbox.deliver(subject)
    reader = connector()
    reader._waiting = reader._look(0)
    with inbox.client() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
    reader.wait(0.05, threading.Event())  # until the server has told us, it still gives the mail
    block = reader.next_block(None)
    assert block is not None
    assert [mail.handle for mail in block.mails] == ["2"]
    assert block.cursor.uid == 2
