"""What a mail system changes in a mail: the one that was handed over beside the one that was fetched. Pure."""

from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import Message
from typing import NamedTuple

MOST_BYTES, MOST_BOUNDARIES = 200_000, 20  # of a probe; it has 10 kB and few parts
_SHOWN = 120  # characters of a value
AS_SENT, MISSING = "as sent", "missing"


class Row(NamedTuple):
    """One thing that was looked at, and what became of it; `came`: what stands there now, where it is not as sent."""

    what: str
    outcome: str
    came: str = ""


def compared(sent: bytes, came: bytes) -> tuple[Row, ...]:
    """Header fields, parts of the body, and the mail as a whole. Whatever the bytes, it raises nothing."""
    before, after = _read(sent), _read(came)
    return (*_fields(before, after), *_parts(before, after), _added(before, after), _whole(sent, came))


def is_probe(raw: bytes, probe_id: str) -> bool:
    """Whether it is the mail of this probe: its id stands in many places, of which any may be lost or rewritten."""
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
