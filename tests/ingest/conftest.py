"""Incoming servers as settings, and the inbox of an account seen from outside."""

import imaplib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.local.servers.dovecot import Dovecot
from schemas.settings import IncomingServer

MakeServer = Callable[..., IncomingServer]
Script = Callable[[socket.socket], None]


@pytest.fixture
def incoming_server() -> MakeServer:
    """Makes an `IncomingServer`: IMAP on this machine in clear text, read from the beginning, unless told otherwise."""

    def make(**settings: Any) -> IncomingServer:
        values = {
            "id": "it",
            "protocol": "imap",
            "host": "127.0.0.1",
            "security": "none",
            "username": "desk",
            "password": {"env": "DESK_PASSWORD"},
            "start_from": "beginning",
            "call_template": "it",
            "default_logging_analyst": "anna",
            "timeout_seconds": 10,
            **settings,
        }
        return IncomingServer.model_validate(values)

    return make


class Inbox:
    """An account on Dovecot, seen by an IMAP client of another make."""

    def __init__(self, dovecot: Dovecot, address: str, password: str) -> None:
        self.dovecot, self.address, self.password = dovecot, address, password

    @contextmanager
    def client(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.dovecot.imap_port, timeout=30) as client:
            client.login(self.address, self.password)
            yield client

    def deliver(self, subject: str, *, sender: str = "ann@example.test", body: str = "Hello", size: int = 0) -> bytes:
        raw = f"From: {sender}\r\nSubject: {subject}\r\n\r\n{body}\r\n{'x' * size}\r\n".encode()
        self.dovecot.deliver(self.address, raw)
        return raw

    def flags(self, folder: str = "INBOX") -> list[set[str]]:
        """Flags of each mail in a folder, in order, less \\Recent."""
        with self.client() as client:
            kind, _ = client.select(folder, readonly=True)
            assert kind == "OK"
            _, data = client.uid("FETCH", "1:*", "(FLAGS)")
            lines = [line.decode() for line in data if isinstance(line, bytes)]
            return [set(re.findall(r"\\\w+", line)) - {"\\Recent"} for line in lines]


@pytest.fixture
def inbox(dovecot: Dovecot, dovecot_account: tuple[str, str]) -> Inbox:
    return Inbox(dovecot, *dovecot_account)


@pytest.fixture
def serve() -> Iterator[Callable[[Script], int]]:
    """Runs a script for the first client of a port of its own; the port."""
    listeners: list[socket.socket] = []

    def start(script: Script) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            try:
                client, _ = listener.accept()
                with client:
                    client.settimeout(10)
                    script(client)
            except OSError:
                pass  # the client left, as it should

        threading.Thread(target=run, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.close()
