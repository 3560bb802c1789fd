"""A directory as Microsoft Entra is one to an application that logs in: HTTPS on this machine, driven by the real msal.

Written from learn.microsoft.com, "OAuth 2.0 client credentials flow" and "Microsoft Entra authentication and
authorization error codes"; nothing of Microsoft's was asked.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.x509 import Certificate

from deploy.local.servers.certificates import Certificates, make_certificates

TENANT = "11111111-2222-3333-4444-555555555555"
DOMAIN = "desk.example"
APPLICATION = "99999999-8888-7777-6666-555555555555"
SECRET = "Tr8Q~a-secret-of-an-application"
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Reply:
    """In the place of the usual answer. `body` that is no text is sent as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(code: int, error: str = "invalid_client", text: str = "Something is wrong.", status: int = 401) -> Reply:
    """As Microsoft words one."""
    described = f"AADSTS{code}: {text} Trace ID: 1b2c Correlation ID: 3d4e Timestamp: 2026-11-30 10:00:00Z"
    return Reply(status, {"error": error, "error_description": described, "error_codes": [code]})


@dataclass
class Authority:
    """One directory with one application.

    `replies` go before the usual answers to requests for a token, one each; `asked` are the forms that were posted.
    """

    url: str = ""
    certificates: Certificates | None = None
    secret: str = SECRET
    certificate: Certificate | None = None
    federated: str = ""
    platform: str = ""  # the header by which a platform knows whom it runs
    lifetime: int = 3600
    slow: threading.Event | None = None  # waited for before an answer
    replies: list[Reply] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    looked_up: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def profile(self, **fields: Any) -> dict[str, Any]:
        """Fields of a MAPI profile that logs in here."""
        assert self.certificates is not None
        return {
            "kind": "mapi-profile",
            "id": "exchange-online",
            "transport": "graph",
            "tenant": TENANT,
            "client_id": APPLICATION,
            "login_url": self.url,
            "ca_file": str(self.certificates.authority),
            **fields,
        }

    def open_id(self, tenant: str) -> Reply:
        self.looked_up += 1
        if tenant not in (TENANT, DOMAIN):
            text = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            return refusal(90002, "invalid_tenant", text, 400)
        at = f"{self.url}/{TENANT}"
        return Reply(
            200,
            {
                "token_endpoint": f"{at}/oauth2/v2.0/token",
                "authorization_endpoint": f"{at}/oauth2/v2.0/authorize",
                "issuer": f"{at}/v2.0",
            },
        )

    def token(self, form: dict[str, str]) -> Reply:
        with self._lock:
            self.asked.append(form)
            planned = self.replies.pop(0) if self.replies else None
        if self.slow is not None:
            self.slow.wait(30)
        if planned is not None:
            return planned
        if form.get("grant_type") != "client_credentials" or not form.get("scope", "").endswith("/.default"):
            return refusal(900144, "invalid_request", "The request body must contain grant_type and scope.", 400)
        if form.get("client_id") != APPLICATION:
            return refusal(700016, "unauthorized_client", "Application was not found in the directory.", 400)
        if not self._is_proved(form):
            return refusal(7000215, text=f"Invalid client secret provided: {form.get('client_secret')}.")
        return self._granted()

    def identity(self, path: str, header: str) -> Reply:
        """As Azure's App Service answers to what runs on it."""
        form = dict(parse_qsl(path.partition("?")[2]))
        self.asked.append(form)
        if header != self.platform:
            return Reply(401, {"statusCode": 401, "message": "No identity header."})
        granted = self._granted()
        ends = str(int(time.time()) + self.lifetime)
        return Reply(200, {**granted.body, "resource": form["resource"], "expires_on": ends})

    def _granted(self) -> Reply:
        with self._lock:
            token = f"eyJ0eXAi.token-number-{len(self.tokens) + 1}.{time.time_ns()}"
            self.tokens.append(token)
        return Reply(200, {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})

    def _is_proved(self, form: Mapping[str, str]) -> bool:
        assertion = form.get("client_assertion", "")
        if not assertion:
            return bool(self.secret) and form.get("client_secret") == self.secret
        if form.get("client_assertion_type") != _JWT_BEARER:
            return False
        if self.certificate is None:
            return bool(self.federated) and assertion == self.federated
        claims = jwt.decode(
            assertion,
            self.certificate.public_key(),  # type: ignore[arg-type]
            algorithms=["PS256"],
            audience=f"{self.url}/{TENANT}/oauth2/v2.0/token",
        )
        return bool(claims["iss"] == claims["sub"] == APPLICATION)


@contextmanager
def running(directory: Path) -> Iterator[Authority]:
    """An authority, and the certificates that it is known by, in `directory`."""
    certificates = make_certificates(directory)
    authority = Authority(certificates=certificates)
    server = _Server(("127.0.0.1", 0), _handler(authority))
    server.socket = certificates.context().wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    authority.url = f"https://localhost:{server.server_port}"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that does not trust the certificate, or waits no longer, has gone."""


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            tenant, _, rest = self.path.lstrip("/").partition("/")
            if authority.platform and tenant.startswith("platform?"):
                self._send(authority.identity(self.path, self.headers.get("X-IDENTITY-HEADER", "")))
            elif rest == "v2.0/.well-known/openid-configuration":
                self._send(authority.open_id(tenant))
            else:
                self._send(Reply(404, ""))

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            is_known = self.path == f"/{TENANT}/oauth2/v2.0/token"
            self._send(authority.token(form) if is_known else Reply(404, ""))

        def _send(self, reply: Reply) -> None:
            body = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
