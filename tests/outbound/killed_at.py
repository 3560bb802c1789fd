"""The steps of a send, and outbound as it dies at one of them: `python -m tests.outbound.killed_at`.

Reads lines `[step, number]` from its input, JSON, or `null`. For each it forks outbound as `outbound.__main__` wires
it, which kills itself (SIGKILL) as it comes to that step for the number-th time, or, with `null`, runs until SIGTERM.
Its output is the process id, then, once that has ended, the exit code: negative where a signal ended it.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Literal

from deploy.local.servers.smtp_sink import REAL_SERVERS
from outbound.__main__ import main
from outbound.config import OutboundConfig
from runtime.lifecycle import run

Predicate = Callable[[Sequence[Any], Any], bool]
SECONDS = 60  # the step must have been reached by then; else SIGALRM ends the process


def _always(_arguments: Sequence[Any], _result: Any) -> bool:
    return True


def _said(command: bytes) -> Predicate:
    """Whether `SMTP.send(self, data)` sent this command."""
    return lambda arguments, _: _bytes(arguments[1]).upper().startswith(command)


def _content(arguments: Sequence[Any], _result: Any) -> bool:
    """Whether `SMTP.send(self, data)` sent a mail."""
    return _bytes(arguments[1]).endswith(b"\r\n.\r\n")


def _chunk(arguments: Sequence[Any], _result: Any) -> bool:
    """Whether `SMTP.send(self, data)` sent a mail as a chunk, be it with its envelope."""
    return b"BDAT " in _bytes(arguments[1])


def _code(code: int) -> Predicate:
    """Whether `SmtpConnection.getreply(self)` read a reply of that code."""
    return lambda _, reply: bool(reply[0] == code)


def _taken(_arguments: Sequence[Any], verdicts: Mapping[str, Any]) -> bool:
    """Whether `SmtpTransport.send` came back with a mail sent, be it to one recipient of several."""
    return any(verdict.outcome == "sent" for verdict in verdicts.values())


def _deferred(_arguments: Sequence[Any], verdicts: Mapping[str, Any]) -> bool:
    """Whether `SmtpTransport.send` came back with a mail that is to be tried again for all its recipients."""
    return all(verdict.outcome == "deferred" for verdict in verdicts.values())


def _of_several(arguments: Sequence[Any], _result: Any) -> bool:
    """Whether `_not_ready(begun)` or `ResultRecorder.record_each(self, messages)` was called for several messages."""
    return len(arguments[-1]) > 1


def _published(topic: str) -> Predicate:
    """Whether `Publisher.publish(self, messages)` published something to a topic that is named so."""
    return lambda arguments, _: any(topic in str(message.topic) for message in arguments[1])


def _read_from(topic: str) -> Predicate:
    """Whether `BatchRunner.do(self, records)` was given a record of a topic that is named so."""
    return lambda arguments, _: any(topic in record.topic for record in arguments[1])


def _bytes(data: bytes | str) -> bytes:
    return data.encode("ascii", "replace") if isinstance(data, str) else data


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the call that it is the moment before, after or halfway of: `place` is module and attribute.

    `copies`: how often a mail may arrive that a kill hits here. `in_connection`: the step is of the connection that
    sends the mail, so only other connections can be somewhere else meanwhile. `most`: for so many numbers it is certain
    that a process comes to the step that often. `behind`: it counts only in a process that came to that step before.
    `extensions`: what the servers offer. `in_round`: only where a server has several connections, all of them quick.
    """

    name: str
    place: tuple[str, str]
    moment: Literal["before", "after", "halfway"] = "after"
    counts: Predicate = _always
    copies: int = 1
    in_connection: bool = False
    most: int = 1
    behind: str | None = None
    extensions: tuple[str, ...] = ()
    in_round: bool = False


CONNECTION = ("outbound.server_connection", "ServerConnection._deliver")
SEND = ("outbound.transports.smtp", "SmtpTransport.send")
WIRE, PUBLISH = ("smtplib", "SMTP.send"), ("runtime.kafka.producer", "Publisher.publish")
RECORD = ("outbound.recording", "ResultRecorder.record_each")
COMMIT, WORK = ("kafka", "KafkaConsumer.commit"), ("runtime.processing.batch_runner", "BatchRunner.run")


def _step_of_a_round(
    name: str, place: tuple[str, str], moment: Literal["before", "after"] = "after", copies: int = 1
) -> Step:
    return Step(
        name,
        place,
        moment,
        counts=_of_several,
        copies=copies,
        in_connection=True,
        most=2,
        extensions=REAL_SERVERS,
        in_round=True,
    )


