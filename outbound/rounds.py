"""Several quick connections of one server, used by one thread: each gets a message, then their replies are read.

One write to the ledger serves a round, and nothing is handed over between threads.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from outbound.cpu import counted
from outbound.results import Results
from outbound.server_connection import QUICK_SECONDS, Begun, ServerConnection

RecordEach = Callable[[Sequence[Results]], Sequence[Exception | None]]  # `ResultRecorder.record_each`
_Round = list[tuple[ServerConnection, Begun]]


def send_in_rounds(connections: Sequence[ServerConnection], record_each: RecordEach) -> None:
    """Send what these connections have taken. They go on by themselves where one has to wait for something else."""
    with ExitStack() as turns:
        for connection in connections:
            turns.enter_context(connection.turn)
        is_usual = True
        while is_usual and (due := [connection for connection in connections if connection.has_next]):
            tried = [(connection, connection.begin_next()) for connection in due]
            begun = [(connection, one) for connection, one in tried if one is not None]
            for part in _as_replied(begun):
                _finish(part, record_each)
            is_usual = len(begun) == len(due) and all(connection.is_quick for connection in due)
    for connection in connections:
        connection.go_on()


def _as_replied(begun: _Round) -> Iterator[_Round]:
    """Those whose replies come soon together; each of the others, once these are recorded."""
    until = time.monotonic() + QUICK_SECONDS
    soon: _Round = []
    late: _Round = []
    for one in begun:
        is_soon = one[0].has_reply(max(0.0, until - time.monotonic()))
        (soon if is_soon else late).append(one)
    yield soon
    for one in late:
        yield [one]


def _finish(begun: _Round, record_each: RecordEach) -> None:
    finished = [(connection, one, connection.finish(one)) for connection, one in begun]
    answered = [(connection, one, sent) for connection, one, sent in finished if sent is not None]
    with counted("record"):
        errors = record_each([sent.results for _, _, sent in answered])
    for (connection, one, sent), error in zip(answered, errors, strict=True):
        connection.conclude(one, sent, error)
