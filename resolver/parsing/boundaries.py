"""Multipart boundaries: which of them the parts declare, use, and have open at one place of the message."""

import re

from resolver.parsing.headers import Headers, split_part_headers
from resolver.parsing.parameters import parse_parameters
from resolver.parsing.part import Part
from resolver.parsing.transfer_encoding import is_encoded
from schemas.mail import Defect


class OpenParts:
    """The multiparts that are open at one place of the mail, outermost first."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.boundaries: dict[bytes, int] = {}  # boundary -> index in `parts`; of two with the same, the inner one
        self.names: list[bytes] = []
        self.outer: list[int | None] = []  # of each, the index of the outer one with the same boundary

        self.needle = b""  # what every boundary line that counts here begins with: a long one is found fast

    def push(self, part: Part, boundary: bytes) -> None:
        self.outer.append(self.boundaries.get(boundary))
        self.boundaries[boundary] = len(self.parts)
        self.parts.append(part)
        self.names.append(boundary)
        self.needle = b"\n--" + _common_start(self.names)

    def pop(self) -> Part:
        name, outer = self.names.pop(), self.outer.pop()
        if outer is None:
            del self.boundaries[name]
        else:
            self.boundaries[name] = outer
        self.needle = b"\n--" + _common_start(self.names)
        return self.parts.pop()

    def close_below(self, index: int, end: int) -> int:
        """Ends every part deeper than `parts[index]`, and its last child; answers how many multiparts were cut off."""
        cut = len(self.parts) - index - 1
        while len(self.parts) > index + 1:
            part = self.pop()
            part.end = end
            if part.children:
                part.children[-1].end = min(part.children[-1].end, end)
        owner = self.parts[index]
        if owner.children:
            owner.children[-1].end = min(owner.children[-1].end, end)
        return cut


def _common_start(names: list[bytes]) -> bytes:
    """What all names begin with; empty where there are none."""
    if not names:
        return b""
    low, high = min(names), max(names)
    same = next((i for i, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))
    return low[:same]


MAX_BOUNDARY = 200  # RFC 2046, section 5.1.1, allows 70

_LIKELY_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n(?=content-)", re.MULTILINE | re.IGNORECASE)

_FIELDS_BELOW = re.compile(rb"\s{0,9}(?:mime-version|content-[a-z-]{2,20}):", re.IGNORECASE)
_OPENING_BOUNDARY = re.compile(
    rb"\s{0,9}(?:this is a multi-?part message in mime format\.?\s{0,9})?"
    rb"^--([^\s\"-][^\r\n\"]{0,69}?)[ \t]*\r?\n(?=content-)",
    re.MULTILINE | re.IGNORECASE,
)
_MAX_TYPES = 10


def with_fields_below(raw: bytes, headers: Headers, start: int, found: set[Defect]) -> tuple[Headers, int]:
    """The fields that tell of the content, where a blank line too many has cut them off: scripts send such mails.
    Without any such field, a body that begins with a boundary line is a multipart all the same."""
    if _FIELDS_BELOW.match(raw, start):
        inner, body = split_part_headers(raw, start, found)
        if "mime-version" in inner and "content-type" in inner:
            found.add(Defect.JUNK_IN_HEADERS)
            return headers.around(inner), body
    opening = _OPENING_BOUNDARY.match(raw, start)
    if opening and raw.find(b"\n--" + opening[1] + b"--", start) >= 0:
        found.add(Defect.BAD_CONTENT_TYPE)
        value = b'multipart/mixed; boundary="' + opening[1] + b'"'
        return headers.around(Headers([("content-type", value)])), start
    return headers, start


def with_used_boundary(raw: bytes, headers: Headers, start: int) -> Headers:
    """Of several Content-Type fields the first counts, unless another one alone names a boundary that is there."""
    for value in headers.raw_all("content-type")[:_MAX_TYPES]:
        boundary = parse_parameters(value, None, set())[1].get("boundary", "").encode("utf-8", "surrogateescape")
        if boundary and raw.find(b"--" + boundary, start) >= 0:
            return headers.with_only("content-type", value)
    return headers


def boundary_of(part: Part) -> bytes:
    return part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:MAX_BOUNDARY]


def declared_boundary(part: Part) -> bytes | None:
    """The boundary that the header names, where its line exists."""
    declared = boundary_of(part)
    return declared if declared and part.raw.find(b"--" + declared, part.start) >= 0 else None


def likely_boundary(part: Part) -> bytes | None:
    """A boundary that the body plainly uses."""
    likely = _LIKELY_BOUNDARY.search(part.raw, part.start)
    return likely[1] if likely else None


def seems_encoded(part: Part) -> bool:
    """Whether a multipart is encoded as a whole. Quoted-printable leaves most boundary lines as they are, and no
    parameter of a part."""
    if not is_encoded((part.headers.raw("content-transfer-encoding") or b"").decode("ascii", "replace")):
        return False
    return not part.children or any(b"=3D" in (child.headers.raw("content-type") or b"") for child in part.children)


def line_end(raw: bytes, start: int) -> int:
    end = raw.find(b"\n", start)
    return end if end >= 0 else len(raw)


def before_line(raw: bytes, line_start: int) -> int:
    """The line break before a boundary line belongs to the boundary (RFC 2046, section 5.1.1)."""
    end = line_start - 1
    return end - 1 if end > 0 and raw[end - 1 : end] == b"\r" else max(end, 0)
