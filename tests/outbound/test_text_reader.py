"""What a text reader shows of our mails: a real one, reading the bytes that a mail server got."""

import os
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from deploy.local.packages.debian import find_text_reader
from schemas.events import NotificationRequested
from schemas.reply_marker import REPLY_MARKER
from schemas.settings import Format, OutgoingServer
from tests.outbound.sent import sent

pytestmark = pytest.mark.debian

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]

SUBJECT = "Überhitzter Drucker 🔥 im zweiten Stock, dringend, und noch ein langer Betreff hinterher"
TEXT = (
    "Der Drucker im Büro 214 streikt 🖨️ wieder:\n\n    Fehler 0x3F <Papierstau> & mehr\n\n"
    + "Ein sehr langer Absatz mit Ümläuten und ß. " * 30
    + "\n\n"
    + "W" * 1200
    + "\n.\nFrom hier an = Ende =C3\n-- \nUrsula"
)


@pytest.fixture
def show(tmp_path: Path) -> Callable[[bytes], str]:
    """All that S-nail shows of a mail, on a terminal that knows UTF-8."""
    program = find_text_reader()
    return lambda raw: _shown(program, raw, tmp_path)


def _shown(program: Path, raw: bytes, folder: Path) -> str:
    mailbox = folder / "mailbox"
    mail = raw.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
    mailbox.write_bytes(b"From desk Mon Nov 23 12:00:00 2026\n" + mail + b"\n")
    command = [str(program), "-n", "-#", "-R", "-S", "ttycharset=utf-8", "-f", str(mailbox)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    done = subprocess.run(command, input=b"type 1\n", capture_output=True, env=environment, check=True, timeout=30)
    return done.stdout.decode("utf-8").replace("\n>From ", "\nFrom ")


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("event", ["CallLogged", "CallUpdated", "CallClosed"])
def test_a_text_reader_shows_every_word(
    format_: Format,
    event: str,
    make_request: MakeRequest,
    make_server: MakeServer,
    now: datetime,
    show: Callable[[bytes], str],
) -> None:
    data = {"reference": "C-000123", "subject": SUBJECT, "person": "Jürgen Weiß", "text": TEXT}
    request = make_request(event=event, role="watchers", recipient_name="Zoë Łukasz 李", data=data)
    seen = show(sent(request, make_server(from_name="Hilfe für Büros"), format_, now))
    head, _, body = seen.partition(REPLY_MARKER)
    assert "From: Hilfe für Büros <it@desk.example>" in head
    assert "To: Zoë Łukasz 李 <ursula@example.com>" in head
    assert f"] {SUBJECT}\n" in head
    assert TEXT in body
    assert f"Subject: {SUBJECT}" in body
    assert "Hello Zoë Łukasz 李," in body


@pytest.mark.parametrize("format_", Format)
def test_a_text_reader_shows_no_markup(
    format_: Format, make_request: MakeRequest, make_server: MakeServer, now: datetime, show: Callable[[bytes], str]
) -> None:
    seen = show(sent(make_request(), make_server(), format_, now))
    for markup in ("<table", "<p", "&nbsp;", "=3D", "=C3", "charset=us-ascii"):
        assert markup not in seen
    assert seen.count("your call has been logged as C-000123") == 1
