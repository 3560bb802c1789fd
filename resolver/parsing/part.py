"""One part of a message: its headers, type and body, decoded when asked for; and what parsing returns as a whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from resolver.file import File
from resolver.parsing.headers import Headers
from resolver.parsing.parameters import parse_parameters
from resolver.parsing.transfer_encoding import decode_transfer
from schemas.mail import Defect, ParsedMail

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+\Z")
_KEPT = 1 << 20  # bytes; a larger text is decoded anew, should anybody ask again, for the sake of memory


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
        if self._content is not None:
            return self._content
        encoding = self.headers.raw("content-transfer-encoding") or b""
        is_text = self.content_type.startswith(("text/", "multipart/"))
        body = memoryview(self.raw)[self.start : self.end]
        content = decode_transfer(body, encoding.decode("ascii", "replace"), is_text, found)
        if not is_text or len(content) <= _KEPT:
            self._content = content
        return content

    def become(self, inner: "Part") -> None:
        """Takes the place of a part that was found inside this one; fields that do not tell of the content stay."""
        self.raw, self.start, self.end = inner.raw, inner.start, inner.end
        self.headers = self.headers.around(inner.headers)
        self.content_type, self.params = inner.content_type, inner.params
        self.disposition, self.disposition_params = inner.disposition, inner.disposition_params
        self._content = None

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def make_part(raw: bytes, headers: Headers, start: int, default_type: str, found: set[Defect]) -> Part:
    """The part whose header block was read, as it describes itself; its body reaches to the end of `raw`."""
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


@dataclass(slots=True)
class Parsed:
    """`files` stand in the order of `mail.attachments`; `root` is the tree of parts, for screening.

    Nobody changes one; frozen, it would be made five times as slowly.
    """

    mail: ParsedMail
    files: tuple[File, ...]
    headers: Headers
    root: Part
