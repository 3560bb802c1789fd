"""What /metrics says of each incoming server, at the replica that watches it and nowhere else."""

from datetime import datetime

from ingest.status import SUCCESSES
from runtime.metrics import (
    INCOMING_SERVER_BACKLOG,
    INCOMING_SERVER_LAST_SUCCESS,
    INCOMING_SERVER_NOT_GIVEN,
    INCOMING_SERVER_UP,
)
from schemas.servers import ServerState

_ALL = (INCOMING_SERVER_UP, INCOMING_SERVER_LAST_SUCCESS, INCOMING_SERVER_BACKLOG, INCOMING_SERVER_NOT_GIVEN)


def show(server_id: str, state: ServerState, now: datetime, backlog: int | None, not_given: int) -> None:
    """A backlog of None leaves the one that was shown: it is not known anew."""
    INCOMING_SERVER_UP.labels(server_id).set(state in SUCCESSES)
    if state in SUCCESSES:
        INCOMING_SERVER_LAST_SUCCESS.labels(server_id).set(now.timestamp())
    if backlog is not None:
        INCOMING_SERVER_BACKLOG.labels(server_id).set(backlog)
    INCOMING_SERVER_NOT_GIVEN.labels(server_id).set(not_given)


def forget(server_id: str) -> None:
    """The server is another replica's from now on, or nobody's."""
    for gauge in _ALL:
        gauge.remove(server_id)
