"""The header block: where it ends, which fields it has. Fields are decoded only when they are asked for."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from resolver.parsing.encoded_words import clean_line, header_text
from schemas.mail import Defect

MAX_FIELDS = 1_000  # past these only fields that mean something are kept
MAX_FIELD_BYTES = 1 << 20
_PLAIN_BLOCK = 64 << 10  # bytes; a longer block is read field by field
_PLAIN_FIELDS = 100  # more of them likewise
_USUAL_BLOCK = 4_096  # bytes that hold nearly every part's headers: no need to look through the file behind them

_BLANK_LINE = re.compile(rb"\n\r*\n")
# RFC 5322, section 2.2: printable characters without colon; blanks before the colon are obsolete syntax (4.5).
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
# The same in the form that nearly all have. Only at the beginning of a line: so no text costs more than its length.
_PLAIN_FIELD = re.compile(rb"^([!-9;-~]++):([^\n]*+(?:\n[ \t][^\n]*+)*+)\n", re.MULTILINE)
_KNOWN_FIELD = re.compile(
    rb"^(?:from|to|cc|bcc|subject|date|message-id|mime-version|received|return-path|reply-to|sender|in-reply-to"
    rb"|references|delivered-to|precedence|auto-submitted|errors-to|importance|priority|user-agent|organi[sz]ation"
    rb"|status|envelope-to|dkim-signature|authentication-results|apparently-to|comments|keywords"
    rb"|(?:x|content|list|arc|resent|thread|disposition|original|final|reporting|feedback)-[\w-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_LEADING_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*+\r*+\n)*+")
LONE_CR = re.compile(rb"\r(?!\n)")  # a quick look: one is bare where no other stands before or behind it
_BARE_CR = re.compile(rb"(?<!\r)\r++(?!\n)")
_BARE_CR_BEFORE_FIELD = re.compile(rb"\r(?=[A-Za-z][A-Za-z0-9-]*:)")


class Headers:
    """The fields of one header block, read-only. Names are lower case; `get` and `all` decode when asked."""

    __slots__ = ("_by_name", "_decoded", "_fields", "_first", "_hint")

    def __init__(self, fields: Sequence[tuple[str, bytes]] = ()) -> None:
        self._fields = fields  # name and value of each, from the top
        self._first = dict(fields)  # the first field of each name
        self._by_name: dict[str, list[bytes]] | None = None  # all of each name, where one has several
        if len(self._first) < len(fields):
            self._by_name = _by_name(fields)
            self._first = {name: values[0] for name, values in self._by_name.items()}
        self._hint: str | None = None
        self._decoded: dict[str, str] = {}  # what `get` has read: several checks ask for the same field

    @property
    def hint(self) -> str | None:
        """Charset of the body: the best guess for raw 8-bit text here."""
        return self._hint

    @hint.setter
    def hint(self, charset: str | None) -> None:
        self._hint = charset
        self._decoded.clear()

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def get(self, name: str) -> str | None:
        """The first field of this name: unfolded, decoded, one line without control characters."""
        if name not in self._first:  # as most that are asked for
            return None
        text = self._decoded.get(name)
        if text is None:
            text = self._decoded[name] = self._decode(self._first[name])
        return text

    def all(self, name: str) -> tuple[str, ...]:
        """Every field of this name, in the order of the mail."""
        return tuple(map(self._decode, self.raw_all(name))) if name in self._first else ()

    def raw(self, name: str) -> bytes | None:
        """The first field of this name as it stands in the mail, folded."""
        return self._first.get(name)

    def raw_all(self, name: str) -> tuple[bytes, ...]:
        if name not in self._first:
            return ()
        return (self._first[name],) if self._by_name is None else tuple(self._by_name[name])

    def raw_above(self, name: str, other: str) -> tuple[bytes, ...]:
        """Those fields of this name that stand above the first of the other name; none where there is no other."""
        if name not in self._first or other not in self._first:
            return ()
        above = takewhile(lambda field: field[0] != other, self._fields)
        return tuple(value for one, value in above if one == name)

    def around(self, inner: "Headers") -> "Headers":
        """These fields, with those that tell of the content (`Content-...`) taken from a block further inside."""
        own = [field for field in self._fields if not field[0].startswith("content-")]
        return Headers(own + [field for field in inner._fields if field[0].startswith("content-")])

    def with_only(self, name: str, value: bytes) -> "Headers":
        """These fields, of which this one alone has its name."""
        return Headers([*(field for field in self._fields if field[0] != name), (name, value)])

    def _decode(self, value: bytes) -> str:
        if value.isascii() and b"=?" not in value:  # nothing to decode in most fields
            text = value.rstrip(b"\r").decode("ascii")
            if text.isprintable():
                return text.strip()
        return clean_line(header_text(value, self._hint, set()))


def _by_name(fields: Sequence[tuple[str, bytes]]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found


def header_block(raw: bytes) -> bytes:
    """All that stands above the mail's first empty line, untouched."""
    blank = _BLANK_LINE.search(raw, _LEADING_BLANK.match(raw).end())  # type: ignore[union-attr]  # matches anything
    return raw[: blank.start() + 1] if blank else raw


