"""How an incoming server is: what the next `server.status` record says, and whether there is one to write at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mailserver.errors import MailServerError
from schemas.reasons import Reason
from schemas.servers import ServerState, ServerStatus

REFRESH = timedelta(minutes=10)  # an unchanged state is written again for its last success, no more often than this

SUCCESSES: frozenset[ServerState] = frozenset({"connected", "idle"})

_STATES: Mapping[Reason, ServerState] = {
    Reason.AUTHENTICATION_REFUSED: "authentication-refused",
    Reason.SERVER_DEFERRED: "throttled",
}


def state_after(error: MailServerError) -> ServerState:
    """The state that a failure leads to."""
    return _STATES.get(error.reason, "unreachable")


@dataclass(frozen=True, slots=True)
class StatusTracker:
    """What was last written. `moved` gives the tracker after something happened, and the status to write or None."""

    server_id: str
    written: ServerStatus | None = None
    written_at: datetime | None = None

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
        """`connected` and `idle` are successes. Nothing is written while state, reason, mails that are not given and
        the secret's end stay, but for `REFRESH`."""
        before = self.written
        reason = error.reason if error else None
        succeeded = state in SUCCESSES
        same = before is not None and (before.state, before.reason) == (state, reason)
        told = same and before is not None and (before.not_given, before.secret_ends) == (not_given, secret_ends)
        if told and not (succeeded and self.written_at is not None and now - self.written_at >= REFRESH):
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
        return replace(self, written=status, written_at=now), status
