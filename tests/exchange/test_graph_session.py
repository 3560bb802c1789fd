"""A session with Microsoft Graph and servers that mean no good: bounded in time and size, and followed nowhere else."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mailserver.errors import MailServerError
from mailserver.exchange import graph_responses
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.graph import BURST, MINUTES, GraphSession, RequestRate
from schemas.reasons import Reason
from schemas.settings import MapiProfile

Script = Callable[[socket.socket], None]


class Scripted:
    """Each client of its port meets the next script; `asked`: the first lines of the requests."""

    def __init__(self, *scripts: Callable[["Scripted", socket.socket], None]) -> None:
        self.scripts = list(scripts)
        self.asked: list[bytes] = []
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for script in self.scripts:
            try:
                client, _ = self._listener.accept()
                with client:
                    client.settimeout(20)
                    script(self, client)
            except OSError:
                pass  # the client left

    def request(self, client: socket.socket) -> bytes:
        came = b""
        while b"\r\n\r\n" not in came and (piece := client.recv(65536)):
            came += piece
        self.asked.append(came.split(b"\r\n", 1)[0])
        return came

    def close(self) -> None:
        self.over.set()
        self._listener.close()


@pytest.fixture
def session_with() -> Iterator[Callable[..., tuple[GraphSession, Scripted]]]:
    made: list[tuple[GraphSession, Scripted]] = []

    def make(*scripts: Callable[[Scripted, socket.socket], None], seconds: float = 20) -> tuple[GraphSession, Scripted]:
        server = Scripted(*scripts)
        profile = MapiProfile.model_validate(
            {
                "id": "exchange",
                "transport": "graph",
                "tenant": "t",
                "client_id": "c",
                "client_secret": {"env": "NOT_READ"},
                "graph_url": f"http://127.0.0.1:{server.port}/",
                "timeout_seconds": seconds,
            }
        )
        account = ExchangeAccount(profile, "desk@example.test", lambda: "a-token", lambda: False)
        made.append((GraphSession("it", account), server))
        return made[-1]

    yield make
    for session, server in made:
        session.close()
        server.close()


Make = Callable[..., tuple[GraphSession, Scripted]]


def answering(*answers: bytes) -> Callable[[Scripted, socket.socket], None]:
    """One answer a request, and then the end of the connection."""

    def script(server: Scripted, client: socket.socket) -> None:
        for answer in answers:
            server.request(client)
            client.sendall(answer)

    return script


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def dripping(beginning: bytes, drop: bytes) -> Callable[[Scripted, socket.socket], None]:
    """A byte now and then, for ever."""

    def script(server: Scripted, client: socket.socket) -> None:
        server.request(client)
        client.sendall(beginning)
        while not server.over.wait(0.05):
            client.sendall(drop)

    return script


@pytest.mark.parametrize(
    "script",
    [
        dripping(b"HTTP/1.1 200 OK\r\n", b"X"),
        dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
)
def test_a_server_that_sends_a_byte_now_and_then_keeps_nobody(session_with: Make, script: Script) -> None:
    session, _ = session_with(script, seconds=0.5)
    began = time.monotonic()
    with pytest.raises(MailServerError, match="gave no answer within") as caught:
        session.get("/messages")
    assert time.monotonic() - began < 15
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)


def test_an_answer_without_end_is_cut(session_with: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_responses, "MAX_ANSWER_BYTES", 1_000_000)

    def script(server: Scripted, client: socket.socket) -> None:
        server.request(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not server.over.is_set():
            client.sendall(b"ffff\r\n" + b" " * 0xFFFF + b"\r\n")

    session, _ = session_with(script)
    with pytest.raises(MailServerError, match="with more than 1000000 bytes"):
        session.get("/messages")


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"value": ' + b"9" * 10_000 + b"}", b"[]", b"\xff", b'{"value": [', b"<html>"]
)
def test_what_is_no_json_object_is_told(session_with: Make, body: bytes) -> None:
    session, _ = session_with(answering(ok(body)))
    with pytest.raises(MailServerError, match="something that is no JSON"):
        session.get("/messages")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nSubject: a mail\r\n\r\nHello", "has no length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nSubject: a mail\r\n\r\nHello", "too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nSubje\r\n", "too early"),
        (ok(b"<html>log in</html>", b"Content-Type: text/html"), "no JSON"),
        (ok(b"{}", b"Content-Type: application/json"), "something else than what was asked for"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", "asked elsewhere"),
        (b"no HTTP at all\r\n\r\n", "broke"),
    ],
)
def test_a_part_of_a_mail_or_something_else_is_not_taken_for_the_mail(
    session_with: Make, answer: bytes, said: str
) -> None:
    session, _ = session_with(answering(answer))
    with pytest.raises(MailServerError, match=said) as caught:
        b"".join(session.content("/messages/1/$value"))
    assert caught.value.temporary


def test_a_kept_connection_that_the_server_closed_is_made_anew_for_what_only_reads(session_with: Make) -> None:
    session, server = session_with(answering(ok(b'{"id": "1"}')), answering(ok(b'{"id": "2"}')))
    assert session.get("/a").value == {"id": "1"}
    assert session.get("/b").value == {"id": "2"}
    assert [line.split()[1].rpartition(b"/")[2] for line in server.asked] == [b"a", b"b"]


def test_what_changes_something_is_not_sent_twice(session_with: Make) -> None:
    session, server = session_with(answering(ok(b"{}")), answering(ok(b"{}")))
    session.get("/a")
    with pytest.raises(MailServerError):
        session.post("/b", {})
    assert all(b"POST" not in line for line in server.asked)


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.elsewhere.example/v1.0/users/x",
        "http://127.0.0.1:1/v1.0/users/x",
        "http://127.0.0.1:{port}@elsewhere.example/v1.0/users/x",
        "http://a:b@127.0.0.1:{port}/v1.0/users/x",
        "https://127.0.0.1:{port}/v1.0/users/x",
        "http://127.0.0.1:{port}/beta/users/x",
        "http://127.0.0.1:{port}/v1.0/users/x\r\nX-Injected: 1",
        "http://127.0.0.1:{port}/v1.0/users/" + "x" * 10_000,
        "http://[",
        "messages",
        "",
    ],
)
def test_a_link_is_followed_on_the_host_that_was_asked_and_nowhere_else(session_with: Make, link: str) -> None:
    session, server = session_with(answering(ok(b"{}")))
    with pytest.raises(MailServerError, match="where nothing was sent") as caught:
        session.get(link.replace("{port}", str(server.port)))
    assert caught.value.reason is Reason.SECURITY_REFUSED
    assert server.asked == []
    assert session.get(f"http://127.0.0.1:{server.port}/v1.0/users/x?a=b").value == {}


def test_requests_stay_below_what_the_service_allows() -> None:
    now = 0.0
    pace = RequestRate(lambda: now)
    asked: list[float] = []
    for _ in range(4 * BURST):
        now += pace.seconds_to_wait()
        asked.append(now)
    most = max(sum(begin <= at < begin + 60 * MINUTES for at in asked) for begin in asked[::500])
    assert BURST < most <= 10_001
    assert asked[-1] > 60 * MINUTES
