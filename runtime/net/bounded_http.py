"""HTTP with one deadline for the whole exchange, to permitted addresses only, without redirects.

A time-out of sockets is for one read: a server that sends a byte now and then keeps its client for ever. Here the
connection is broken at the deadline, whatever waits on it: connecting, TLS, headers or body.
"""

import http.client
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from runtime.net.dialling import dial


@contextmanager
def bounded_opener(
    context: ssl.SSLContext, seconds: float, *, of_platform: bool = False
) -> Iterator[urllib.request.OpenerDirector]:
    """An opener whose exchanges end when the block does, or this many seconds after its beginning.

    `of_platform`: as for `runtime.net.dialling.dial`.
    Whatever the block raises after that leaves it as `TimeoutError`.
    """
    exchange = _Exchange(seconds, of_platform)
    try:
        yield urllib.request.build_opener(_Http(exchange), _Https(exchange, context), _NoRedirect())
        exchange.check()
    except Exception:
        exchange.check()
        raise
    finally:
        exchange.close()


class _Exchange:
    """Its sockets are broken at the deadline by a thread of its own, through copies: TLS takes the first ones over."""

    def __init__(self, seconds: float, of_platform: bool) -> None:
        self._seconds = seconds
        self._of_platform = of_platform
        self._deadline = time.monotonic() + seconds
        self._copies: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._break)
        self._timer.daemon = True
        self._timer.start()

    def connect(self, address: tuple[str, int], *_: Any) -> socket.socket:
        """Instead of `socket.create_connection`."""
        sock = dial(*address, self._seconds, self._deadline, of_platform=self._of_platform)
        self._copies.append(sock.dup())
        try:
            self.check()  # the thread may have looked for copies a moment ago
        except TimeoutError:
            sock.close()
            raise
        return sock

    def check(self) -> None:
        """Raises `TimeoutError` after the deadline: what was read then may be half a response."""
        if time.monotonic() >= self._deadline:
            raise TimeoutError(f"no whole answer within {self._seconds:g} seconds") from None

    def close(self) -> None:
        self._timer.cancel()
        self._timer.join()
        for copy in self._copies:
            copy.close()

    def _break(self) -> None:
        for copy in self._copies:
            try:
                copy.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An endpoint does not move while it is asked; a secret is not sent elsewhere."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class _Http(urllib.request.HTTPHandler):
    def __init__(self, exchange: _Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(partial(_connection, http.client.HTTPConnection, self._exchange), request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, exchange: _Exchange, context: ssl.SSLContext) -> None:
        super().__init__()
        self._exchange = exchange
        self._tls = context

    def https_open(self, request: urllib.request.Request) -> Any:
        made = partial(_connection, http.client.HTTPSConnection, self._exchange, context=self._tls)
        return self.do_open(made, request)


def _connection(kind: Any, exchange: _Exchange, host: str, **settings: Any) -> Any:
    connection = kind(host, **settings)
    connection._create_connection = exchange.connect  # http.client has no other way to be given a socket
    return connection
