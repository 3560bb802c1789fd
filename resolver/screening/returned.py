"""The message that a bounce returns: as a part, as a file, or as a block of header fields in the text.

Its fields are in English whatever the language of the notice (RFC 5322), so they tell more than any words around them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from resolver.parsing import Headers, Parsed, Part
from resolver.parsing.headers import split_headers
from resolver.parsing.message_ids import first_id
from resolver.parsing.structure import read_structure
from schemas.ids import OWN_MESSAGE_ID

RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers",
    "text/rfc822",
                      "message/global-headers", "message/partial"})  # fmt: skip
MAX_TEXT = 64 << 10  # characters of a notice's text that are read
_MAX_REPORT = 256 << 10
_MAX_DEPTH = 3  # reports that return reports
_MAX_MAILS = 10
_MAX_LINES = 2_000
_MAX_IN_BLOCK = 300  # lines
_MAX_VALUE = 2_000  # characters of one field

# Behind what quotes or indents the block: the name of a field, and what it holds.
_FIELD = re.compile(r"[>| \t]{0,40}([A-Za-z][A-Za-z0-9-]{1,40})[ \t]?:(.*)")
_TRACE = frozenset({"received", "message-id", "return-path"})  # nobody quotes these by himself
_MAIN = _TRACE | {"from", "to", "cc", "subject", "date", "sender", "reply-to"}
_MARGIN = " \t>|"
# Domains of scripts that write blanks between words; of others, and with an apostrophe, only in brackets.
_DOMAIN = "A-Za-z0-9\u00df-\u024f\u0370-\u052f"
ADDRESS = rf"[^\s<>@,;:\"'()\[\]：；，。、（）「」《》]{{1,64}}@[{_DOMAIN}.-]{{1,253}}[{_DOMAIN}]"
_ADDRESS = re.compile(rf"(?<=<)[^\s<>@,;:\"\[\]]{{1,64}}@[^\s<>@,;:\"']{{1,253}}(?=>)|{ADDRESS}")
# Words of a script without blanks that stand right before an address.
_GLUED = re.compile(r"^[^@]*[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af](?=[!-~]+@)")
_BRACKETED = re.compile(r"<[^<>\s]{40,360}>")
_FILE_NAMES = (".eml", ".txt", ".hdr", ".msg", ".log")


@dataclass(frozen=True, slots=True)
class Returned:
    """`ids`: its Message-ID first, behind it those of mails that it returns in turn. Addresses in small letters.

    `traced`: fields are among those shown that no person quotes. `start`, `end`: where its fields stand in the text;
    both behind it where they do not.
    """

    ids: tuple[str, ...]
    senders: frozenset[str]
    recipients: tuple[str, ...]
    traced: bool
    start: int
    end: int


def returned_mail(parsed: Parsed) -> Returned | None:
    """The mail that a notice returns, or of which it returns or shows the header fields."""
    text = parsed.mail.text[:MAX_TEXT]
    start, end, shown = _block(text)
    found = [shown] if shown else []
    found += (_of_headers(headers) for headers in _headers(parsed))
    if not found:
        found += _in_files(parsed)
    if not found:
        return None
    ids = dict.fromkeys(message_id for fields in found for message_id in _ids(fields))
    own = [message_id for message_id in ids if OWN_MESSAGE_ID.match(message_id)]
    first = found[0]
    return Returned(
        ids=tuple(dict.fromkeys((*own, *own_ids(text), *ids))),
        senders=frozenset(_addresses(first, "from", "sender", "return-path", "reply-to")),
        recipients=tuple(dict.fromkeys(_addresses(first, "to", "cc", "x-original-to", "delivered-to"))),
        traced=any(not _TRACE.isdisjoint(fields) for fields in found),
        start=start,
        end=end,
    )


def returned_ids(parsed: Parsed) -> tuple[str, ...]:
    """Message-IDs of the mails that come back as parts: one of ours first, else the outermost."""
    ids = [message_id for headers in _headers(parsed) if (message_id := first_id(headers.get("message-id"), set()))]
    return tuple(dict.fromkeys(sorted(ids, key=lambda one: OWN_MESSAGE_ID.match(one) is None)))


def own_ids(text: str) -> Iterator[str]:
    """Message-IDs of ours anywhere in a text."""
    return (message_id for message_id in _BRACKETED.findall(text) if OWN_MESSAGE_ID.match(message_id))


def trees(parsed: Parsed) -> Iterator[Part]:
    """The mail's tree of parts, then those of the mails that it returns, which may be reports themselves."""
    waiting = [(parsed.root, 0)]
    count = 0
    while waiting and count < _MAX_MAILS:
        root, depth = waiting.pop(0)
        count += 1
        yield root
        if depth < _MAX_DEPTH:
            inner = (_content(part) for part in root.walk() if part is not root and part.content_type in RETURNED)
            reports = islice((content for content in inner if b"multipart/" in content), _MAX_MAILS)
            waiting += ((read_structure(content, set()), depth + 1) for content in reports)


