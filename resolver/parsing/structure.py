"""The tree of a mail's parts, found in one pass over its boundary lines; contents are decoded when asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from resolver.parsing.headers import Headers, split_headers, split_part_headers
from resolver.parsing.parameters import parse_parameters
from resolver.parsing.transfer import decode_transfer
from schemas.mail import Defect

MAX_PARTS = 2_000
MAX_DEPTH = 100
MAX_BOUNDARY = 200  # RFC 2046, section 5.1.1, allows 70

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+\Z")
_LIKELY_BOUNDARY = re.compile(rb"^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n(?=content-)", re.MULTILINE | re.IGNORECASE)


@dataclass(slots=True)
class Part:
    """One part of a mail; `start` and `end` bound its body in the raw mail."""

    raw: bytes
    headers: Headers
    content_type: str
    params: dict[str, str]
    start: int
    end: int
    children: list["Part"] = field(default_factory=list)
    disposition: str = ""
    disposition_params: dict[str, str] = field(default_factory=dict)
    _content: bytes | None = None

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    def body(self) -> bytes:
        """The part's body as it stands in the mail."""
        return self.raw[self.start : self.end]

    def content(self, found: set[Defect]) -> bytes:
        """The body with its transfer encoding undone."""
        if self._content is None:
            encoding = self.headers.raw("content-transfer-encoding") or b""
            self._content = decode_transfer(self.body(), encoding.decode("ascii", "replace"), found)
        return self._content

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def read_structure(raw: bytes, found: set[Defect]) -> Part:
    """The whole tree. Boundary lines of an outer part end the inner ones (RFC 2046, section 5.1.2)."""
    headers, start = split_headers(raw, found)
    root = _make_part(raw, headers, start, "text/plain", found)
    if root.is_multipart:
        _split(root, found)
    return root


def _make_part(raw: bytes, headers: Headers, start: int, default_type: str, found: set[Defect]) -> Part:
    value = headers.raw("content-type")
    content_type, params = parse_parameters(value, None, found) if value is not None else (default_type, {})
    if value is not None and not _TYPE.match(content_type):
        found.add(Defect.BAD_CONTENT_TYPE)
        content_type = _mend_type(content_type, params)
    part = Part(raw, headers, content_type, params, start, len(raw))
    disposition = headers.raw("content-disposition")
    if disposition is not None:
        part.disposition, part.disposition_params = parse_parameters(disposition, None, found)
    return part


def _mend_type(content_type: str, params: dict[str, str]) -> str:
    """What a broken type most likely means; text, by RFC 2045, section 5.2."""
    if params.get("boundary"):
        return "multipart/mixed"
    words = re.findall(r"[a-z0-9.+-]+", content_type)
    if len(words) >= 2 and words[0] in ("text", "image", "application", "audio", "video", "message"):
        return f"{words[0]}/{words[1]}"
    if words and words[0] == "html":
        return "text/html"
    named = params.get("name") or (words and words[0] in ("application", "image", "audio", "video"))
    return "application/octet-stream" if named else "text/plain"


class _Open:
    """The multiparts that are open at one place of the mail, outermost first."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.boundaries: dict[bytes, int] = {}  # boundary -> index in `parts`
        self.names: list[bytes] = []

        self.needle = b""  # what every boundary line that counts here begins with: a long one is found fast

    def push(self, part: Part, boundary: bytes) -> None:
        self.boundaries[boundary] = len(self.parts)
        self.parts.append(part)
        self.names.append(boundary)
        self.needle = b"\n--" + _common_start(self.names)

    def pop(self) -> Part:
        self.boundaries.pop(self.names.pop(), None)
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


def _split(root: Part, found: set[Defect]) -> None:
    raw = root.raw
    boundary = _boundary(root, found)
    if boundary is None:
        root.content_type = "text/plain"
        return
    opened = _Open()
    opened.push(root, boundary)
    count, position = 1, max(root.start - 1, 0)
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
            index = opened.boundaries.get(token[:-2])
        if index is None:
            continue
        end = _before_line(raw, line_start)
        if opened.close_below(index, end):
            found.add(Defect.UNCLOSED_MULTIPART)
        if closing:
            opened.pop().end = end
            continue
        if count >= MAX_PARTS:
            found.add(Defect.TOO_MANY_PARTS)
            return
        count += 1
        position = _open_child(opened, opened.parts[index], min(position + 1, len(raw)), found)
    if opened.parts:
        found.add(Defect.UNCLOSED_MULTIPART)
    _mend_empty(root, found)


def _line_end(raw: bytes, start: int) -> int:
    end = raw.find(b"\n", start)
    return end if end >= 0 else len(raw)


def _before_line(raw: bytes, line_start: int) -> int:
    """The line break before a boundary line belongs to the boundary (RFC 2046, section 5.1.1)."""
    end = line_start - 1
    return end - 1 if end > 0 and raw[end - 1 : end] == b"\r" else max(end, 0)


def _open_child(opened: _Open, owner: Part, start: int, found: set[Defect]) -> int:
    """Reads the headers of a part that starts at `start`; answers where to look for the next boundary line."""
    default = "message/rfc822" if owner.content_type == "multipart/digest" else "text/plain"
    headers, body = split_part_headers(owner.raw, start, found)
    part = _make_part(owner.raw, headers, body, default, found)
    owner.children.append(part)
    if part.is_multipart:
        boundary = part.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:MAX_BOUNDARY]
        if len(opened.parts) >= MAX_DEPTH:
            found.add(Defect.TOO_DEEP)
            part.content_type = "application/octet-stream"
        elif boundary and boundary not in opened.boundaries:
            opened.push(part, boundary)
        else:
            found.add(Defect.MISSING_BOUNDARY)
    return body - 1


def _boundary(root: Part, found: set[Defect]) -> bytes | None:
    """The root's boundary: as declared where its line exists, else one that the body plainly uses; None: no parts."""
    declared = root.params.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")[:MAX_BOUNDARY]
    if declared and root.raw.find(b"--" + declared, root.start) >= 0:
        return declared
    found.add(Defect.MISSING_BOUNDARY)
    likely = _LIKELY_BOUNDARY.search(root.raw, root.start)
    return likely[1] if likely else None


def _mend_empty(root: Part, found: set[Defect]) -> None:
    """A multipart in which no boundary line was found is one text."""
    for part in root.walk():
        if part.is_multipart and not part.children:
            found.add(Defect.MISSING_BOUNDARY)
            part.content_type = "text/plain"
