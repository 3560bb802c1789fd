"""Whether other programs may find other header fields, or another author, in a message than we do. Pure.

What a mail system found proves what *it* read. Where the form of a mail lets two programs read two things, a proof of
the one is none of the other: such a mail is never proved (docs/trust.md).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from resolver.parsing import Parsed
from resolver.parsing.encoded_words import decode_words
from resolver.parsing.headers import header_block, split_headers
from schemas.addresses import has_one_form
from schemas.mail import Defect

_BLANK_AT_END = (b" \r", b" \n", b"\t\r", b"\t\n")
_BLANKS_ALONE = re.compile(rb"\n[ \t]+\r*\n")
_LOOSE_FIELD = re.compile(rb"^(?:from|authentication-results|received)[ \t]+:", re.IGNORECASE | re.MULTILINE)


def _mixed_line_ends(block: bytes) -> bool:
    return 0 < block.count(b"\r\n") < block.count(b"\n")


def _blank_fold(block: bytes) -> bool:
    """RFC 5322, section 3.2.2: a line of a field must not be made of blanks alone. Some end the block there."""
    return any(sign in block for sign in _BLANK_AT_END) and _BLANKS_ALONE.search(block) is not None


def _blank_before_colon(block: bytes) -> bool:
    """RFC 5322, section 4.5.8: obsolete, and to many programs no field, or one of another name."""
    return (b" :" in block or b"\t:" in block) and _LOOSE_FIELD.search(block) is not None


# Name -> whether it holds of a header block.
_OF_BLOCK: Mapping[str, Callable[[bytes], bool]] = {
    "mixed-line-ends": _mixed_line_ends,
    "blank-fold": _blank_fold,
    "blank-before-colon": _blank_before_colon,
}
# What the parser finds in a header block; some of it in bodies and parts as well, where it does no harm.
_OF_PARSER = (Defect.BARE_CR, Defect.NUL, Defect.JUNK_IN_HEADERS, Defect.TOO_MANY_HEADERS)


def header_doubts(raw: bytes, parsed: Parsed) -> tuple[str, ...]:
    """What is ambiguous about the header block, by name; nothing of a mail without the result of any check."""
    return tuple(_header_doubts(raw, parsed)) if _is_checked(parsed) else ()


def from_doubts(parsed: Parsed) -> tuple[str, ...]:
    """What is ambiguous about From; nothing of a mail without one, or without the result of any check."""
    mail = parsed.mail
    if mail.from_ is None or not _is_checked(parsed):
        return ()
    if Defect.SEVERAL_FROM in mail.defects:
        return (Defect.SEVERAL_FROM,)
    return () if is_plain_from(parsed.headers.raw_all("from"), mail.from_.address) else ("ambiguous-from",)


def _is_checked(parsed: Parsed) -> bool:
    return "authentication-results" in parsed.headers


def _header_doubts(raw: bytes, parsed: Parsed) -> Iterator[str]:
    block = header_block(raw)
    if any(defect in parsed.mail.defects for defect in _OF_PARSER):
        found: set[Defect] = set()
        split_headers(block, found)
        yield from (defect for defect in _OF_PARSER if defect in found)
    yield from (name for name, holds in _OF_BLOCK.items() if holds(block))


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
