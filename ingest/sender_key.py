"""The key of `mail.fetched`: the sender's address, found by a cheap scan, so that one sender's mails stay in order.

It need not be right, only the same for the same sender: who sent a mail is the resolver's decision.
"""

import re

from schemas.addresses import MAX_ADDRESS, normalise

UNKNOWN = "unknown"

MAX_HEADER_BYTES = 64 * 1024  # a From behind more header than this is not looked for
MAX_FROM_BYTES = 4 * 1024
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FROM = re.compile(rb"^From[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')  # names and comments may hold anything, addresses too
_ANGLE = re.compile(r"<([^<>]*)>")
_BARE = re.compile(r"[^\s,;:<>()]+@[^\s,;:<>()]+")


def sender_key(raw: bytes) -> str:
    """Normalised address of the first From header, else `unknown`. Never raises; at most 320 printable characters."""
    end = _HEADER_END.search(raw, 0, MAX_HEADER_BYTES)
    found = _FROM.search(raw, 0, end.start() if end else MAX_HEADER_BYTES)
    if not found:
        return UNKNOWN
    address = _address(found.group(1)[:MAX_FROM_BYTES].decode("utf-8", "replace"))
    printable = "".join(c for c in address if c.isprintable() and not c.isspace())
    return normalise(printable[:MAX_ADDRESS])[:MAX_ADDRESS] or UNKNOWN


def _address(value: str) -> str:
    """What stands in the first angle brackets, else the first word with an @ in it, else nothing."""
    unquoted = _QUOTED.sub(" ", value)
    found = _ANGLE.search(unquoted)
    if found and found.group(1).strip():
        return found.group(1)
    bare = _BARE.search(unquoted)
    return bare.group() if bare else ""
