"""Parses Message-ID, In-Reply-To and References: ids with their angle brackets, whatever is around them."""

import re

from resolver.parsing.encoded_words import clean_line
from schemas.mail import Defect

MAX_IDS = 1_000
MAX_ID = 998  # the longest line RFC 5322 allows, section 2.1.1

_BRACKETED = re.compile(r"<([^<>]*)>")
_STRICT = re.compile(r"<[^<>\s@]+@[^<>\s@]+>\Z")
_WORD = re.compile(r"[^\s<>,;()]+")


def first_id(value: str | None, found: set[Defect]) -> str | None:
    """The id of a Message-ID header; brackets are put where they are missing, blanks inside are removed."""
    if value is None:
        return None
    if len(value) <= MAX_ID and value.isprintable() and _STRICT.match(value):
        return value
    ids = _bracketed(value)
    if ids:
        message_id = ids[0]
    else:
        bare = "".join(clean_line(value).replace("<", " ").replace(">", " ").split()[:1])
        if not bare:
            found.add(Defect.BAD_MESSAGE_ID)
            return None
        message_id = f"<{bare[:MAX_ID]}>"
    if not _STRICT.match(message_id) or not ids:
        found.add(Defect.BAD_MESSAGE_ID)
    return message_id


def all_ids(values: tuple[str, ...]) -> tuple[str, ...]:
    """Every id of In-Reply-To or References fields, in order, each once; prose about them is stepped over."""
    if not values:  # as in most mails
        return ()
    ids: dict[str, None] = {}
    for value in values:
        found = _bracketed(value) or _bare(value)
        ids.update(dict.fromkeys(found))
        if len(ids) > MAX_IDS:
            break
    return tuple(ids)[:MAX_IDS]


def _bracketed(value: str) -> list[str]:
    ids = ("".join(clean_line(inner).split()) for inner in _BRACKETED.findall(value))
    return [f"<{inner[:MAX_ID]}>" for inner in ids if inner]


def _bare(value: str) -> list[str]:
    """Ids without brackets: words with an @, or the only word there is."""
    words = _WORD.findall(clean_line(value))
    chosen = [w for w in words if "@" in w.strip("\"'@.")]
    return [f"<{w.strip(chr(34))[:MAX_ID]}>" for w in (chosen or (words if len(words) == 1 else []))]
