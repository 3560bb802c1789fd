"""How much of a large text is read, so that it fits into the memory that a mail may take."""

import re

from resolver.parsing.base64_text import is_readable
from schemas.mail import Defect

# Bytes of one text that are read. Python holds all characters of a text as wide as the widest: those past U+FFFF, and
# the emoji among them, make four bytes of each letter.
MAX_TEXT = 64 << 20
MAX_WIDE_TEXT = 16 << 20
_WIDEST_UTF8 = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
_WIDEST_UTF16 = re.compile(rb"[\xd8-\xdb].[\xdc-\xdf]", re.DOTALL)


def within_room(content: bytes, found: set[Defect]) -> bytes:
    """What of a text's bytes is read: nearly always all of it."""
    if len(content) <= MAX_WIDE_TEXT:
        return content
    room = MAX_WIDE_TEXT if _is_wide(content) else MAX_TEXT
    if len(content) <= room:
        return content
    found.add(Defect.TOO_LONG)
    return content[:room]


def _is_wide(content: bytes) -> bool:
    """Whether its text most likely holds a character that makes all of it four bytes wide."""
    if is_readable(content):
        return bool(_WIDEST_UTF8.search(content))
    return (b"\0" in content[:4096] or content.startswith((b"\xff\xfe", b"\xfe\xff"))) and bool(
        _WIDEST_UTF16.search(content)
    )
