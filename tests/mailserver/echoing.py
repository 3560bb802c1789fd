"""Servers that refuse, and repeat in the refusal what they were sent, in every writing that a server may use."""

import base64
import binascii
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import BinaryIO
from urllib.parse import parse_qs, quote_from_bytes

Talk = Callable[[socket.socket, BinaryIO], None]


def echoed(line: bytes) -> bytes:
    """One line that holds what was sent: as it came, decoded, and percent-encoded."""
    return b" ".join((line.strip(), *map(_one_line, _decoded(line)), quote_from_bytes(line.strip()).encode()))


def _decoded(line: bytes) -> Iterator[bytes]:
    for word in line.split():
        try:
            yield base64.b64decode(word, validate=True)
        except binascii.Error:
            pass  # it is no base64


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


def imap(client: socket.socket, lines: BinaryIO) -> None:
    client.sendall(b"* OK ready\r\n")
    for line in lines:
        tag, command, *rest = line.split(None, 2)
        if command == b"CAPABILITY":
            offer = b"AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 AUTH=OAUTHBEARER"
            client.sendall(b"* CAPABILITY IMAP4rev1 %s\r\n%s OK done\r\n" % (offer, tag))
        elif command in (b"LOGIN", b"AUTHENTICATE"):
            said = _asked(client, lines, b"+ ") if command == b"AUTHENTICATE" else b""
            client.sendall(b"%s NO [AUTHENTICATIONFAILED] no: %s %s\r\n" % (tag, echoed(rest[0]), said))
        else:
            client.sendall(tag + b" OK done\r\n")


def pop3(client: socket.socket, lines: BinaryIO) -> None:
    client.sendall(b"+OK ready\r\n")
    for line in lines:
        command = line.split()[0]
        if command == b"CAPA":
            client.sendall(b"+OK\r\nSASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n.\r\n")
        elif command in (b"PASS", b"AUTH"):
            said = _asked(client, lines, b"+ ") if command == b"AUTH" else b""
            client.sendall(b"-ERR no: %s %s\r\n" % (echoed(line), said))
        else:
            client.sendall(b"+OK\r\n")


def smtp(client: socket.socket, lines: BinaryIO) -> None:
    client.sendall(b"220 ready\r\n")
    for line in lines:
        command = line[:4].upper()
        if command == b"EHLO":
            client.sendall(b"250-here\r\n250 AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n")
        elif command == b"AUTH":
            said = _asked(client, lines, b"334 ")
            client.sendall(b"535-5.7.8 no\r\n535 5.7.8 %s %s\r\n" % (echoed(line), said))
        else:
            client.sendall(b"250 ok\r\n")


def _asked(client: socket.socket, lines: BinaryIO, prompt: bytes) -> bytes:
    """Ask for two answers; the second question holds the first answer, as XOAUTH2's explanation may."""
    client.sendall(prompt + b"\r\n")
    first = lines.readline()
    explained = json.dumps({"status": "401", "sent": echoed(first).decode("utf-8", "replace")})
    client.sendall(prompt + base64.b64encode(explained.encode()) + b"\r\n")
    return echoed(first) + b" " + echoed(lines.readline())


@contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """Talks to every client that comes; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # closed
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            try:
                with client, client.makefile("rb") as lines:
                    client.settimeout(10)
                    talk(client, lines)
            except OSError:
                pass  # the client left

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@contextmanager
def token_endpoint() -> Iterator[str]:
    """Refuses every request with what it was sent; the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said = {"error": f"invalid_client {body}", "error_description": f"no such thing: {parse_qs(body)}"}
            self.send_response(400)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        server.server_close()
