"""How each outgoing server is: in trouble or not, since when, and until when it is left alone."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mailserver.errors import MailServerError
from outbound.results import SOURCE
from runtime.metrics import OUTGOING_SERVER_UP
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
_STATES: Mapping[Reason, ServerState] = {
    Reason.AUTHENTICATION_REFUSED: "authentication-refused",
    Reason.ACCOUNT_LIMITED: "throttled",
}


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """A server that does not take mail now. Until `until` nobody tries it; then one mail does."""

    server: OutgoingServer
    reason: Reason
    text: str
    failures: int
    until: datetime


class CircuitBreakers:
    """The states of all outgoing servers. Every method may be called from any thread."""

    def __init__(self, secret_ends: Callable[[OutgoingServer], date | None] = lambda _server: None) -> None:
        """`secret_ends`: the day that a server's secret ends, where that is near."""
        self._secret_ends = secret_ends
        self._profiles: dict[str, MapiProfile] = {}
        self._lock = threading.Lock()
        self._troubles: dict[str, OpenCircuit] = {}
        self._statuses: dict[str, ServerStatus] = {}
        self._changed: dict[str, ServerStatus] = {}

    def trouble(self, server: OutgoingServer, now: datetime) -> OpenCircuit | None:
        """Why the server is to be left alone now, or None. A server whose settings were changed is tried at once."""
        trouble = self._troubles.get(server.id)
        if trouble is None or now >= trouble.until or trouble.server != server:
            return None
        return trouble

    def succeeded(self, server: OutgoingServer, now: datetime) -> None:
        """The server took a mail, or refused it for that mail's own sake."""
        status, ends = self._statuses.get(server.id), self._secret_ends(server)
        if status is not None and (status.state, status.secret_ends) == ("connected", ends):
            return
        with self._lock:
            self._troubles.pop(server.id, None)
            self._set(ServerStatus(
                server_id=server.id, direction="outgoing", state="connected", since=now, last_success=now,
                secret_ends=ends,
            ))  # fmt: skip

    def failed(self, server: OutgoingServer, error: MailServerError, now: datetime) -> None:
        """The server could not be used. It is left alone for 15 s, twice as long each time, up to 5 minutes.

        Where it is the account that may not send now, up to an hour; as long as the server asked for, if it did.
        """
        with self._lock:
            earlier = self._troubles.get(server.id)
            failures = earlier.failures + 1 if earlier is not None and earlier.server == server else 1
            longest = LIMITED_HOLD if error.reason is Reason.ACCOUNT_LIMITED else LONGEST_HOLD
            asked = timedelta(seconds=min(error.after, longest.total_seconds()))
            hold = max(asked, min(FIRST_HOLD * 2 ** min(failures - 1, 8), longest))
            self._troubles[server.id] = OpenCircuit(server, error.reason, str(error), failures, now + hold)
            before = self._statuses.get(server.id)
            state = _STATES.get(error.reason, "unreachable")
            if before is None or (before.state, before.reason) != (state, error.reason):
                self._set(ServerStatus(
                    server_id=server.id, direction="outgoing", state=state, since=now, reason=error.reason,
                    last_success=before.last_success if before else None, last_error=str(error),
                    secret_ends=self._secret_ends(server),
                ))  # fmt: skip

    def settings_changed(self, settings: SettingsSnapshot) -> None:
        """What is known of servers that these settings do not have is known no longer, nor what trouble there was with
        a MAPI profile that is another one now."""
        profiles = {profile.id: profile for profile in settings.all_of(MapiProfile)}
        with self._lock:
            self._troubles = {
                id_: trouble
                for id_, trouble in self._troubles.items()
                if (name := trouble.server.profile or "") == "" or profiles.get(name) == self._profiles.get(name)
            }
            self._profiles = profiles
            for server_id in [one for one in self._statuses if settings.outgoing_server(one) is None]:
                del self._statuses[server_id]
                self._troubles.pop(server_id, None)
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


def status_message(status: ServerStatus) -> OutputRecord:
    """The record that tells how a server is."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=event_id(status.server_id, f"{status.state}/{status.since.isoformat()}"),
        source=SOURCE,
        time=status.since,
    )
