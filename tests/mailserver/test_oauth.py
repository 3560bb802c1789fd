"""OAuth2 tokens from a real token endpoint: both flows, renewed in time, renewed consent outliving a process."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.local.servers.oauth import OAuthServer
from deploy.local.servers.oauth_grants import Client
from mailserver.errors import MailServerError
from mailserver.oauth import FRESH_SECONDS, Tokens
from mailserver.token_store import TopicTokenStore
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from runtime.net.dialling import DEFAULT, refuse_networks
from runtime.security.sealing import make_keys
from schemas.reasons import Reason
from schemas.settings import MailServer
from schemas.topics import SERVER_TOKENS
from tests.mailserver.memory_store import Keys, MemoryStore
from tests.ports import CLOSED_PORT


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client(oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = oauth.register("desk@example.test", lifetime_seconds=3600, rotates=True)
    monkeypatch.setenv("CLIENT_SECRET", client.client_secret or "")
    monkeypatch.setenv("REFRESH_TOKEN", client.refresh_token)
    return client


@pytest.fixture
def server_of(oauth: OAuthServer) -> Callable[..., MailServer]:
    def make(client: Client, **settings: Any) -> MailServer:
        given = {"token_url": oauth.token_url, "client_id": client.client_id, "client_secret": {"env": "CLIENT_SECRET"}}
        values = {"id": "it", "host": "mail.example.test", "username": client.username, "oauth": {**given, **settings}}
        return MailServer.model_validate({**values, "authentication": "sasl-xoauth2"})

    return make


def token(tokens: Tokens, server: MailServer) -> str:
    assert server.oauth is not None
    return tokens.access_token(server, server.oauth)


def test_a_token_by_client_credentials_is_kept_until_shortly_before_its_end(client: Client, server_of: Any) -> None:
    clock = Clock()
    tokens, server = Tokens(Keys(), MemoryStore(), clock), server_of(client, scope="mail")
    first = token(tokens, server)
    clock.now += 3600 - 301
    assert token(tokens, server) == first
    clock.now += 2
    assert token(tokens, server) != first
    assert [dict(form) for form in client.requests] == [
        {
            "grant_type": "client_credentials",
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "scope": "mail",
        }
    ] * 2


def test_a_short_life_is_used_for_three_quarters(oauth: OAuthServer, server_of: Any, monkeypatch: Any) -> None:
    client = oauth.register("desk@example.test", lifetime_seconds=100)
    monkeypatch.setenv("CLIENT_SECRET", client.client_secret or "")
    clock = Clock()
    tokens, server = Tokens(Keys(), MemoryStore(), clock), server_of(client)
    first = token(tokens, server)
    clock.now += 74
    assert token(tokens, server) == first
    clock.now += 2
    assert token(tokens, server) != first


def test_a_renewed_refresh_token_takes_the_place_of_the_configured_one(client: Client, server_of: Any) -> None:
    clock = Clock()
    tokens, server = Tokens(Keys(), MemoryStore(), clock), server_of(client, refresh_token={"env": "REFRESH_TOKEN"})
    for _ in range(3):
        token(tokens, server)
        clock.now += 3600
    used = [form["refresh_token"] for form in client.requests]
    assert len(set(used)) == len(used) == 3


def test_a_new_consent_is_taken_up_where_the_kept_one_is_no_longer_good(
    oauth: OAuthServer, client: Client, server_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    tokens, server = Tokens(Keys(), MemoryStore(), clock), server_of(client, refresh_token={"env": "REFRESH_TOKEN"})
    token(tokens, server)
    oauth.withdraw_consent(client)
    monkeypatch.setenv("REFRESH_TOKEN", client.refresh_token)
    clock.now += 3600
    assert token(tokens, server)


def test_many_threads_ask_once(client: Client, server_of: Any) -> None:
    tokens, server = Tokens(Keys(), MemoryStore()), server_of(client)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(token(tokens, server))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(set(got)), len(got), len(client.requests)) == (1, 20, 1)


def test_whoever_does_not_know_the_secret_gets_no_token_that_others_got(
    client: Client, server_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, server = Tokens(Keys(), MemoryStore()), server_of(client, scope="mail")
    token(tokens, server)
    monkeypatch.setenv("GUESSED", "a guess")
    guessing = server_of(client, scope="mail", client_secret={"env": "GUESSED"})
    with pytest.raises(MailServerError, match="invalid_client"):
        token(tokens, guessing)


def test_a_refused_token_is_dropped_unless_it_is_fresh(client: Client, server_of: Any) -> None:
    clock = Clock()
    tokens, server = Tokens(Keys(), MemoryStore(), clock), server_of(client)
    first = token(tokens, server)
    assert not tokens.forget(server.oauth)
    assert token(tokens, server) == first
    clock.now += FRESH_SECONDS
    assert tokens.forget(server.oauth)
    assert token(tokens, server) != first


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> ProcessConfig:
    make_keys(tmp_path / "key")
    config = ProcessConfig(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, secret_key_file=tmp_path / "key"
    )
    create_topics(config)
    return config


def test_tokens_outlive_the_process_and_stand_nowhere_in_clear(
    client: Client, server_of: Any, config: ProcessConfig, publisher: Publisher
) -> None:
    server = server_of(client, refresh_token={"env": "REFRESH_TOKEN"})
    first = token(Tokens(config, TopicTokenStore(config, publisher.publish)), server)
    with closing(Publisher(config)) as another:
        later = Clock(now=10_000_000_000.0)  # the configured refresh token was used up by the first process
        second = token(Tokens(config, TopicTokenStore(config, another.publish), later), server)
    assert first != second
    written = [record.value or b"" for record in read_to_end(config, [SERVER_TOKENS.name(config.topic_prefix)])]
    assert len(written) == 2
    for secret in (first, second, client.refresh_token):
        assert all(secret.encode() not in value for value in written)


@pytest.mark.parametrize(
    ("settings", "environment", "told"),
    [
        ({}, {"CLIENT_SECRET": "wrong"}, "invalid_client"),
        ({"refresh_token": {"env": "REFRESH_TOKEN"}}, {"REFRESH_TOKEN": "wrong"}, "invalid_grant"),
        ({"client_secret": {"env": "ABSENT"}}, {}, "ABSENT"),
    ],
)
def test_what_is_wrong_with_the_settings_is_told_and_no_secret(
    client: Client, server_of: Any, monkeypatch: Any, settings: Any, environment: dict[str, str], told: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MailServerError) as caught:
        token(Tokens(Keys(), MemoryStore()), server_of(client, **settings))
    assert (caught.value.reason, caught.value.temporary) == (Reason.AUTHENTICATION_REFUSED, False)
    assert told in caught.value.text
    assert "wrong" not in caught.value.text


def test_an_endpoint_of_an_unknown_authority_gets_no_secret(oauth: OAuthServer, client: Client, server_of: Any) -> None:
    with pytest.raises(MailServerError) as caught:
        token(Tokens(Keys(), MemoryStore()), server_of(client, token_url=oauth.tls_token_url))
    assert "cannot be reached" in caught.value.text
    assert client.requests == []
    trusted = server_of(client, token_url=oauth.tls_token_url, ca_file=str(oauth.authority))
    assert token(Tokens(Keys(), MemoryStore()), trusted)


class Misbehaving(BaseHTTPRequestHandler):
    """Answers what its path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body, location = {
            "/busy": (503, b"try later", ""),
            "/garbage": (200, b"\xff\0{", ""),
            "/without": (200, b'{"token_type": "Bearer"}', ""),
            "/two-lines": (200, b'{"access_token": "a\\r\\nDELE 1"}', ""),
            "/endless": (200, b"[" * 1_000_000, ""),
            "/moved": (302, b"", "/token"),
        }[self.path]
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.mark.parametrize(
    ("path", "temporary"),
    [("busy", True), ("garbage", True), ("without", True), ("two-lines", True), ("endless", True), ("moved", False)],
)
def test_an_endpoint_that_misbehaves_is_an_error_in_words(
    client: Client, server_of: Any, path: str, temporary: bool
) -> None:
    endpoint = HTTPServer(("127.0.0.1", 0), Misbehaving)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{endpoint.server_address[1]}/{path}"
    try:
        with pytest.raises(MailServerError) as caught:
            token(Tokens(Keys(), MemoryStore()), server_of(client, token_url=url))
    finally:
        endpoint.shutdown()
        endpoint.server_close()
    assert caught.value.temporary is temporary
    assert caught.value.text.isprintable()
    assert (client.client_secret or "") not in caught.value.text


