"""Which files of a directory are messages, and what their names say of them. Pure.

A Maildir (https://cr.yp.to/proto/maildir.html): new messages in `new`, those a mail program has seen in `cur`, as
`unique-name:2,FLAGS`; files that are being written are in `tmp`, which is not read. Else a directory of `.eml` files.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

TOP = "."
MAILDIR = ("tmp", "new", "cur")
SEEN = "S"

_DIGITS = re.compile(r"(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class MailFile:
    """One file: in which directory of the folder it is, and what its directory entry says."""

    directory: str
    name: str
    size: int
    mtime_ns: int


class Kind(Protocol):
    """How messages are stored in a folder.

    `label`: what such a folder is called. `directories`: where they are. `quiet_seconds`: a file that was written to
    more recently is not taken yet.
    """

    label: str
    directories: tuple[str, ...]
    quiet_seconds: float

    def takes(self, name: str) -> bool:
        """Whether a file of this name is a message, and not hidden or half written."""

    def handle(self, name: str, mtime_ns: int) -> str:
        """What the message is recognised by, printable and on one line, as long as it is the same message."""

    def seen(self, file: MailFile) -> tuple[str, str] | None:
        """Directory and name of the message once it is marked as seen; None if it cannot be marked."""

    def numbered(self, name: str, number: int) -> str:
        """Another name for the message, if its own is taken already."""


class Maildir:
    """A name is used only once (its first part, before the colon), and a file never changes."""

    label = "a Maildir"
    # In this order a message that is moved during the look is listed twice rather than missed.
    directories: tuple[str, ...] = ("new", "cur")
    quiet_seconds = 0.0

    def takes(self, name: str) -> bool:
        return not name.startswith(".")

    def handle(self, name: str, mtime_ns: int) -> str:  # noqa: ARG002 - it has no part in the name
        return _printable(name.partition(":")[0])

    def seen(self, file: MailFile) -> tuple[str, str] | None:
        unique, _, info = file.name.partition(":")
        flags = info.removeprefix("2,") if info.startswith("2,") else ""
        return "cur", f"{unique}:2,{''.join(sorted({*flags, SEEN}))}"

    def numbered(self, name: str, number: int) -> str:
        unique, colon, info = name.partition(":")
        return f"{unique}-{number}{colon}{info}"


class EmlDirectory:
    """A name can be used again for another message: the time of its last change is part of the handle."""

    label = "a directory of .eml files"
    directories: tuple[str, ...] = (TOP,)
    quiet_seconds = 1.0

    def takes(self, name: str) -> bool:
        return name.lower().endswith(".eml") and not name.startswith(".")

    def handle(self, name: str, mtime_ns: int) -> str:
        return f"{_printable(name)};{mtime_ns}"

    def seen(self, file: MailFile) -> tuple[str, str] | None:  # noqa: ARG002 - a file bears no such mark
        return None

    def numbered(self, name: str, number: int) -> str:
        stem, _, ending = name.rpartition(".")
        return f"{stem}-{number}.{ending}"


def in_order(file: MailFile) -> list[str | int]:
    """Sorts by name, with digits as numbers: 9.eml before 10.eml, and the messages of a Maildir by their time."""
    return [int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(file.name))]


def _printable(name: str) -> str:
    """The name, or a digest of it if it holds what no record should: control characters, bytes that are no text."""
    if name.isprintable():
        return name
    return f"name-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
