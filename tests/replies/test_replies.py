"""An answer to one of our mails, written with any common mail client, finds its call and brings just what was written.

All of it is real: the call, the mail that tells of it, and what resolver and logger make of the answer.
"""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import get_args

import pytest

from desk.item_detail import JournalEntry
from outbound.choose import Chosen
from outbound.compose import compose
from outbound.render import Templates, render
from runtime.blobs import BlobStore
from schemas import ids
from schemas.settings import Format
from schemas.topics import NOTIFICATION_REQUESTED
from tests.mail.stored import NOW, SETTINGS, TOKEN_KEYS, FixedDesk
from tests.mail.walk import Walk, values
from tests.replies.clients import CLIENTS, IPHONE_SIGNATURE, Body, Original, answer, read

SERVER = "it-mailbox"
URSULA = "Ursula Usher <ursula@firm.example>"
WORDS = "Danke, der Drucker geht wieder!\n\nNur das Büro 214 wartet noch: am Montag um 9:00?"
FIRST = (
    b"From: Ursula Usher <ursula@firm.example>\r\nTo: it@desk.example\r\nSubject: Drucker =?utf-8?q?im_B=C3=BCro?=\r\n"
    b"Date: Fri, 20 Nov 2026 11:50:00 +0000\r\nMessage-ID: <first-1@firm.example>\r\n\r\nEr druckt nur Streifen.\r\n"
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FixedDesk]:
    desk = FixedDesk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture
def walk(desk: FixedDesk, tmp_path: Path) -> Walk:
    return Walk(desk.fresh(), BlobStore((tmp_path / "blobs").as_uri()))


def told(walk: Walk, format_: Format) -> tuple[str, Original]:
    """Ursula writes, and a call is logged: its reference, and the mail that tells her of it as she has it."""
    [request] = [one for one in values(walk.arrive(FIRST, SERVER), NOTIFICATION_REQUESTED) if one.recipient in URSULA]
    server = SETTINGS.outgoing_server_for("it")
    assert server is not None
    rendered = render(request, Templates(SETTINGS), format_)
    sent = compose(request, rendered, Chosen(server, server), NOW, TOKEN_KEYS)
    return request.data["reference"], read(sent.content)


def arrived(walk: Walk, mail: EmailMessage) -> tuple[str, str, JournalEntry]:
    """What the desk makes of an answer: the outcome, the item's reference, the journal's entry."""
    raw = mail.as_bytes()
    walk.arrive(raw, SERVER)
    mail_id = ids.mail_id(SERVER, raw)
    found = walk.ledger(mail_id)
    assert found is not None
    outcome, item = found
    [entry] = [entry for entry in item.journal if entry.mail_id == mail_id and entry.kind == outcome]
    return outcome, item.reference, entry


def written(client: str) -> str:
    """An iPhone's signature stands behind no separator, so it stays."""
    return f"{WORDS}\n\n{IPHONE_SIGNATURE}" if client == "iphone" else WORDS


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("body", get_args(Body))
def test_an_answer_finds_its_call_and_brings_what_was_written(client: str, body: Body, walk: Walk) -> None:
    reference, original = told(walk, Format.TEXT if body == "text" else Format.HTML)
    mail = answer(CLIENTS[client], WORDS, original, body, URSULA, NOW + timedelta(minutes=5))
    outcome, found, entry = arrived(walk, mail)
    assert (outcome, found) == ("item-updated", reference)
    assert entry.reply == written(client)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("author", [URSULA, "Ulf Unbekannt <ulf@elsewhere.example>"])
def test_the_subject_alone_is_enough(client: str, author: str, walk: Walk) -> None:
    """As where a gateway or a list drops the headers of threads."""
    reference, original = told(walk, Format.HTML)
    mail = answer(CLIENTS[client], WORDS, original, "both", author, NOW)
    del mail["In-Reply-To"], mail["References"]
    assert arrived(walk, mail)[:2] == ("item-updated", reference)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("author", [URSULA, "Ulf Unbekannt <ulf@elsewhere.example>"])
def test_in_reply_to_alone_is_enough(client: str, author: str, walk: Walk) -> None:
    """As where somebody writes a subject of their own."""
    reference, original = told(walk, Format.HTML)
    mail = answer(CLIENTS[client], WORDS, original, "both", author, NOW)
    del mail["References"], mail["Subject"]
    mail["Subject"] = "Nachfrage"
    assert arrived(walk, mail)[:2] == ("item-updated", reference)


def test_an_answer_that_lost_both_is_a_new_call(walk: Walk) -> None:
    """What the others are found by is in no other place."""
    reference, original = told(walk, Format.HTML)
    mail = answer(CLIENTS["gmail"], WORDS, original, "both", URSULA, NOW)
    del mail["In-Reply-To"], mail["References"], mail["Subject"]
    mail["Subject"] = "Nachfrage"
    outcome, found, _ = arrived(walk, mail)
    assert outcome == "call-logged"
    assert found != reference
