"""A fake of Exchange Web Services, written from Microsoft's published reference of its operations (2013 SP1).

It answers what a mail program needs of folders, items, synchronisation and sending, over HTTP or HTTPS on the
loopback; it lets in by Basic, NTLM or a bearer token; and it fails in every way that is asked of it (`Fault`). Other
programs than Mailcall drive it as well: test_ews_foreign_clients.py.
"""

import base64
import json
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import spnego

from tests.exchange.ews_operations import RESTS, Operations
from tests.exchange.ews_store import EwsError, Mailbox, Store
from tests.exchange.ews_xml import (
    M,
    SoapFaultError,
    T,
    busy,
    envelope,
    error_message,
    messages,
    operation_of,
    soap_fault,
)

DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY success "NoError">]>'


@dataclass
class Fault:
    """What goes wrong with the next requests of one operation ("" for any), so many times.

    status: an HTTP status, with headers. busy: ErrorServerBusy with BackOffMilliseconds (None: without). code: the
    operation's own response code. For the answer, once the operation is done: cut, damaged, doctype, deep, endless,
    lost. unheard: the connection goes before anything is done. call: whatever the test wants, before it is done.
    """

    operation: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    busy: int | None = None
    is_busy: bool = False
    code: str = ""
    answer: Literal["", "cut", "damaged", "holed", "doctype", "deep", "endless", "lost", "no xml"] = ""
    unheard: bool = False
    call: Callable[[], None] | None = None
    times: int = 1

    def meets(self, operation: str) -> bool:
        return self.times > 0 and self.operation in ("", operation)