# Order and names as in docs/outgoing-mail.md.
STEPS = (
    Step("record polled", WORK, "before", most=2),
    Step("decoded and planned", ("outbound.planning", "Planner.plan"), most=4),
    Step("mail composed", ("outbound.planning", "compose"), most=4),
    Step("handed to the connection", ("outbound.server_connection", "ServerConnection.take"), most=2),
    Step(
        "connection opened", ("outbound.transports.smtp_connection", "SmtpConnection._get_socket"), in_connection=True
    ),
    Step("TLS agreed", ("outbound.transports.smtp_connection", "_start_tls"), in_connection=True),
    Step("logged in", ("outbound.transports.smtp", "open_connection"), in_connection=True),
    Step("MAIL FROM sent", WIRE, counts=_said(b"MAIL FROM:"), in_connection=True, most=4),
    Step("RCPT TO sent", WIRE, counts=_said(b"RCPT TO:"), in_connection=True, most=4),
    Step(
        "DATA accepted",
        ("outbound.transports.smtp_connection", "SmtpConnection.getreply"),
        counts=_code(354),
        in_connection=True,
        most=4,
    ),
    Step("half of the content sent", WIRE, "halfway", counts=_content, in_connection=True, most=4),
    Step("final dot sent", WIRE, counts=_content, copies=2, in_connection=True, most=4),
    Step("half of a chunk sent", WIRE, "halfway", counts=_chunk, in_connection=True, most=4, extensions=REAL_SERVERS),
    Step("chunk sent", WIRE, counts=_chunk, copies=2, in_connection=True, most=4, extensions=REAL_SERVERS),
    Step("250 read", SEND, counts=_taken, copies=2, in_connection=True, most=4),
    Step("ledger written", CONNECTION, in_connection=True, most=4),
    _step_of_a_round("chunks of a round sent", ("outbound.rounds", "_not_ready"), "before", copies=2),
    _step_of_a_round("replies of a round read", RECORD, "before", copies=2),
    _step_of_a_round("ledger written for a round", RECORD),
    Step("result published", PUBLISH, counts=_published("notification.results"), most=2),
    Step("offset committed", COMMIT, most=2),
    Step("4xx read", SEND, counts=_deferred, in_connection=True),
    Step("deferral published", PUBLISH, counts=_published(".retry")),
    Step("deferral's offset committed", COMMIT, behind="deferral published"),
    Step("deferred record polled", WORK, "before", counts=_read_from(".retry")),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}

# Deferred mails come back soon, so that a test sees what becomes of them: seconds.
SOON = {("outbound.retry_policy", "FIRST_SECONDS"): 0.2, ("outbound.handler", "IN_FLIGHT_SECONDS"): 1.0}

# However slow this machine is, connections count as quick.
QUICK = {
    ("outbound.server_connection", "QUICK_SECONDS"): 10.0,
    ("outbound.rounds", "QUICK_SECONDS"): 10.0,
    ("outbound.delivery", "MARGIN_SECONDS"): 10.0,
    ("outbound.delivery", "STALLED_SECONDS"): 10.0,
    ("outbound.transports.smtp", "_PAUSE_SECONDS"): 30.0,
}


def place_of(module: str, attribute: str) -> tuple[Any, str]:
    """Where an attribute is to be replaced. Raises `AttributeError` where the code does not have it any more."""
    *outer, name = attribute.split(".")
    owner: Any = import_module(module)
    for one in outer:
        owner = getattr(owner, one)
    getattr(owner, name)
    return owner, name


def _watch(step: Step, reached: Callable[[], None]) -> None:
    """Have `reached` called at every call that is the step."""
    owner, name = place_of(*step.place)
    original = getattr(owner, name)

    @wraps(original)
    def watched(*arguments: Any, **named: Any) -> Any:
        if step.moment == "halfway" and step.counts(arguments, None):
            connection, data = arguments
            half = len(data) // 2
            original(connection, data[:half])
            reached()
            return original(connection, data[half:])
        if step.moment == "before" and step.counts(arguments, None):
            reached()
        result = original(*arguments, **named)
        if step.moment == "after" and step.counts(arguments, result):
            reached()
        return result

    setattr(owner, name, watched)


def _die_at(step: Step, number: int) -> None:
    """From now on this process kills itself as it comes to the step for the `number`-th time."""
    lock, armed, left = threading.Lock(), threading.Event(), number

    def reached() -> None:
        nonlocal left
        with lock:
            left -= armed.is_set()
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()  # nothing more of this thread, either

    if step.behind is None:
        armed.set()
    else:
        _watch(BY_NAME[step.behind], armed.set)
    _watch(step, reached)


def _run(doom: tuple[str, int] | None) -> int:
    signal.alarm(SECONDS)
    step = BY_NAME[doom[0]] if doom is not None else None
    for place, seconds in (SOON | (QUICK if step and step.in_round else {})).items():
        setattr(*place_of(*place), seconds)
    if step and doom:
        _die_at(step, doom[1])
    return run("outbound", OutboundConfig, main, argv=[])


def _serve() -> None:
    """One forked process after the other. This one has no second thread, so that forking is safe."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_run(json.loads(line)))
        print(pid, flush=True)  # noqa: T201 - to the test
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    _serve()
