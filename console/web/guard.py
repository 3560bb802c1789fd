"""What every request passes before any page sees it, and every response on its way out: base path, hosts, origins,
headers.
"""

import secrets
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
# A page may set one of these itself, such as the frame that shows a mail; what it does not set is set here.
_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}' 'strict-dynamic'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
)


class Guard:
    """ASGI middleware. `hosts`: the names, without ports, that the window answers to; whatever else is a mistake of a
    proxy, or an attack by DNS (rebinding).

    It takes `Range` away, since no page has parts worth asking for, and NUL out of addresses, since no database can be
    asked for it. It gives each answer a nonce for its scripts (`scope["state"]["nonce"]`).
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(18)
        scope.setdefault("state", {})["nonce"] = nonce
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in (b"range", b"if-range")]
        scope["path"] = scope["path"].replace("\0", "\ufffd")
        scope["query_string"] = scope["query_string"].replace(b"%00", b"%EF%BF%BD").replace(b"\0", b"")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _set_headers(MutableHeaders(scope=message), nonce, scope["scheme"])
            await send(message)

        why_not = self._refusal(scope["method"], headers)
        app = PlainTextResponse(why_not[1], why_not[0]) if why_not else self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Status and text, where the request goes no further."""
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return 400, (
                "The window does not answer to this host name.\n"
                "Open it by a name that is set in MAILCALL_WINDOW_HOSTS, or add this one there.\n"
            )
        if method not in SAFE_METHODS and not _same_origin(headers, host):
            return 403, (
                "This was not sent from a page of the window, so nothing was done.\n"
                "Open the page again and send it from there. A proxy in between has to pass on Host and Origin.\n"
            )
        return None


def _same_origin(headers: Headers, host: str) -> bool:
    """Whether a page of ours sent it: browsers say so themselves; over plain HTTP they say where the page is from."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return bool(host) and urlsplit(headers.get("origin", "")).netloc.lower() == host.lower()


def _name(host: str) -> str:
    """The host without its port: `[::1]:8443` is `[::1]`."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _set_headers(headers: MutableHeaders, nonce: str, scheme: str) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce))
    if scheme == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


class Placed:
    """ASGI middleware. `base_path` such as `/mailcall`: a proxy may leave it in the path or take it away."""

    def __init__(self, app: ASGIApp, base_path: str, scheme: str) -> None:
        self._app = app
        self._base_path = base_path
        self._scheme = scheme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"] + "/" if scope["path"] == self._base_path else scope["path"]
            scope.update(path=path, root_path=self._base_path, scheme=self._scheme)
        await self._app(scope, receive, send)
