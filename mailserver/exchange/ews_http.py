"""HTTP to Exchange Web Services under exchangelib: sockets of our own, bounded in size and time, and to be broken off.

exchangelib posts with a session of requests. This one connects where the installation may connect, trusts who the
profile trusts, reads no proxies or passwords from the environment, follows nothing to another place, and hands over
only answers that are whole.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from mailserver.exchange.soap import check
from runtime.dialling import dial

MAX_ANSWER_BYTES = 16_000_000  # of everything but a mail itself
_MAX_REFUSAL_BYTES = 64_000
_AT_ONCE = 64 * 1024
_TLS, _CERTIFICATE = "mailcall_tls", "mailcall_certificate"  # of the connection that an answer came by
_ANSWERS = (200, 500)  # with a SOAP envelope; 500 where it holds a fault (SOAP 1.1, section 6.2)


class HttpStatusError(Exception):
    """The server answered with something else than an envelope."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"HTTP {response.status_code} {response.reason}")
        self.status = response.status_code
        asked = response.headers.get("Retry-After", "")
        self.after = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 0.0


class BrokenLinkError(Exception):
    """The connection could not be made, or broke. `cause`: what sockets, TLS or HTTP said."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Link:
    """The sockets of one mailbox's session. `interrupt` may be called from any thread; the rest is for one."""

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
            self.check()  # it may have been broken off a moment ago
        except Exception:
            sock.close()
            raise
        return sock

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Around one exchange, which is broken off after so long. Raises `BrokenLinkError` whatever broke it."""
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
            raise ConnectionAbortedError("it was broken off")
        if time.monotonic() >= self._deadline:
            raise TimeoutError("no whole answer in time")

    def interrupt(self) -> None:
        self._interrupted = True
        self._break()

    def close(self) -> None:
        self._forget()

    def _cause(self, error: Exception) -> Exception:
        """What lies below the errors of requests and urllib3."""
        try:
            self.check()
        except OSError as known:
            return known
        seen: list[BaseException] = []
        left: list[object] = [error]
        while left:
            one = left.pop(0)
            if not isinstance(one, BaseException) or one in seen:
                continue
            seen.append(one)
            left += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
        plain = [one for one in seen if isinstance(one, OSError) and not isinstance(one, requests.RequestException)]
        return plain[0] if plain else error

    def _break(self) -> None:
        for copy in list(self._copies):
            try:
                copy.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already

    def _forget(self) -> None:
        copies, self._copies = self._copies, []
        for copy in copies:
            copy.close()


class EwsSession(requests.Session):
    """One kept connection over a link. Raises `BrokenLinkError`, `HttpStatusError`, `NotSoapError`."""

    def __init__(self, link: Link, auth: Any) -> None:
        super().__init__()
        self.trust_env = False
        self.auth = auth
        self.session_id, self.usage_count = 0, 0  # exchangelib wants to log and count them
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "Mailcall"})
        self._link = link
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(link))

    def post(self, url: Any, data: Any = None, json: Any = None, **settings: Any) -> requests.Response:  # noqa: ARG002
        """As exchangelib asks: an answer with all of its content, which is an envelope."""
        with self.asked(url, data, settings.get("headers"), self._link.seconds) as response:
            body = _bounded(response, MAX_ANSWER_BYTES)
            check(body)
            response._content = body
        return response

    @contextmanager
    def asked(self, url: str, data: bytes, headers: Any, seconds: float) -> Iterator[requests.Response]:
        """An answer that is still to be read, within so many seconds."""
        headers = {"Content-Type": "text/xml; charset=utf-8", **(headers or {})}
        with self._link.within(seconds):
            response = super().post(
                url, data=data, headers=headers, stream=True, allow_redirects=False, timeout=self._link.seconds
            )
            try:
                if response.status_code not in _ANSWERS:
                    raise HttpStatusError(response)
                yield response
            finally:
                response.close() if not _is_read(response) else response.raw.release_conn()

    def reached(self, url: str) -> str:
        """How the connection to an address is protected. Nothing is logged in to; whatever is answered is an answer."""
        with (
            self._link.within(self._link.seconds),
            self.get(url, auth=_no_log_in, stream=True, allow_redirects=False, timeout=self._link.seconds) as response,
        ):
            version = vars(response).get(_TLS)
            return str(version).replace("TLSv", "TLS ") if version else "not encrypted"

    def fetched(self, url: str) -> bytes:
        """What lies at an address, asked for without any log-in."""
        with self._link.within(self._link.seconds):
            response = self.get(url, auth=_no_log_in, stream=True, allow_redirects=False, timeout=self._link.seconds)
            with response:
                if response.status_code != 200:
                    raise HttpStatusError(response)
                return _bounded(response, _MAX_REFUSAL_BYTES)


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The answer's bytes as they come."""
    return response.iter_content(_AT_ONCE)


def peer_certificate(response: requests.Response) -> bytes | None:
    """The server's, in DER; None where the answer did not come by TLS."""
    found: bytes | None = vars(response).get(_CERTIFICATE)
    return found


def _no_log_in(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_read(response: requests.Response) -> bool:
    return bool(response.raw.isclosed()) or response._content is not False


def _bounded(response: requests.Response, most: int) -> bytes:
    body = bytearray()
    for piece in pieces(response):
        body += piece
        if len(body) > most:
            raise OSError(f"an answer of more than {most} bytes")
    return bytes(body)


class _Adapter(HTTPAdapter):
    def __init__(self, link: Link) -> None:
        self._link = link
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0, pool_block=False)

    def init_poolmanager(self, *_args: Any, **_settings: Any) -> None:
        link = self._link

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return link.connect(self._dns_host, self.port or 80)

        class Protected(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return link.connect(self._dns_host, self.port or 443)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class ProtectedPool(HTTPSConnectionPool):
            ConnectionCls = Protected

        self.poolmanager = PoolManager(1, maxsize=1, ssl_context=link.context)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": ProtectedPool}

    def get_connection_with_tls_context(self, request: Any, *_args: Any, **_settings: Any) -> Any:
        """By our context alone, whatever requests would trust."""
        return self.poolmanager.connection_from_url(request.url)

    def cert_verify(self, *_args: Any, **_settings: Any) -> None:
        """The context does."""

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        """A refusal is read here, and no more of it than a log-in's next step needs."""
        response = super().send(request, *args, **settings)
        sock = getattr(response.raw.connection, "sock", None)
        if isinstance(sock, ssl.SSLSocket):
            vars(response).update({_TLS: sock.version(), _CERTIFICATE: sock.getpeercert(binary_form=True)})
        if response.status_code not in _ANSWERS:
            body = response.raw.read(_MAX_REFUSAL_BYTES, decode_content=True)
            if not response.raw.isclosed() and response.raw.read(1):
                response.raw.close()
            response._content, response._content_consumed = body, True
        return response
