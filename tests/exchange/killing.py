"""The fakes of Exchange with all their faults at once, which kill a process while it asks them something.

A step is a request of the process, by a regular expression: method and path with Graph, the operation with EWS. What
was asked for is done all the same, or it is not; nobody hears which.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Protocol

from deploy.local.servers.certificates import Certificates
from schemas.settings import MapiProfile, Secret
from tests.exchange.authority import Authority
from tests.exchange.ews_chaos import let_loose
from tests.exchange.ews_server import EwsServer, Fault
from tests.exchange.graph_server import FAULTS, VERSION, Answer, Asked, GraphServer

SECRET, SECRET_VARIABLE = "s3cret-of-exchange", "TEST_EXCHANGE_SECRET"
PROFILE = "exchange"


@dataclass
class Doom:
    """`number`: at which of the requests that fit. `is_done`: whether what it asks for is done."""

    victim: str
    request: str
    number: int
    is_done: bool
    met: threading.Event = field(default_factory=threading.Event)


class Killer:
    """Asked by all threads of a server. `kill`: by the victim's name."""

    def __init__(self) -> None:
        self.kill: Callable[[str], None] = lambda _victim: None
        self._doom: Doom | None = None
        self._lock = threading.Lock()

    def arm(self, doom: Doom) -> None:
        with self._lock:
            self._doom = doom

    def lets(self, request: str) -> bool:
        """Whether the server is to do what is asked. Back only once whoever asked is dead, if it is to die now."""
        with self._lock:
            doom = self._doom
            if doom is None or not re.fullmatch(doom.request, request):
                return True
            doom.number -= 1
            if doom.number:
                return True
            self._doom = None
            self.kill(doom.victim)
        doom.met.set()
        return doom.is_done


class Left(Protocol):
    """A mail that left the mailbox."""

    @property
    def recipients(self) -> tuple[str, ...]: ...
    @property
    def raw(self) -> bytes: ...


class Exchange(Protocol):
    """A server with one mailbox. `steps`: by victim, those that matter most first. `troubles`: faults so far."""

    killer: Killer
    steps: Mapping[str, Sequence[str]]

    @property
    def troubles(self) -> int: ...
    @property
    def left(self) -> Collection[Left]: ...
    def profile(self) -> MapiProfile: ...
    def running(self) -> AbstractContextManager[object]: ...
    def put(self, raw: bytes) -> None:
        """Into the inbox."""

    def folder(self, name: str) -> list[bytes]:
        """The mails of a folder, by its well-known name."""


class KillingGraph(GraphServer):
    """Logged in to at `authority` by a secret."""

    steps: Mapping[str, Sequence[str]] = {
        "ingest": (r"POST /users/.*/move", r"GET /users/.*/\$value", r"GET /users/.*/delta"),
        "outbound": (
            r"POST /users/.*/send",
            r"POST /users/[^/]*/messages",
            r"PATCH /users/[^/]*/messages/.*",
            r"GET /users/[^/]*/messages",
        ),
    }

    def __init__(self, address: str, authority: Authority, chance: float) -> None:
        super().__init__([address], certificates=authority.certificates)
        authority.secret = SECRET
        self.faults, self.slow_seconds = dict.fromkeys(FAULTS, chance), 0.01
        self.killer = Killer()
        self._authority = authority

    @property
    def troubles(self) -> int:
        return self.happened.total()

    @property
    def left(self) -> Collection[Left]:
        return self.sent

    def profile(self) -> MapiProfile:
        secret = Secret(env=SECRET_VARIABLE)
        return MapiProfile(
            **self._authority.profile(id=PROFILE, graph_url=self.url, client_secret=secret, timeout_seconds=10)
        )

    def put(self, raw: bytes) -> None:
        self.mailbox.put(raw)

    def folder(self, name: str) -> list[bytes]:
        return [item.raw for item in self.mailbox.mails(name)]

    def answer(self, asked: Asked) -> Answer | None:
        is_done = self.killer.lets(f"{asked.method} {asked.path.removeprefix(VERSION)}")
        return super().answer(asked) if is_done else None


class KillingEws(EwsServer):
    """Logged in to by a password, over TLS."""

    steps: Mapping[str, Sequence[str]] = {
        "ingest": ("DeleteItem", "GetItem", "SyncFolderItems"),
        "outbound": ("SendItem", "CreateItem", "FindItem"),
    }

    def __init__(self, address: str, certificates: Certificates, chance: float) -> None:
        super().__init__(certificates.context())
        self._box = self.account(address, SECRET)
        self._certificates = certificates
        self.troubles = 0
        self.killer = Killer()
        let_loose(self, Random(18), chance)
        trouble = self.chaos

        def chaos(operation: str) -> Fault | None:
            if not self.killer.lets(operation):
                return Fault(unheard=True)
            fault = trouble(operation)
            self.troubles += fault is not None
            return fault

        self.chaos = chaos

    @property
    def left(self) -> Collection[Left]:
        return self.store.sent

    def profile(self) -> MapiProfile:
        return MapiProfile(
            id=PROFILE,
            transport="ews",
            url=self.url,
            authentication="basic",
            username=self._box.address,
            password=Secret(env=SECRET_VARIABLE),
            ca_file=str(self._certificates.authority),
            timeout_seconds=10,
        )

    @contextmanager
    def running(self) -> Iterator["KillingEws"]:
        with self:
            yield self

    def put(self, raw: bytes) -> None:
        with self.store.lock:
            self._box.deliver(raw).received = datetime.now(UTC)  # nobody is answered after days

    def folder(self, name: str) -> list[bytes]:
        with self.store.lock:
            return [item.raw for item in self._box.by_name[name].items.values()]
