"""The tree of a mail's parts, found in one pass over its boundary lines, and in what a part hides."""

import re
from dataclasses import replace

from resolver.parsing.cms import read_cms
from resolver.parsing.headers import Headers, split_headers, split_part_headers
from resolver.parsing.open_parts import OpenParts
from resolver.parsing.parameters import parse_parameters
from resolver.parsing.part import Part, make_part
from resolver.parsing.smime import may_hide_mail, signed_mail
from resolver.parsing.transfer_encoding import is_encoded
from schemas.mail import Defect

MAX_PARTS = 2_000
MAX_DEPTH = 100
MAX_LOOKS = 400_000  # at lines that begin as a boundary does
MAX_BOUNDARY = 200  # RFC 2046, section 5.1.1, allows 70
MAX_HIDDEN = 64 << 20  # bytes of all that parts hide, layer by layer

_LIKELY_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n(?=content-)", re.MULTILINE | re.IGNORECASE)

_FIELDS_BELOW = re.compile(rb"\s{0,9}(?:mime-version|content-[a-z-]{2,20}):", re.IGNORECASE)
_OPENING_BOUNDARY = re.compile(
    rb"\s{0,9}(?:this is a multi-?part message in mime format\.?\s{0,9})?"
    rb"^--([^\s\"-][^\r\n\"]{0,69}?)[ \t]*\r?\n(?=content-)",
    re.MULTILINE | re.IGNORECASE,
)
_MAX_TYPES = 10


def read_structure(raw: bytes, found: set[Defect]) -> Part:
    """The whole tree. What a part hides, as an encoded multipart or an opaque S/MIME message, is part of it."""
    headers, start = split_headers(raw, found)
    if "content-type" not in headers:
        headers, start = _with_fields_below(raw, headers, start, found)
    elif len(headers.raw_all("content-type")) > 1:
        headers = _with_used_boundary(raw, headers, start)
    root = make_part(raw, headers, start, "text/plain", found)
    _Tree(found).read(root)
    return root


class _Tree:
    """Reads parts into a tree; the limits on their number, depth, looks and hidden bytes hold over all layers."""

    def __init__(self, found: set[Defect]) -> None:
        self.found = found
        self.parts = 1
        self.looks = 0
        self.room = MAX_HIDDEN

    def read(self, root: Part) -> None:
        waiting = [(root, 0, True)]  # a part, its depth, and whether no outer multipart has looked for boundaries in it
        while waiting:
            part, depth, alone = waiting.pop()
            if part.is_multipart:
                self._divide(part, depth, alone)
                waiting.extend((child, depth + 1, False) for child in reversed(part.children))
            elif may_hide_mail(part):
                waiting.extend((inner, depth + 1, True) for inner in self._unwrap(part, depth))

    def _divide(self, part: Part, depth: int, alone: bool) -> None:
        """A multipart in whose bytes no boundary line stands may be encoded as a whole, against RFC 2045, section 6.4.
        One without any is a text."""
        if alone:
            self._split(part, _declared_boundary(part), depth)
        if _seems_encoded(part):
            part.end = len(part.raw) if alone else part.end  # its closing line, which was cut off, is encoded, too
            self._divide_decoded(part, depth)
        if not part.children:
            self.found.add(Defect.MISSING_BOUNDARY)
            if alone:
                self._split(part, _likely_boundary(part), depth)
            else:
                self._divide_bytes(part, part.body(), depth)
        if not part.children:
            part.content_type = "text/plain"

    def _divide_decoded(self, part: Part, depth: int) -> None:
        content = part.content(self.found)
        if content != part.body() and self._divide_bytes(part, content, depth):
            self.found.add(Defect.ENCODED_MULTIPART)

    def _divide_bytes(self, part: Part, content: bytes, depth: int) -> bool:
        """Whether there are parts in these bytes, read apart from the mail about them, as the part's body."""
        if len(content) > self.room:
            return False
        self.room -= len(content)
        inner = replace(part, raw=content, start=0, end=len(content), children=[])
        self._split(inner, _declared_boundary(inner) or _likely_boundary(inner), depth)
        if inner.children:
            part.children = inner.children
        return bool(inner.children)

    def _unwrap(self, part: Part, depth: int) -> list[Part]:
        """Puts the mail inside in the place of an opaque S/MIME message; answers what is to be read further.

        A message that is damaged inside that mail is kept besides, as a file.
        """
        if depth >= MAX_DEPTH:
            self.found.add(Defect.TOO_DEEP)
            return []
        content = read_cms(part.content(self.found), self.room)
        inner = signed_mail(content.data, part, self.found) if content else None
        if content is None or inner is None:
            return []
        self.room -= len(content.data)
        if content.whole:
            part.become(inner)
            return [part]
        self.found.add(Defect.BAD_SMIME)
        part.children = [inner, replace(part)]
        part.content_type = "multipart/mixed"
        return [inner]

    def _split(self, root: Part, boundary: bytes | None, depth: int) -> None:
        """The parts between boundary lines. Those of an outer part end the inner ones (RFC 2046, section 5.1.2)."""
        if boundary is None:
            return
        raw = root.raw
        opened = OpenParts()
        opened.push(root, boundary)
        position = max(root.start - 1, 0)
        if root.start == 0 and raw.startswith(b"--"):
            position = -1
        while opened.parts:
            if position >= 0:
                # Base64 has no dash, and one character is found many times faster than several.
                dash = raw.find(b"-", position)
                dashes = raw.find(opened.needle, max(dash - 1, position)) if dash >= 0 else -1
                if dashes < 0:
                    break
            else:
                dashes = -1
            line_start = dashes + 1
            position = _line_end(raw, line_start)
            token = raw[line_start + 2 : min(position, line_start + MAX_BOUNDARY + 4)].rstrip()
            index = opened.boundaries.get(token)
            closing = index is None and token.endswith(b"--")
            if closing:
                index = opened.boundaries.get(token[:-2].rstrip())
            if index is None:
                self.looks += 1
                if self.looks > MAX_LOOKS:
                    self.found.add(Defect.TOO_MANY_PARTS)
                    return
                continue
            end = _before_line(raw, line_start)
            if opened.close_below(index, end):
                self.found.add(Defect.UNCLOSED_MULTIPART)
            if closing:
                opened.pop().end = end
                continue
            if self.parts >= MAX_PARTS:
                self.found.add(Defect.TOO_MANY_PARTS)
                return
            self.parts += 1
            position = self._open_child(opened, opened.parts[index], min(position + 1, len(raw)), depth)
        if opened.parts:
            self.found.add(Defect.UNCLOSED_MULTIPART)

    def _open_child(self, opened: OpenParts, owner: Part, start: int, depth: int) -> int:
        """Reads the headers of a part that starts at `start`; answers where to look for the next boundary line."""
        default = "message/rfc822" if owner.content_type == "multipart/digest" else "text/plain"
        headers, body = split_part_headers(owner.raw, start, self.found)
        part = make_part(owner.raw, headers, body, default, self.found)
        owner.children.append(part)
        if part.is_multipart:
            boundary = _boundary(part)
            if depth + len(opened.parts) >= MAX_DEPTH:
                self.found.add(Defect.TOO_DEEP)
                part.content_type = "application/octet-stream"
            else:
                if not boundary or boundary in opened.boundaries:  # none, or that of a multipart about it
                    self.found.add(Defect.MISSING_BOUNDARY)
                if boundary:
                    opened.push(part, boundary)
        return body - 1


