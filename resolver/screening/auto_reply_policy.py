"""Whether a message may get an auto-reply (RFC 3834, section 2)."""

import re

from resolver.parsing import Parsed
from schemas.addresses import is_program

_BULK = re.compile(r"(?i)\s*(?:bulk|list|junk|auto)")
_NO = re.compile(r"(?i)\s*(?:no\b.*)?$")
_NOBODY = ("-request", "-owner", "-relay")  # how the names of those end whom nobody reads, besides programs
# The envelope sender of what a list passes on: its own address for bounces, mostly with the recipient's in it (VERP).
_LIST_PATH = re.compile(r"(?i)\s*<?[^\s@<>]{1,64}(?:[+-]bounces?(?:[+-][^@\s]*)?|-return-\d[^@\s]*)@")


def answerable(parsed: Parsed, address: str | None = None) -> bool:
    """Only a person's mail, sent to us and not to a list, from an address that takes mail; in doubt: no.

    `address`: whom the answer would go to, where that is not who stands in From.
    """
    headers = parsed.headers
    if address is None:
        address = parsed.mail.from_.address if parsed.mail.from_ else ""
    if address.count("@") != 1 or is_program(address) or _is_nobody(address.partition("@")[0].lower()):
        return False
    submitted, precedence = headers.get("auto-submitted"), headers.get("precedence")
    if (submitted and not _NO.match(submitted)) or (precedence and _BULK.match(precedence)):
        return False
    if "\nlist-" in "\n".join(("", *headers)):
        return False
    suppressed = headers.get("x-auto-response-suppress")
    if suppressed and suppressed.strip().lower() != "none":
        return False
    if "x-loop" in headers and (parsed.mail.in_reply_to or parsed.mail.references):
        return False  # an answer by somebody who is afraid of answering answers
    path = headers.get("return-path")
    return path is None or not (path.replace(" ", "") in ("<>", "") or _is_list_path(path))


def _is_nobody(local: str) -> bool:
    return local == "postmaster" or local.startswith("owner-") or local.endswith(_NOBODY)


def _is_list_path(path: str) -> bool:
    low = path.lower()
    return ("bounce" in low or "-return-" in low) and _LIST_PATH.match(low) is not None
