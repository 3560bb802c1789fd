"""The sockets of one mailbox's EWS session: where the installation may connect, within a time limit, interruptible."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from urllib3.exceptions import HTTPError

from mailserver.connection import shut_down
from runtime.net.dialling import dial


class BrokenLinkError(Exception):
    """The connection could not be made, or broke. `cause`: what sockets, TLS or HTTP said."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Link:
    """`interrupt` may be called from any thread; the rest is for one."""

    def __init__(self, context: ssl.SSLContext, seconds: float) -> None:
        self.context = context
        self.seconds = seconds
        self._copies: list[socket.socket] = []  # TLS takes the first ones over
        self._deadline = 0.0
        self._interrupted = False

    def connect(self, host: str, port: int) -> socket.socket:
        sock = dial(host, port, self.seconds, self._deadline)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._copies.append(sock.dup())
        try:
            self.check()  # it may have been interrupted a moment ago
        except Exception:
            sock.close()
            raise
        return sock

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Around one exchange, which is cancelled after this long. Raises `BrokenLinkError` whatever broke it."""
        self._deadline = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._break)
        timer.daemon = True
        timer.start()
        try:
            self.check()
            yield
            self.check()
        except (OSError, HTTPError) as error:  # requests' errors are OSErrors
            self._forget()
            raise BrokenLinkError(self._cause(error)) from error
        finally:
            timer.cancel()

    def check(self) -> None:
        if self._interrupted:
            raise ConnectionAbortedError("it was interrupted")
        if time.monotonic() >= self._deadline:
            raise TimeoutError("no whole answer in time")

    def interrupt(self) -> None:
        self._interrupted = True
        self._break()

    def close(self) -> None:
        self._forget()

    def _cause(self, error: Exception) -> Exception:
        """What is below the errors of requests and urllib3."""
        try:
            self.check()
        except OSError as known:
            return known
        seen: list[BaseException] = []
        left: list[object] = [error]
        while left:
            cause = left.pop(0)
            if not isinstance(cause, BaseException) or cause in seen:
                continue
            seen.append(cause)
            left += [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
        plain = (found for found in seen if isinstance(found, OSError))
        return next((found for found in plain if not isinstance(found, requests.RequestException)), error)

    def _break(self) -> None:
        for copy in list(self._copies):
            shut_down(copy)

    def _forget(self) -> None:
        copies, self._copies = self._copies, []
        for copy in copies:
            copy.close()
