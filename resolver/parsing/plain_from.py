"""Whether From names one address that every program reads alike, so that what was checked is what we read. Pure.

A mail system that checks From reads it with a reader of its own. Where two readers can find two addresses in it, a
proof of the one is none of the other: several fields or mailboxes, routes, groups, comments within an address, a name
that holds somebody else's. So the form is narrow: RFC 5322, section 3.4, without what is obsolete in it.
"""

import re
from collections.abc import Sequence

from resolver.parsing.encoded_words import decode_words
from schemas.addresses import has_one_form

MAX_BYTES = 998  # of a line, by RFC 5322, section 2.1.1: what is longer, others may have cut

_COMMENT = r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\)"  # one within another at most
_NAME = rf'(?:"(?:[^"\\]|\\.)*+"|{_COMMENT}|[^"()\\,:;<>]++)*+'
# Neither % nor ! in front of the sign: once they were routes. No quotes either: hardly two readers treat them alike.
_LABEL = r"""[^\s"(),:;<>@\[\]\\.]++"""
_ADDRESS = rf"""[^\s"(),:;<>@\[\]\\%!]++@{_LABEL}(?:\.{_LABEL})*+\.?+"""
_PLAIN = re.compile(rf"\s*+(?:{_NAME}<({_ADDRESS})>|({_ADDRESS}))(?:\s++|{_COMMENT})*+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AROUND = "\"'()<>[],;."  # what may stand about an address in a name


def is_plain_from(fields: Sequence[bytes], read: str) -> bool:
    """`fields`: the values of all From fields, as they stand in the mail; `read`: the address that we read in them."""
    if len(fields) != 1 or len(fields[0]) > MAX_BYTES:
        return False
    text = _text(fields[0].rstrip(b"\r").replace(b"\r\n", b"").replace(b"\n", b""))
    match = _PLAIN.fullmatch(text)
    if match is None or _CONTROL.search(text):
        return False
    address: str = match[1] or match[2]
    return address == read and "=?" not in address and has_one_form(address) and _names_nobody_else(text, address)


def _text(value: bytes) -> str:
    """Letters of any charset may stand in a name; of an address, only those of UTF-8 are sure (RFC 6532)."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("ascii", "surrogateescape")


def _names_nobody_else(text: str, address: str) -> bool:
    """Whether neither the name nor a comment, decoded or not, holds another sign of an address than this one's own."""
    if "=?" in text:
        text = decode_words(text, set())
    if text.count("@") == 1:
        return True
    return all(word.strip(_AROUND).lower() == address.lower() for word in text.split() if "@" in word)