def test_an_endpoint_that_speaks_no_http_is_an_error_in_words(client: Client, server_of: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"+OK POP3 ready\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/token"
        with pytest.raises(MailServerError) as caught:
            token(Tokens(Keys(), MemoryStore()), server_of(client, token_url=url))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)


SLOW = {  # what comes at once, and what then comes again and again
    "header line": (b"HTTP/1.1 20", b"0"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a header without end": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "body of a refusal": (b"HTTP/1.1 503 Busy\r\nContent-Length: 9999\r\n\r\n", b" "),
    "TLS": (b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb", b"\x03"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_an_endpoint_that_answers_bit_by_bit_has_one_deadline_for_all(
    client: Client, server_of: Any, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.net.token_request.TIMEOUT_SECONDS", 0.4)
    begin, again = SLOW[slow]
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(begin)
                    for _ in range(500):  # ten seconds
                        connection.sendall(again)
                        gone.wait(0.02)
                except OSError:
                    pass  # the client has broken it off

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        scheme = "https" if slow == "TLS" else "http"
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/token"
        started = time.monotonic()
        with pytest.raises(MailServerError, match="no whole answer within") as caught:
            token(Tokens(Keys(), MemoryStore()), server_of(client, token_url=url))
        took = time.monotonic() - started
        gone.set()
        answering.join()
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
    assert took < 5


def test_an_endpoint_at_a_refused_address_is_not_asked(client: Client, server_of: Any) -> None:
    """A name of the machine itself, as foreign DNS may give it."""
    refuse_networks("loopback")
    try:
        with pytest.raises(MailServerError, match="MAILCALL_REFUSED_NETWORKS") as caught:
            token(Tokens(Keys(), MemoryStore()), server_of(client))
    finally:
        refuse_networks(DEFAULT)
    assert not caught.value.temporary
    assert client.requests == []


def test_an_endpoint_that_is_away_is_trouble_that_passes(client: Client, server_of: Any) -> None:
    with pytest.raises(MailServerError) as caught:
        token(Tokens(Keys(), MemoryStore()), server_of(client, token_url=f"http://127.0.0.1:{CLOSED_PORT}/token"))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
