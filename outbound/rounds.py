"""Several quick connections of one server, used by one thread: each gets a message, then their replies are read.

One write to the ledger serves a round, and nothing is handed over between threads.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

from outbound.cpu import counted
from outbound.results import Results
from outbound.server_connection import QUICK_SECONDS, Begun, ServerConnection

RecordEach = Callable[[Sequence[Results]], Sequence[Exception | None]]  # `ResultRecorder.record_each`
_Round = dict[ServerConnection, Begun]


def send_in_rounds(connections: Sequence[ServerConnection], record_each: RecordEach) -> None:
    """Send what these connections have taken. Where one has to wait for something, each goes on in its own thread."""
    late: _Round = {}
    borrowed = [connection for connection in connections if connection.borrow()]
    has_all = len(borrowed) == len(connections)
    try:
        while has_all and not late and (due := [connection for connection in connections if connection.has_next]):
            begun = {connection: one for connection in due if (one := connection.begin_next()) is not None}
            late = _not_ready(begun)
            _finish({connection: one for connection, one in begun.items() if connection not in late}, record_each)
            if len(begun) < len(due) or not all(connection.is_quick for connection in due):
                break
    finally:
        for connection in borrowed:
            one = late.get(connection)
            connection.give_back(partial(_finish, {connection: one}, record_each) if one is not None else None)


def _not_ready(begun: _Round) -> _Round:
    """Those that are not simply taken soon: what a server says then, or what is to be said to it, takes its time."""
    until = time.monotonic() + QUICK_SECONDS
    return {
        connection: one
        for connection, one in begun.items()
        if not connection.is_ready(max(0.0, until - time.monotonic()))
    }


def _finish(begun: _Round, record_each: RecordEach) -> None:
    answered = [(connection, one, sent) for connection, one in begun.items() if (sent := connection.finish(one))]
    with counted("record"):
        errors = record_each([sent.results for _, _, sent in answered])
    for (connection, one, sent), error in zip(answered, errors, strict=True):
        connection.conclude(one, sent, error)