def split_headers(raw: bytes, found: set[Defect]) -> tuple[Headers, int]:
    """The mail's header block and the offset of its body. Steps over junk before and inside the block."""
    start = _LEADING_BLANK.match(raw).end()  # type: ignore[union-attr]  # matches the empty string
    blank = _BLANK_LINE.search(raw, start)
    block_end = blank.start() + 1 if blank else len(raw)
    block = raw[start:block_end]
    if LONE_CR.search(block) and _BARE_CR.search(block):
        found.add(Defect.BARE_CR)
        block = _BARE_CR_BEFORE_FIELD.sub(b"\n", block)
    if b"\0" in block:
        found.add(Defect.NUL)
    if start and not _KNOWN_FIELD.search(block):
        found.add(Defect.NO_HEADERS)
        return Headers(), start
    headers, used = _read_fields(block, found)
    if not any(headers):
        found.add(Defect.NO_HEADERS)
        return Headers(), start
    if used < len(block):
        return headers, start + used
    return headers, blank.end() if blank else len(raw)


def split_part_headers(raw: bytes, start: int, found: set[Defect]) -> tuple[Headers, int]:
    """The header block of a MIME part that starts at `start`, and the offset of its body.

    No part's headers reach past the next line that starts with two dashes: it may be a boundary.
    """
    if raw.startswith((b"\n", b"\r\n"), start):
        return Headers(), raw.index(b"\n", start) + 1
    blank = _BLANK_LINE.search(raw, start, start + _USUAL_BLOCK)
    dashes = raw.find(b"\n--", start - 1, blank.end() + 1 if blank else len(raw))
    limit = dashes + 1 if dashes >= 0 else len(raw)
    if dashes >= 0 or not blank:
        blank = _BLANK_LINE.search(raw, start, limit)
    block = raw[start : blank.start() + 1 if blank else limit]
    headers, used = _read_fields(block, found)
    if used < len(block):
        return headers, start + used
    return headers, blank.end() if blank else limit


def _read_fields(block: bytes, found: set[Defect]) -> tuple[Headers, int]:
    """The fields of a block, and how far it was read: to its end, or to where text begins without a blank line."""
    plain = _PLAIN_FIELD.findall(block) if len(block) <= _PLAIN_BLOCK else ()
    if 0 < len(plain) <= _PLAIN_FIELDS:
        names, values = zip(*plain, strict=True)
        joined = b"\n".join(names)
        # A colon and a line end for each field, and nothing else: then no byte of the block stands outside of them.
        if len(joined) + 1 + len(plain) + sum(map(len, values)) == len(block):
            return Headers([*zip(joined.lower().decode("ascii").split("\n"), values, strict=True)]), len(block)
    fields: list[tuple[str, bytes]] = []
    position = count = 0
    last_known: int | None = None
    while position < len(block):
        match = _FIELD.match(block, position)
        if match:
            count += 1
            if count <= MAX_FIELDS or _KNOWN_FIELD.match(block, position):
                value = match[2]
                if len(value) > MAX_FIELD_BYTES:
                    found.add(Defect.TOO_LONG)
                    value = value[:MAX_FIELD_BYTES]
                fields.append((match[1].decode("ascii").lower(), value))
            position = match.end()
            continue
        if last_known is None:
            last_known = max((m.start() for m in _KNOWN_FIELD.finditer(block, position)), default=-1)
        if position > last_known:
            break
        if not block.startswith((b"From ", b">From "), position):  # the separator line of an mbox file is no fault
            found.add(Defect.JUNK_IN_HEADERS)
        line_end = block.find(b"\n", position)
        position = line_end + 1 if line_end >= 0 else len(block)
    if count > MAX_FIELDS:
        found.add(Defect.TOO_MANY_HEADERS)
    return Headers(fields), position
