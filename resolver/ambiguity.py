"""Why other programs may find other fields in a mail's header block, or another author, than we do. Pure.

What a mail system found proves what *it* read. Where the form of a mail lets two programs read two things, a proof of
the one is none of the other: such a mail is never proved (docs/trust.md).
"""

import re
from collections.abc import Callable, Iterator, Mapping

from resolver.parsing import Parsed
from resolver.parsing.headers import header_block, split_headers
from resolver.parsing.plain_from import is_plain_from
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