class EwsServer:
    """Start it with `with`. `url` is what a profile names."""

    def __init__(self, context: ssl.SSLContext | None = None, authentication: str = "basic") -> None:
        self.store = Store()
        self.users: dict[str, tuple[str, str]] = {}  # password and address, by user name
        self.tokens: dict[str, str] = {}  # address, by bearer token
        self.impersonators: set[str] = set()  # addresses
        self.delegates: dict[str, set[str]] = {}  # which mailboxes another one may open, by its address
        self.authentication = authentication
        self.faults: list[Fault] = []
        self.chaos: Callable[[str], Fault | None] = lambda _operation: None  # what else may go wrong with a request
        self.requests: list[str] = []  # operations, as they came
        self.bodies: list[bytes] = []
        self.anchors: list[str] = []
        self.connections = 0
        self.asked_openly: list[bool] = []  # whether Autodiscover was asked without a log-in
        self._context = context
        self._ntlm_users = ""

    def __enter__(self) -> "EwsServer":
        server = self

        class Handler(_Handler):
            ews = server

        self._http = _Http(("127.0.0.1", 0), Handler)
        if self._context is not None:
            self._http.socket = self._context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def host(self) -> str:
        return "localhost" if self._context else "127.0.0.1"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}:{self.port}/EWS/Exchange.asmx"

    def account(self, address: str, password: str = "right", user: str | None = None) -> Mailbox:
        """A mailbox and who may open it."""
        self.users[user or address] = (password, address)
        return self.store.add(address)

    def fail(self, operation: str = "", **what: Any) -> Fault:
        fault = Fault(operation, **what)
        self.faults.append(fault)
        return fault

    def forget_sync_states(self) -> None:
        self.store.era += 1

    @contextmanager
    def ntlm_credentials_of(self, address: str, user: str, password: str = "right") -> Iterator[None]:
        """An account, and where pyspnego looks for the users of its own acceptor."""
        self.account(address, password, user)
        with tempfile.NamedTemporaryFile("w", suffix=".users") as file:
            file.writelines(f"{user.replace(chr(92), ':') if chr(92) in user else ':' + user}:{password}\n"
                            for user, (password, _) in self.users.items())  # fmt: skip
            file.flush()
            before = os.environ.get("NTLM_USER_FILE")
            os.environ["NTLM_USER_FILE"] = file.name
            try:
                yield
            finally:
                os.environ.pop("NTLM_USER_FILE")
                if before is not None:
                    os.environ["NTLM_USER_FILE"] = before

    def next_fault(self, operation: str) -> Fault | None:
        with self.store.lock:
            for fault in self.faults:
                if fault.meets(operation):
                    fault.times -= 1
                    return fault
            return self.chaos(operation)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ews: EwsServer

    def setup(self) -> None:
        super().setup()
        self.user = ""  # of this connection, by NTLM
        self._ntlm: Any = None
        self.ews.connections += 1

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        """Autodiscover version 2: where EWS is, told to anybody."""
        if self.path.lower().startswith("/autodiscover/autodiscover.json"):
            self.ews.asked_openly.append("Authorization" not in self.headers)
            self._answer(200, json.dumps({"Protocol": "EWS", "Url": self.ews.url}).encode(), kind="application/json")
        elif not self._who():
            return
        else:
            self._answer(200, b"<html>the service's page</html>", kind="text/html")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        acting = self._who()
        if acting is None:
            return
        operation = operation_of(body)
        self.ews.requests.append(operation)
        self.ews.bodies.append(body)
        self.ews.anchors.append(self.headers.get("X-AnchorMailbox", ""))
        fault = self.ews.next_fault(operation) or Fault()
        if fault.unheard:
            self._hang_up()
            return
        if fault.call is not None:
            fault.call()
        if fault.status is not None:
            self._answer(fault.status, b"<html>trouble</html>", fault.headers, kind="text/html")
            return
        if fault.is_busy or fault.busy is not None:
            self._answer(500, busy(fault.busy))
            return
        try:
            with self.ews.store.lock:
                if fault.code:
                    raise EwsError(fault.code, f"{fault.code}: as the test wants it.")
                text, status = Operations(self.ews, acting).run(body), 200
        except EwsError as error:
            text, status = _refused(operation, error), 200
        except SoapFaultError as error:
            text, status = soap_fault(error.code, error.text), 500
        self._give(envelope(text), status, fault)

    def _give(self, answer: bytes, status: int, fault: Fault) -> None:
        kind = fault.answer
        if kind == "lost":
            self._hang_up()
        elif kind == "cut":
            self._begin(status, len(answer))
            self.wfile.write(answer[: len(answer) // 2])
            self._hang_up()
        elif kind == "damaged":  # the middle is gone, and the length is that of what is left
            middle = len(answer) // 2
            self._answer(status, answer[: middle - 20] + b"<" + answer[middle + 20 :])
        elif kind == "holed":  # in the same way, so that it is an answer all the same
            middle = len(answer) // 2
            self._answer(status, answer[: middle - 20] + answer[middle + 21 :])
        elif kind == "doctype":
            self._answer(status, DOCTYPE + answer.replace(b"NoError", b"&success;").split(b"?>", 1)[1])
        elif kind == "deep":
            self._answer(status, b"<a>" * 20)
        elif kind == "no xml":
            self._answer(status, b"It works!", kind="text/html")
        elif kind == "endless":
            self._begin(status, 10**15)
            self.wfile.write(answer.split(b"<m:ResponseCode>")[0])
            try:
                while True:
                    self.wfile.write(b"<!-- and on -->" * 10_000)
            except OSError:
                self._hang_up()
        else:
            self._answer(status, answer)

    def _begin(
        self, status: int, length: int, headers: dict[str, str] | None = None, kind: str = "text/xml; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, kind: str = "text/xml; charset=utf-8"
    ) -> None:
        self._begin(status, len(body), headers, kind)
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()

    def _who(self) -> str | None:
        """The address of the account that asks; None where it was answered with 401."""
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        kind = self.ews.authentication
        if kind == "ntlm" and self.user:
            return self.ews.users[self.user][1]
        if kind == "bearer" and scheme.lower() == "bearer" and given in self.ews.tokens:
            return self.ews.tokens[given]
        if kind == "basic" and scheme.lower() == "basic":
            user, _, password = base64.b64decode(given).decode("utf-8").partition(":")
            if self.ews.users.get(user, ("", ""))[0] == password and password:
                return self.ews.users[user][1]
        if kind == "ntlm" and scheme.upper() == "NTLM":
            return self._ntlm_step(base64.b64decode(given))
        offer = {"basic": 'Basic realm="ews"', "ntlm": "NTLM", "bearer": 'Bearer client_id="ews"'}[kind]
        self._answer(401, b"", {"WWW-Authenticate": offer})
        return None

    def _ntlm_step(self, token: bytes) -> str | None:
        if self._ntlm is None:
            self._ntlm = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        try:
            answer = self._ntlm.step(token)
        except spnego.exceptions.SpnegoError:
            self._ntlm = None
            self._answer(401, b"", {"WWW-Authenticate": "NTLM"})
            return None
        if not self._ntlm.complete:
            self._answer(401, b"", {"WWW-Authenticate": f"NTLM {base64.b64encode(answer).decode()}"})
            return None
        principal = self._ntlm.client_principal
        names = {name.lower(): name for name in self.ews.users}
        self.user = names.get(principal.lower()) or names[principal.rpartition("\\")[2].lower()]
        return self.ews.users[self.user][1]


def _refused(operation: str, error: EwsError) -> str:
    message = messages(operation, [error_message(error.code, error.text, RESTS.get(operation, ""))])
    return f'<m:{operation}Response xmlns:m="{M}" xmlns:t="{T}">{message}</m:{operation}Response>'