def _with_fields_below(raw: bytes, headers: Headers, start: int, found: set[Defect]) -> tuple[Headers, int]:
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
        return headers.around(Headers({"content-type": [value]})), start
    return headers, start


def _with_used_boundary(raw: bytes, headers: Headers, start: int) -> Headers:
    """Of several Content-Type fields the first counts, unless another one alone names a boundary that is there."""
    for value in headers.raw_all("content-type")[:_MAX_TYPES]:
        boundary = parse_parameters(value, None, set())[1].get("boundary", "").encode("utf-8", "surrogateescape")
        if boundary and raw.find(b"--" + boundary, start) >= 0:
            others = {name: list(headers.raw_all(name)) for name in headers if name.startswith("content-")}
            return headers.around(Headers({**others, "content-type": [value]}))
    return headers


def _boundary(part: Part) -> bytes:
    return part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:MAX_BOUNDARY]


def _declared_boundary(part: Part) -> bytes | None:
    """The boundary that the header names, where its line exists."""
    declared = _boundary(part)
    return declared if declared and part.raw.find(b"--" + declared, part.start) >= 0 else None


def _likely_boundary(part: Part) -> bytes | None:
    """A boundary that the body plainly uses."""
    likely = _LIKELY_BOUNDARY.search(part.raw, part.start)
    return likely[1] if likely else None


def _seems_encoded(part: Part) -> bool:
    """Whether a multipart is encoded as a whole. Quoted-printable leaves most boundary lines as they are, and no
    parameter of a part."""
    if not is_encoded((part.headers.raw("content-transfer-encoding") or b"").decode("ascii", "replace")):
        return False
    return not part.children or any(b"=3D" in (child.headers.raw("content-type") or b"") for child in part.children)


def _line_end(raw: bytes, start: int) -> int:
    end = raw.find(b"\n", start)
    return end if end >= 0 else len(raw)


def _before_line(raw: bytes, line_start: int) -> int:
    """The line break before a boundary line belongs to the boundary (RFC 2046, section 5.1.1)."""
    end = line_start - 1
    return end - 1 if end > 0 and raw[end - 1 : end] == b"\r" else max(end, 0)
