"""The IMAP connection on whatever Python: of imaplib it uses what is documented, and what is listed here."""

import imaplib
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.dovecot import Dovecot
from ingest.connectors import imap_connection
from ingest.connectors.base import open_mailbox
from ingest.connectors.imap import ImapConnector
from mailserver.sasl import Credentials

# Python 3.14 has its own buffer behind `read` and `readline`, and `file` cannot be set any more: we have neither.
BUFFERED = ("open", "read", "readline", "shutdown", "starttls")


def test_what_it_uses_beyond_the_documentation_is_what_it_says_and_this_python_has_it() -> None:
    source = Path(imap_connection.__file__).read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", source.split('"""')[1])) - {"open", "read", "readline", "send", "shutdown"}
    own = set(vars(imap_connection.GuardedImap4)) | {"_server", "_again", "_buffer"}
    used = {name for name in re.findall(r"\bself\.(_\w+)", source) if name not in own}
    assert used <= named
    client = object.__new__(imaplib.IMAP4)
    assert [name for name in named if name.startswith("_") and not hasattr(client, name)] == []


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_it_never_reads_from_the_buffers_of_imaplib(
    dovecot: Dovecot, inbox: Any, incoming_server: Any, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("imaplib's own buffer was used")

    inbox.dovecot.deliver(inbox.address, b"Subject: one\r\n\r\nHello\r\n")
    for name in BUFFERED:
        monkeypatch.setattr(imaplib.IMAP4, name, refuse)
    server = incoming_server(
        port=dovecot.imap_port,
        security=security,
        username=inbox.address,
        ca_file=str(dovecot.authority) if security == "starttls" else None,
    )
    connector = ImapConnector(server, Credentials(inbox.address, inbox.password))
    open_mailbox(connector)
    batch = connector.next_batch(None)
    assert batch is not None and [mail.raw for mail in batch.mails] == [b"Subject: one\r\n\r\nHello\r\n"]
    connector.apply_after_fetch(batch)
    assert connector.next_batch(batch.cursor) is None
    connector.wait(0.05, threading.Event())  # IDLE
    connector.close()
