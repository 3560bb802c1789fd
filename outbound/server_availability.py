"""Whether an outgoing server may be used now: its circuit breaker, its rate limit, and the status that is published."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from mailserver.errors import MailServerError
from outbound.results import SOURCE
from runtime.backoff import doubled
from runtime.telemetry.metrics import OUTGOING_SERVER_UP
from schemas.ids import event_id
from schemas.reasons import Reason
from schemas.servers import ServerState, ServerStatus
from schemas.settings import MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_STATUS
from schemas.wire import OutputRecord, encode

FIRST_HOLD = timedelta(seconds=15)
LONGEST_HOLD = timedelta(minutes=5)
LIMITED_HOLD = timedelta(hours=1)  # longest, where the account has used up its quota: asking often prolongs some blocks
MINUTE = 60.0
_STATES: Mapping[Reason, ServerState] = {
    Reason.AUTHENTICATION_REFUSED: "authentication-refused",
    Reason.ACCOUNT_LIMITED: "throttled",
}


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """A server that does not take messages now. Nothing is sent to it before `until`; then one message tries it."""

    server: OutgoingServer
    reason: Reason
    text: str
    failures: int
    until: datetime


class CircuitBreakers:
    """One for each outgoing server, with its status. Every method may be called from any thread."""

    def __init__(self, secret_ends: Callable[[OutgoingServer], date | None] = lambda _server: None) -> None:
        """`secret_ends`: the day that a server's secret ends, where that is near."""
        self._secret_ends = secret_ends
        self._profiles: dict[str, MapiProfile] = {}
        self._lock = threading.Lock()
        self._circuits: dict[str, OpenCircuit] = {}
        self._statuses: dict[str, ServerStatus] = {}
        self._changed: dict[str, ServerStatus] = {}

    def open_circuit(self, server: OutgoingServer, now: datetime) -> OpenCircuit | None:
        """Why the server is not to be used now, or None. A server whose settings were changed is tried at once."""
        circuit = self._circuits.get(server.id)
        if circuit is None or now >= circuit.until or circuit.server != server:
            return None
        return circuit

    def succeeded(self, server: OutgoingServer, now: datetime) -> None:
        """The server took a message, or refused it for that message's own sake."""
        status, ends = self._statuses.get(server.id), self._secret_ends(server)
        if status is not None and (status.state, status.secret_ends) == ("connected", ends):
            return
        with self._lock:
            self._circuits.pop(server.id, None)
            self._set(ServerStatus(
                server_id=server.id, direction="outgoing", state="connected", since=now, last_success=now,
                secret_ends=ends,
            ))  # fmt: skip

    def failed(self, server: OutgoingServer, error: MailServerError, now: datetime) -> None:
        """The server could not be used. It is not tried for 15 s, twice as long each time, up to 5 minutes.

        Where it is the account that may not send now, up to an hour; as long as the server asked for, if it did.
        """
        with self._lock:
            earlier = self._circuits.get(server.id)
            failures = earlier.failures + 1 if earlier is not None and earlier.server == server else 1
            longest = LIMITED_HOLD if error.reason is Reason.ACCOUNT_LIMITED else LONGEST_HOLD
            asked = timedelta(seconds=min(error.after, longest.total_seconds()))
            hold = max(asked, timedelta(seconds=doubled(failures, FIRST_HOLD.total_seconds(), longest.total_seconds())))
            self._circuits[server.id] = OpenCircuit(server, error.reason, str(error), failures, now + hold)
            before = self._statuses.get(server.id)
            state = _STATES.get(error.reason, "unreachable")
            if before is None or (before.state, before.reason) != (state, error.reason):
                self._set(ServerStatus(
                    server_id=server.id, direction="outgoing", state=state, since=now, reason=error.reason,
                    last_success=before.last_success if before else None, last_error=str(error),
                    secret_ends=self._secret_ends(server),
                ))  # fmt: skip

    def settings_changed(self, settings: SettingsSnapshot) -> None:
        """Forgets servers that these settings do not have, and closes the circuit where a server's MAPI profile has
        changed."""
        profiles = {profile.id: profile for profile in settings.all_of(MapiProfile)}
        with self._lock:
            self._circuits = {
                id_: circuit
                for id_, circuit in self._circuits.items()
                if (name := circuit.server.profile or "") == "" or profiles.get(name) == self._profiles.get(name)
            }
            self._profiles = profiles
            for server_id in [id_ for id_ in self._statuses if settings.outgoing_server(id_) is None]:
                del self._statuses[server_id]
                self._circuits.pop(server_id, None)
                self._changed.pop(server_id, None)
                OUTGOING_SERVER_UP.remove(server_id)

    def take_changes(self) -> tuple[ServerStatus, ...]:
        """The statuses that changed since they were last taken, each in its latest form."""
        with self._lock:
            changed, self._changed = self._changed, {}
        return tuple(changed.values())

    def _set(self, status: ServerStatus) -> None:
        self._statuses[status.server_id] = self._changed[status.server_id] = status
        OUTGOING_SERVER_UP.labels(status.server_id).set(status.state == "connected")


def status_record(status: ServerStatus) -> OutputRecord:
    """The record on `server.status` that reports how a server is."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=event_id(status.server_id, f"{status.state}/{status.since.isoformat()}"),
        source=SOURCE,
        time=status.since,
    )


@dataclass(slots=True)
class _RateWindow:
    """`begun`: when the messages of the last minute were begun. `end`: when the last one that was put off has its
    turn."""

    begun: deque[float] = field(default_factory=deque)
    end: float = 0.0


class RateLimiter:
    """The rate limits (`mails_per_minute`) of all servers. Used by one thread.

    Each instance takes of a server's limit the part that it has of the work: `share`, from 0 to 1. `clock` in seconds.
    """

    def __init__(self, share: Callable[[], float], clock: Callable[[], float]) -> None:
        self._share = share
        self._clock = clock
        self._windows: dict[str, _RateWindow] = {}

    def seconds_to_wait(self, server: OutgoingServer) -> float:
        """0 for a message that may be sent now, which is counted; else after how long it may ask again.

        Never more than the limit within any minute, also after a pause. Those that have to wait get their turns one
        after the other.
        """
        if not server.mails_per_minute:
            return 0.0
        limit = max(1, int(server.mails_per_minute * self._share()))
        now, window = self._clock(), self._windows.setdefault(server.id, _RateWindow())
        while window.begun and window.begun[0] <= now - MINUTE:
            window.begun.popleft()
        if len(window.begun) < limit:
            window.begun.append(now)
            return 0.0
        window.end = max(window.end + MINUTE / limit, window.begun[-limit] + MINUTE)
        return window.end - now
