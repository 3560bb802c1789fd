"""FETCH answers (RFC 3501, section 7.4.2) taken apart. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b")
_INTERNALDATE = re.compile(  # RFC 3501, section 9: date-time
    rb'\bINTERNALDATE "([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)"'
)
_SHORT_BODY = re.compile(rb'\bBODY\[\](?:<[\d.]{1,40}>)? (?:NIL|"((?:[^"\\]|\\.)*)")')  # nstring that is no literal
_ORIGIN = re.compile(rb"\bBODY\[\]<(\d{1,18})[^>]{0,20}>")
_MAX_DATE = 200  # bytes
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def responses(data: Sequence[Any]) -> Iterator[tuple[bytes, bytes | None]]:
    """(line without the body, body or None) of each FETCH answer in what imaplib gives."""
    line, literal = b"", None
    for item in data:
        if isinstance(item, tuple):
            if line:
                yield line, literal
            line, literal = item
        elif literal is not None:
            yield line + item, literal  # what stands behind the literal
            line, literal = b"", None
        else:
            yield _without_short_body(item)
    if line:
        yield line, literal


def internal_date(line: bytes) -> datetime | None:
    """When the mail store took the mail, aware; None where the answer has no such date."""
    found = _INTERNALDATE.search(line)
    if not found:
        return None
    day, month, year, time, hours, minutes = (part.decode() for part in found.groups())
    try:
        month_number = 1 + _MONTHS.index(month.lower())
        return datetime.fromisoformat(f"{year}-{month_number:02}-{day.strip():0>2}T{time}{hours}:{minutes}")
    except ValueError:
        return None


def author_date(header: bytes | None) -> datetime | None:
    """The date in a header block that holds the field Date alone (RFC 5322, 3.6.1), aware; None where none is read."""
    _, _, value = (header or b"").partition(b":")
    try:
        date = parsedate_to_datetime(value[:_MAX_DATE].decode("ascii", "replace").strip())
        return date if date.tzinfo else date.replace(tzinfo=UTC)  # -0000: somewhere, at this time in UTC
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def uid_of(line: bytes) -> int | None:
    """RFC 3501, section 2.3.1.1."""
    return _number(_UID, line)


def size_of(line: bytes) -> int | None:
    """RFC822.SIZE, in bytes."""
    return _number(_SIZE, line)


def origin_of(line: bytes) -> int | None:
    """Where a piece of a mail begins (BODY[]<origin>), in bytes; None where the answer does not say."""
    return _number(_ORIGIN, line)


def _without_short_body(line: bytes) -> tuple[bytes, bytes | None]:
    """Servers may give a short body quoted, and an empty one as NIL. It is taken out: it may read like a UID."""
    found = _SHORT_BODY.search(line)
    if not found:
        return line, None
    return line[: found.start()] + line[found.end() :], re.sub(rb"\\(.)", rb"\1", found.group(1) or b"")


def _number(pattern: re.Pattern[bytes], line: bytes) -> int | None:
    found = pattern.search(line)
    return int(found.group(1)) if found else None
