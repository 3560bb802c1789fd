"""A small OAuth2 provider: a token endpoint (RFC 6749), and the introspection (RFC 7662) Dovecot checks tokens by."""

import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.local.ports import HOST
from deploy.local.servers.certificates import make_certificates
from deploy.local.servers.oauth_grants import GRANTS, Client, Form, RefusedError, credentials, new_secret

TOKEN_PATH, INTROSPECTION_PATH, KEYS_PATH = "/token", "/introspect", "/keys"
_BODY_LIMIT = 100_000

Answer = tuple[int, Mapping[str, object]]


class OAuthServer:
    """Listens from the beginning to the end of its block, in clear on `token_url` and over TLS on `tls_token_url`.

    `authority` is the PEM file that a TLS client has to trust; it and the certificate are made in `directory`. Shared
    by tests: each registers a client of its own.
    """

    def __init__(self, directory: Path) -> None:
        certificates = make_certificates(directory)
        self.authority = certificates.authority
        self._clients: dict[str, Client] = {}
        self._tokens: dict[str, tuple[Client, float]] = {}  # access token -> whose, and when it ends (monotonic)
        self._lock = threading.Lock()
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self._servers = [self._server(None), self._server(certificates.context())]
        port, tls_port = (server.server_address[1] for server in self._servers)
        self.token_url = f"http://{HOST}:{port}{TOKEN_PATH}"
        self.tls_token_url = f"https://localhost:{tls_port}{TOKEN_PATH}"
        self.keys_url = f"http://{HOST}:{port}{KEYS_PATH}"
        self.introspection_url = f"http://{HOST}:{port}{INTROSPECTION_PATH}"

    def register(
        self,
        username: str,
        *,
        public: bool = False,
        lifetime_seconds: float = 3600,
        rotates: bool = False,
        audience: str = "",
    ) -> Client:
        """A client that gets tokens for that user, by its secret (not a public one) or by its refresh token."""
        secret = None if public else new_secret(16)
        client = Client(
            username, f"client-{secrets.token_hex(6)}", secret, new_secret(24), lifetime_seconds, rotates, audience
        )
        with self._lock:
            self._clients[client.client_id] = client
        return client

    def end_tokens(self, client: Client) -> None:
        """No access token that this client has is good any longer, whatever was said of its lifetime."""
        with self._lock:
            self._tokens = {token: of for token, of in self._tokens.items() if of[0] is not client}

    def withdraw_consent(self, client: Client) -> None:
        """The refresh token that this client has is good no longer."""
        with self._lock:
            client.refresh_token = new_secret(24)

    def answer(self, path: str, form: Form, authorization: str) -> Answer:
        """Status and JSON object for a form that was posted, with its Authorization header."""
        with self._lock:
            try:
                if path == INTROSPECTION_PATH:
                    return 200, self._introspect(form)
                if path == TOKEN_PATH:
                    return 200, self._issue(form, authorization)
            except RefusedError as refused:
                return refused.status, {"error": str(refused)}
        return 404, {"error": "not found"}

    def _introspect(self, form: Form) -> Mapping[str, object]:
        """RFC 7662, 2.2."""
        client, ends = self._tokens.get(form.get("token", ""), (None, 0.0))
        if client is None or time.monotonic() >= ends:
            return {"active": False}
        return {"active": True, "username": client.username, "client_id": client.client_id}

    def _issue(self, form: Form, authorization: str) -> Mapping[str, object]:
        """RFC 6749, 5.1."""
        client_id, client_secret = credentials(form, authorization)
        client = self._clients.get(client_id)
        if client:
            client.requests.append(form)
        if client is None or client.client_secret != client_secret:
            raise RefusedError("invalid_client", 401)
        grant = GRANTS.get(form.get("grant_type", ""))
        if grant is None:
            raise RefusedError("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        more = grant(client, form)
        token = self._signed(client) if client.audience else new_secret(24)
        self._tokens[token] = (client, time.monotonic() + client.lifetime_seconds)
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(client.lifetime_seconds), **more}

    def _signed(self, client: Client) -> str:
        """RFC 9068."""
        now = int(time.time())
        claims = {"iss": self.token_url, "sub": client.username, "aud": client.audience, "scope": "kafka", "iat": now}
        claims |= {"exp": now + int(client.lifetime_seconds), "jti": secrets.token_hex(8)}
        return jwt.encode({"alg": "RS256", "kid": "1", "typ": "at+jwt"}, claims, self._key)

    def keys(self) -> Mapping[str, object]:
        """RFC 7517, section 5."""
        return {"keys": [self._key.as_dict(private=False)]}

    def _server(self, tls: ssl.SSLContext | None) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer((HOST, 0), _handler(self.answer, self.keys))
        if tls:
            # The handshake is then made by the thread that serves the connection.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, name="oauth", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _handler(
    answer: Callable[[str, Form, str], Answer], keys: Callable[[], Mapping[str, object]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", 0)), _BODY_LIMIT)
            form = dict(parse_qsl(self.rfile.read(length).decode("utf-8", "replace")))
            self._send(*answer(self.path, form, self.headers.get("Authorization", "")))

        def do_GET(self) -> None:
            self._send(*((200, keys()) if self.path == KEYS_PATH else (404, {"error": "not found"})))

        def _send(self, status: int, body: Mapping[str, object]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(content)))
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="oauth"')
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing: tests ask `requests`."""

    return Handler
