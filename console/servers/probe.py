"""What a mail system changes in a mail: a probe is sent through an outgoing server, fetched by an incoming one, and the
one compared with the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from typing import TYPE_CHECKING, NamedTuple

from console.errors import UserError
from console.servers.server_tests import ServerTestResponse, ask
from console.topics.waiting import new_records, tail
from runtime.config import ProcessConfig
from runtime.kafka.producer import Publisher
from schemas.fetched import open_fetched
from schemas.servers import ServerTest
from schemas.settings import IncomingServer, OutgoingServer
from schemas.topics import MAIL_FETCHED
from schemas.wire import UndecodableError

if TYPE_CHECKING:
    from kafka import KafkaConsumer


MOST_BYTES, MOST_BOUNDARIES = 200_000, 20  # of a probe; it has 10 kB and few parts
_SHOWN = 120  # characters of a value
AS_SENT, MISSING = "as sent", "missing"
_OLD = "outbound is of an earlier release, which knows no probe: it sent a plain test mail"


class Row(NamedTuple):
    """One thing that was compared, and its outcome; `came`: what arrived, where it is not as sent."""

    what: str
    outcome: str
    came: str = ""


def compared(sent: bytes, came: bytes) -> tuple[Row, ...]:
    """Header fields, parts of the body, and the mail as a whole. Whatever the bytes, it raises nothing."""
    before, after = _read(sent), _read(came)
    return (*_fields(before, after), *_parts(before, after), _added(before, after), _whole(sent, came))


def is_probe(raw: bytes, probe_id: str) -> bool:
    """Whether it is the mail of this probe: its id is in many places, any of which may be lost or rewritten."""
    wanted = probe_id.encode("ascii")
    if len(raw) > MOST_BYTES or raw.lower().count(b"boundary") > MOST_BOUNDARIES:  # others' mails are not to be read
        return False
    return wanted in raw or any(wanted in payload for _, payload, _ in _leaves(_read(raw)))


def _read(raw: bytes) -> Message:
    return message_from_bytes(raw, policy=policy.compat32)


def _fields(before: Message, after: Message) -> Iterator[Row]:
    came, written = _by_name(after), {name.lower(): name for name in before}
    for name, values in _by_name(before).items():
        yield Row(written[name], *_field_outcome(values, came.get(name, [])))


def _by_name(mail: Message) -> Mapping[str, list[str]]:
    """Header fields by their names, in small letters, as they follow one another."""
    fields: dict[str, list[str]] = {}
    for name, value in mail.items():
        fields.setdefault(name.lower(), []).append(str(value))
    return fields


def _field_outcome(sent: list[str], came: list[str]) -> tuple[str, str]:
    if not came:
        return MISSING, ""
    if sent == came:
        return AS_SENT, ""
    if [_unfolded(one) for one in sent] == [_unfolded(one) for one in came]:
        return "folded in another way", ""
    return "changed", _cut(" | ".join(map(_unfolded, came)))


def _unfolded(value: str) -> str:
    return " ".join(value.split())


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."


def _parts(before: Message, after: Message) -> Iterator[Row]:
    """Each part in its order among those of its type."""
    left = _leaves(after)
    for kind, payload, encoded in _leaves(before):
        found = next((one for one in left if one[0] == kind), None)
        if found is None:
            yield Row(f"part {kind}", MISSING)
            continue
        left.remove(found)
        yield Row(f"part {kind}", *_part_outcome(payload, encoded, found))
    yield from (Row(f"part {kind}", "added", f"{len(payload)} bytes") for kind, payload, _ in left)


def _part_outcome(payload: bytes, encoded: str, found: tuple[str, bytes, str]) -> tuple[str, str]:
    _, came, came_encoded = found
    if came == payload:
        same = encoded == came_encoded
        return (AS_SENT, "") if same else ("transferred in another way", "")
    if came.split() == payload.split():
        return "blanks and line ends changed", ""
    return "changed", f"{len(came)} bytes, {len(payload)} were sent"


def _leaves(mail: Message) -> list[tuple[str, bytes, str]]:
    """Type, content and transfer form of each part that holds no others."""
    return [
        (part.get_content_type(), _payload(part), str(part.get_payload()).replace("\r\n", "\n").rstrip("\n"))
        for part in mail.walk()
        if not part.is_multipart()
    ]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _added(before: Message, after: Message) -> Row:
    known = _by_name(before)
    added = [name for name in _by_name(after) if name not in known]
    return Row("other fields", f"{len(added)} added" if added else "none added", _cut(", ".join(added)))


def _whole(sent: bytes, came: bytes) -> Row:
    """Mail systems add fields at the top, and change nothing below them, if all goes well."""
    is_whole = _lines(came).endswith(_lines(sent))
    sizes = f"{len(came)} bytes, {len(sent)} were sent"
    return Row("the mail as a whole", "all of it as sent" if is_whole else "changed", sizes)


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").rstrip(b"\n")


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