def _headers(parsed: Parsed) -> Iterator[Headers]:
    for root in trees(parsed):
        for part in root.walk():
            if part.content_type in RETURNED and part is not root:
                headers, _ = split_headers(_content(part), set())
                yield headers


def _content(part: Part) -> bytes:
    return part.content(set()).lstrip(b"\r\n")[:_MAX_REPORT]


def _in_files(parsed: Parsed) -> Iterator[dict[str, list[str]]]:
    """Mails and header fields that are attached as text, or as a file of another type."""
    for file in parsed.files:
        if file.attachment.name.lower().endswith(_FILE_NAMES) or file.attachment.content_type == "text/plain":
            _, _, fields = _block(file.content[:MAX_TEXT].decode("utf-8", "replace").replace("\r\n", "\n"))
            if fields:
                yield fields


def _of_headers(headers: Headers) -> dict[str, list[str]]:
    return {name: list(headers.all(name)) for name in (*_MAIN, "x-original-to", "delivered-to") if name in headers}


def _block(text: str) -> tuple[int, int, dict[str, list[str]]]:
    """The first block of header fields: where it stands, and its fields.

    A field's further lines and unknown fields belong to it, until a blank line that no known field follows.
    """
    if ":" not in text:
        return len(text), len(text), {}
    offset = start = end = 0
    fields: dict[str, list[str]] = {}
    last: list[str] = []
    lines = text.split("\n", _MAX_LINES)[:_MAX_LINES]
    inside = 0
    blank = False
    for line in lines:
        match = _FIELD.match(line)
        name = match[1].lower() if match else ""
        if name in _MAIN and match:
            if not fields:
                start, inside = offset, 0
            last = fields.setdefault(name, [])
            last.append(match[2].strip()[:_MAX_VALUE])
            blank = False
            end = offset + len(line)
        elif not line.strip(_MARGIN):
            if _is_block(fields):
                break
            if blank:
                fields = {}
            blank = True
        elif blank:
            fields, blank = {}, False
        elif fields:
            if match:
                last = []
            elif last and len(last[-1]) < _MAX_VALUE:
                last[-1] = (last[-1] + " " + line.strip(_MARGIN))[:_MAX_VALUE]
            end = offset + len(line)
        offset += len(line) + 1
        inside += 1
        if inside > _MAX_IN_BLOCK and _is_block(fields):
            break
    return (start, end, fields) if _is_block(fields) else (len(text), len(text), {})


def _is_block(fields: dict[str, list[str]]) -> bool:
    return len(fields) > 2 or len(fields.keys() & _TRACE) > 1


def _ids(fields: dict[str, list[str]]) -> Iterator[str]:
    for value in fields.get("message-id", ()):
        message_id = first_id(value, set())
        if message_id:
            yield message_id


def _addresses(fields: dict[str, list[str]], *names: str) -> Iterator[str]:
    for name in names:
        for value in fields.get(name, ()):
            yield from map(str.lower, addresses_in(value))


def addresses_in(text: str) -> Iterator[str]:
    """What looks like an address, in its order."""
    for found in _ADDRESS.finditer(text):
        yield _GLUED.sub("", found[0])
