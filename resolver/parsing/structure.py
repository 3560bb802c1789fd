"""The tree of a message's parts, found in one pass over its boundary lines, and inside encoded or signed parts."""

from dataclasses import replace

from resolver.parsing.boundaries import (
    MAX_BOUNDARY,
    OpenParts,
    before_line,
    boundary_of,
    declared_boundary,
    likely_boundary,
    line_end,
    seems_encoded,
    with_fields_below,
    with_used_boundary,
)
from resolver.parsing.headers import split_headers, split_part_headers
from resolver.parsing.part import Part, make_part
from resolver.parsing.smime import may_hide_mail, read_cms, signed_mail
from schemas.mail import Defect

MAX_PARTS = 2_000
MAX_DEPTH = 100
MAX_LOOKS = 400_000  # at lines that begin as a boundary does
MAX_HIDDEN = 64 << 20  # bytes of all that parts hide, layer by layer


def read_structure(raw: bytes, found: set[Defect]) -> Part:
    """The whole tree. What a part hides, as an encoded multipart or an opaque S/MIME message, is part of it."""
    headers, start = split_headers(raw, found)
    if "content-type" not in headers:
        headers, start = with_fields_below(raw, headers, start, found)
    elif len(headers.raw_all("content-type")) > 1:
        headers = with_used_boundary(raw, headers, start)
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
            self._split(part, declared_boundary(part), depth)
        if seems_encoded(part):
            part.end = len(part.raw) if alone else part.end  # its closing line, which was cut off, is encoded, too
            self._divide_decoded(part, depth)
        if not part.children:
            self.found.add(Defect.MISSING_BOUNDARY)
            if alone:
                self._split(part, likely_boundary(part), depth)
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
        self._split(inner, declared_boundary(inner) or likely_boundary(inner), depth)
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
            position = line_end(raw, line_start)
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
            end = before_line(raw, line_start)
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
            boundary = boundary_of(part)
            if depth + len(opened.parts) >= MAX_DEPTH:
                self.found.add(Defect.TOO_DEEP)
                part.content_type = "application/octet-stream"
            else:
                if not boundary or boundary in opened.boundaries:  # none, or that of a multipart about it
                    self.found.add(Defect.MISSING_BOUNDARY)
                if boundary:
                    opened.push(part, boundary)
        return body - 1
