"""One kept HTTP connection to one host, which no server can hurt: bounded responses, no redirects.

Every exchange has its own deadline up to the end of the header; after that each piece of the body has one, so that a
large message over a slow line arrives, and a server that sends a byte now and then holds up nobody.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from mailserver.connection import protection_of, shut_down
from runtime.net.dialling import dial

PIECE_BYTES = 64 * 1024
IDLE_SECONDS = 50.0  # an idle connection is not kept longer: whether it still works would be a guess
PORTS = {"https": 443, "http": 80}


class UnfinishedError(OSError):
    """A response ended too early, or has no length that could be checked."""


class InterruptedSession(OSError):  # noqa: N818 - it is no fault
    """Another thread has interrupted the session."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of a response, their names in lower case.

    `has_end`: whether it says where its body ends, so that a part of it is not taken for all.
    """

    status: int
    headers: Mapping[str, str]
    has_end: bool


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; raises `ValueError` for what is none."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), _port(parts)


def _port(parts: SplitResult) -> int | None:
    return parts.port or PORTS.get(parts.scheme)


class HttpSession:
    """Requests one after the other. Used by one thread; only `interrupt` may be called from another.

    A connection that was idle for long is replaced automatically. Raises `OSError` (`UnfinishedError`,
    `TimeoutError`, TLS errors) and `http.client.HTTPException`; the next request then makes a new connection.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None, seconds: float) -> None:
        self._scheme, self.host, port = origin_of(url)
        self.port = port or PORTS["https"]
        self._context = context
        self._seconds = seconds
        self._connection: _Connection | None = None
        self._used = 0.0  # when the connection was used last (monotonic)
        self._interrupted = False

    def connect(self) -> str:
        """How the connection is protected, for people."""
        sock = self._connected().sock
        return protection_of(sock)

    @contextmanager
    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Iterator[tuple[Head, Iterator[bytes]]]:
        """The response's head, and its body piece by piece. Unless all of it is read, the connection is closed."""
        try:
            response = self._asked(method, target, headers, body)
            headers_given = {name.lower(): value for name, value in response.getheaders()}
            yield Head(response.status, headers_given, response.has_end), self._pieces(response)
            if not response.isclosed():
                self.close()
            self._used = time.monotonic()
        except BaseException as error:
            self.close()
            if self._interrupted and isinstance(error, (OSError, http.client.HTTPException)):
                raise InterruptedSession("interrupted") from None
            raise

    def interrupt(self) -> None:
        self._interrupted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            shut_down(connection.sock)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _asked(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Any:
        """The response, of which the head is read.

        A kept connection may be closed by the server at any time; a request that only reads is made again on a new one.
        """
        if time.monotonic() - self._used > IDLE_SECONDS or (self._connection and self._connection.sock is None):
            self.close()
        is_kept = self._connection is not None
        connection = self._connected()
        try:
            return connection.asked(method, target, headers, body, self._seconds)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError):
            if not is_kept or method not in ("GET", "HEAD") or self._interrupted:
                raise
        self.close()
        return self._connected().asked(method, target, headers, body, self._seconds)

    def _connected(self) -> "_Connection":
        if self._interrupted:
            raise InterruptedSession("interrupted")
        if self._connection is None:
            connection = _Connection(self.host, self.port, self._context if self._scheme == "https" else None)
            connection.open(self._seconds)
            self._connection, self._used = connection, time.monotonic()
            if self._interrupted:  # it was, before there was anything to interrupt
                self.close()
                raise InterruptedSession("interrupted")
        return self._connection

    def _pieces(self, response: "_Response") -> Iterator[bytes]:
        left = response.length
        while True:
            response.give(self._seconds)
            try:
                piece = response.read(PIECE_BYTES)
            except http.client.IncompleteRead:
                raise UnfinishedError("its response ended too early") from None
            if not piece:
                break
            if left is not None:
                left -= len(piece)
            yield piece
        if left:
            raise UnfinishedError(f"its response ended {left} bytes too early")


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self._tls = context
        self.response_class = _Response

    def open(self, seconds: float) -> None:
        sock = dial(self.host, self.port, seconds)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = self._tls.wrap_socket(sock, server_hostname=self.host) if self._tls else sock
        except (OSError, ValueError):
            sock.close()
            raise

    def connect(self) -> None:
        raise http.client.NotConnected  # never implicitly: `open` does it

    def asked(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Any:
        self.sock.settimeout(seconds)
        self.request(method, target, body, {**headers, "Accept-Encoding": "identity"})
        return self.getresponse()


class _Response(http.client.HTTPResponse):
    """Reads with a deadline, however often the server sends a byte."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        seconds = sock.gettimeout()
        self._reader = _Deadlined(sock, self.fp)
        self._reader.give(seconds)
        self.fp = io.BufferedReader(self._reader)

    @property
    def has_end(self) -> bool:
        return bool(self.chunked) or self.length is not None

    def give(self, seconds: float) -> None:
        """This long for what is read next."""
        self._reader.give(seconds)


class _Deadlined(io.RawIOBase):
    """The bytes of a socket, until a deadline."""

    def __init__(self, sock: socket.socket, reader: Any) -> None:
        super().__init__()
        self._sock = sock
        self._raw = reader.detach()  # nothing was read by it yet
        self._deadline = 0.0

    def give(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
