"""The status of an incoming server: on `server.status`, if it has changed, and on /metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ingest import records
from ingest.connectors.owed import named
from ingest.context import WatcherContext
from mailserver.errors import MailServerError
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import (
    INCOMING_SERVER_BACKLOG,
    INCOMING_SERVER_LAST_SUCCESS,
    INCOMING_SERVER_NOT_GIVEN,
    INCOMING_SERVER_UP,
)
from schemas.reasons import Reason
from schemas.servers import MailboxCursor, ServerState, ServerStatus
from schemas.settings import IncomingServer

log = get_logger(__name__)

REFRESH = timedelta(minutes=10)  # an unchanged state is published again for its last success, at most this often

SUCCESSES: frozenset[ServerState] = frozenset({"connected", "idle"})

_GAUGES = (INCOMING_SERVER_UP, INCOMING_SERVER_LAST_SUCCESS, INCOMING_SERVER_BACKLOG, INCOMING_SERVER_NOT_GIVEN)
_STATES: Mapping[Reason, ServerState] = {
    Reason.AUTHENTICATION_REFUSED: "authentication-refused",
    Reason.SERVER_DEFERRED: "throttled",
}


def state_after(error: MailServerError) -> ServerState:
    """The state that a failure leads to."""
    return _STATES.get(error.reason, "unreachable")


@dataclass(frozen=True, slots=True)
class StatusTracker:
    """What was last published. `moved` gives the next tracker, and the status to publish or None."""

    server_id: str
    published: ServerStatus | None = None
    published_at: datetime | None = None

    def moved(
        self,
        state: ServerState,
        now: datetime,
        *,
        error: MailServerError | None = None,
        backlog: int | None = None,
        left_alone: int | None = None,
        not_given: tuple[str, ...] = (),
        secret_ends: date | None = None,
    ) -> "tuple[StatusTracker, ServerStatus | None]":
        """`connected` and `idle` are successes. Nothing is published as long as state, reason, messages that are not
        given and the secret's end stay, except after `REFRESH`."""
        before = self.published
        reason = error.reason if error else None
        succeeded = state in SUCCESSES
        same = before is not None and (before.state, before.reason) == (state, reason)
        unchanged = same and before is not None and (before.not_given, before.secret_ends) == (not_given, secret_ends)
        if unchanged and not (succeeded and self.published_at is not None and now - self.published_at >= REFRESH):
            return self, None
        status = ServerStatus(
            server_id=self.server_id,
            direction="incoming",
            state=state,
            since=before.since if same and before else now,
            last_success=now if succeeded else before.last_success if before else None,
            last_error=error.text if error else None,
            reason=reason,
            backlog=backlog,
            left_alone=left_alone,
            not_given=not_given,
            secret_ends=secret_ends,
        )
        return replace(self, published=status, published_at=now), status


class StatusReporter:
    """Publishes the status of one server. Used by one thread."""

    def __init__(self, server: IncomingServer, context: WatcherContext) -> None:
        self._server = server
        self._context = context
        self._tracker = StatusTracker(server.id)

    def report(
        self,
        state: ServerState,
        cursor: MailboxCursor | None,
        *,
        error: MailServerError | None = None,
        backlog: int | None = None,
    ) -> bool:
        """Whether the status had changed and was published. If the broker is unavailable, it is published later."""
        now, owed = self._context.now(), cursor.owed if cursor else ()
        show(self._server.id, state, now, backlog, len(owed))
        tracker, status = self._tracker.moved(
            state,
            now,
            error=error,
            backlog=backlog,
            left_alone=cursor.left_alone if cursor else None,
            not_given=named(owed),
            secret_ends=self._context.secret_ends(self._server),
        )
        if status is None:
            return False
        try:
            self._context.send(self._server.id, [records.status_record(status, self._context.now())])
        except OutageError as outage:
            log.info("a status could not be published", server=self._server.id, state=state, why=str(outage))
            return False
        self._tracker = tracker
        return True


def show(server_id: str, state: ServerState, now: datetime, backlog: int | None, not_given: int) -> None:
    """On /metrics. A backlog of None leaves the one that is shown: it is not known again."""
    INCOMING_SERVER_UP.labels(server_id).set(state in SUCCESSES)
    if state in SUCCESSES:
        INCOMING_SERVER_LAST_SUCCESS.labels(server_id).set(now.timestamp())
    if backlog is not None:
        INCOMING_SERVER_BACKLOG.labels(server_id).set(backlog)
    INCOMING_SERVER_NOT_GIVEN.labels(server_id).set(not_given)


def forget(server_id: str) -> None:
    """Take the server from /metrics: another instance watches it from now on, or none."""
    for gauge in _GAUGES:
        gauge.remove(server_id)
