"""HTTP to Exchange Web Services under exchangelib: over our sockets, bounded in size and time.

exchangelib posts with a session of requests. This one trusts whom the profile trusts, reads no proxies or passwords
from the environment, follows nothing to another place, and returns only responses that are whole.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from mailserver.connection import protection_of
from mailserver.exchange.ews_link import Link
from mailserver.exchange.soap import check

MAX_ANSWER_BYTES = 16_000_000  # of everything but a message itself
_MAX_REFUSAL_BYTES = 64_000
_AT_ONCE = 64 * 1024
_PROTECTION, _CERTIFICATE = "mailcall_protection", "mailcall_certificate"  # of the connection that a response came by
_ANSWERS = (200, 500)  # with a SOAP envelope; 500 where it holds a fault (SOAP 1.1, section 6.2)


class HttpStatusError(Exception):
    """The response is something else than an envelope."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"HTTP {response.status_code} {response.reason}")
        self.status = response.status_code
        asked = response.headers.get("Retry-After", "")
        self.after = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 0.0


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
        """As exchangelib asks: a response with all of its content, which is an envelope."""
        with self.asked(url, data, settings.get("headers"), self._link.seconds) as response:
            body = _bounded(response, MAX_ANSWER_BYTES)
            check(body)
            response._content = body
        return response

    @contextmanager
    def asked(self, url: str, data: bytes, headers: Any, seconds: float) -> Iterator[requests.Response]:
        """A response that is still to be read, within this many seconds."""
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
        """How the connection to an address is protected. There is no login; any response will do."""
        with (
            self._link.within(self._link.seconds),
            self.get(url, auth=_no_login, stream=True, allow_redirects=False, timeout=self._link.seconds) as response,
        ):
            protection: str = vars(response).get(_PROTECTION, "not encrypted")
            return protection

    def fetched(self, url: str) -> bytes:
        """What is at an address, asked for without a login."""
        with self._link.within(self._link.seconds):
            response = self.get(url, auth=_no_login, stream=True, allow_redirects=False, timeout=self._link.seconds)
            with response:
                if response.status_code != 200:
                    raise HttpStatusError(response)
                return _bounded(response, _MAX_REFUSAL_BYTES)


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The response's bytes as they come."""
    return response.iter_content(_AT_ONCE)


def peer_certificate(response: requests.Response) -> bytes | None:
    """The server's, in DER; None if the response did not come by TLS."""
    found: bytes | None = vars(response).get(_CERTIFICATE)
    return found


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_read(response: requests.Response) -> bool:
    return bool(response.raw.isclosed()) or response._content is not False


def _bounded(response: requests.Response, most: int) -> bytes:
    body = bytearray()
    for piece in pieces(response):
        body += piece
        if len(body) > most:
            raise OSError(f"a response of more than {most} bytes")
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
        """A refusal is read here, and no more of it than the next step of a login needs."""
        response = super().send(request, *args, **settings)
        sock = getattr(response.raw.connection, "sock", None)
        if isinstance(sock, ssl.SSLSocket):
            vars(response).update({_PROTECTION: protection_of(sock), _CERTIFICATE: sock.getpeercert(binary_form=True)})
        if response.status_code not in _ANSWERS:
            body = response.raw.read(_MAX_REFUSAL_BYTES, decode_content=True)
            if not response.raw.isclosed() and response.raw.read(1):
                response.raw.close()
            response._content, response._content_consumed = body, True
        return response
