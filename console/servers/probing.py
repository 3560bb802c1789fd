"""Sending a probe through an outgoing server and waiting until an incoming one has fetched it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.errors import UserError
from console.servers.probe import Row, compared, is_probe
from console.servers.server_tests import ServerTestResponse, ask
from console.topics.responses import new_records, tail
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from schemas.fetched import open_fetched
from schemas.servers import ServerTest
from schemas.settings import IncomingServer, OutgoingServer
from schemas.topics import MAIL_FETCHED
from schemas.wire import UndecodableError

if TYPE_CHECKING:
    from kafka import KafkaConsumer


@dataclass(frozen=True, slots=True)
class Probed:
    """What the test of sending found, and what became of the mail; `note` says why there is nothing to compare."""

    answer: ServerTestResponse
    rows: tuple[Row, ...] = ()
    note: str = ""


def address_to_probe(server: IncomingServer) -> str:
    """Where a mail reaches the server's mailbox. Raises `UserError` where its settings do not say it."""
    if not server.enabled:
        raise UserError(f"{server.id} is disabled, so nobody fetches from it", "enable it, or probe with another one")
    address = server.mailbox or server.username or ""
    if "@" not in address:
        raise UserError(
            f"the settings of {server.id} do not say its mailbox's address",
            "give the address that the mail is to go to",
        )
    return address


def probe(
    config: ProcessConfig,
    publisher: Publisher,
    outgoing: OutgoingServer,
    incoming: IncomingServer,
    asked: ServerTest,
    now: datetime,
    seconds: float,
) -> Probed:
    """Waits `seconds` for the test's answer and as long again for the mail.

    Raises `OutageError`, `TopicMissingError`.
    """
    with tail(config, "probe", [MAIL_FETCHED.name(config.topic_prefix)]) as consumer:
        answer = ask(config, publisher, outgoing, asked, now, seconds)
        if answer.result is None or not answer.result.ok or not answer.result.sent:
            return Probed(answer, note="" if answer.result is None or not answer.result.ok else _OLD)
        sent = answer.result.sent.encode()
        raw = next((raw for raw in _fetched(consumer, incoming.id, seconds) if is_probe(raw, asked.test_id)), None)
    if raw is None:
        return Probed(answer, note=_nothing(incoming, seconds))
    return Probed(answer, compared(sent, raw))


_OLD = "outbound is of an earlier release, which knows no probe: it sent a plain test mail"


def _nothing(incoming: IncomingServer, seconds: float) -> str:
    return (
        f"{incoming.id} has fetched no such mail within {seconds:g} s; it looks every {incoming.poll_seconds:g} s: "
        "wait longer, look for the mail in other folders (junk), and see the server's state"
    )


def _fetched(consumer: "KafkaConsumer", server_id: str, seconds: float) -> Iterator[bytes]:
    """The mails of a server as they come; of those above some size only where they lie."""
    for record in new_records(consumer, seconds):
        try:
            mail = open_fetched(record)
        except UndecodableError:
            continue
        if mail.server_id == server_id:
            yield mail.raw
