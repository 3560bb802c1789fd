"""Unpacks winmail.dat (MS-OXTNEF): the files inside, and the body if the message has no other."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from resolver.parsing.charsets import codec_for
from resolver.parsing.rtf import decompress_rtf, rtf_to_body

_SIGNATURE = 0x223E9F78
_FIRST_OBJECT = 6  # behind the signature and the key
_OVERHEAD = 11  # bytes of an object beside its value
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 5  # mails within mails
_MAX_VALUES = 10_000

# Attributes of the stream (MS-OXTNEF 2.1.3.2, MS-OXCMAIL).
_BODY, _ATTACH_DATA, _ATTACH_TITLE, _TRANSPORT_NAME = 0x800C, 0x800F, 0x8010, 0x9001
_ATTACH_START, _MESSAGE_PROPERTIES, _ATTACH_PROPERTIES, _CODEPAGE = 0x9002, 0x9003, 0x9005, 0x9007
# MAPI properties (MS-OXPROPS).
_P_BODY, _P_RTF, _P_HTML, _P_INTERNET_CODEPAGE, _P_SUBJECT = 0x1000, 0x1009, 0x1013, 0x3FDE, 0x0037
_P_DATA, _P_SHORT_NAME, _P_LONG_NAME, _P_MIME_TYPE, _P_CONTENT_ID, _P_DISPLAY = (
    0x3701,
    0x3704,
    0x3707,
    0x370E,
    0x3712,
    0x3001,
)
# Fixed sizes by property type; None: counted, variable.
_SIZES: dict[int, int | None] = {
    0x00: 4, 0x01: 4, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8,
        0x48: 16,
    0x0D: None, 0x1E: None, 0x1F: None, 0x102: None,
}  # fmt: skip
_IMESSAGE = bytes.fromhex("0703020000000000c000000000000046")
_TYPE_STRING, _TYPE_UNICODE, _MULTI = 0x1E, 0x1F, 0x1000


class TnefError(Exception):
    """The bytes are no TNEF stream, or a damaged one. Carries no content."""


@dataclass(slots=True)
class Tnef:
    """`files`: (name, content type, content, content id). `damaged`: the stream goes on where nothing can be read."""

    text: str | None = None
    html: str | None = None
    files: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    damaged: bool = False


@dataclass(slots=True)
class _File:
    title: str = ""
    name: str = ""
    kind: str = ""
    content_id: str = ""
    data: bytes = b""
    embedded: bytes = b""


def read_tnef(data: bytes, depth: int = 0) -> Tnef:
    """Raises `TnefError` where nothing can be read; reads as far as a damaged stream is whole."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        raise TnefError("no TNEF signature")
    result, files = Tnef(), list[_File]()
    codec = "cp1252"
    end = _FIRST_OBJECT
    for name, value in _objects(data):
        end += _OVERHEAD + len(value)
        if name == _CODEPAGE and len(value) >= 4:
            codec = _codec(struct.unpack_from("<I", value)[0])
        elif name == _ATTACH_START:
            files.append(_File())
        elif name == _BODY:
            result.text = result.text or _string(value, codec)
        elif name == _MESSAGE_PROPERTIES:
            _take_message(result, value, codec)
        elif files and name in (_ATTACH_TITLE, _TRANSPORT_NAME):
            files[-1].title = files[-1].title or _string(value, codec)
        elif files and name == _ATTACH_DATA:
            files[-1].data = value
        elif files and name == _ATTACH_PROPERTIES:
            _take_file(files[-1], value, codec)
    if end == _FIRST_OBJECT:
        raise TnefError("no readable object")
    for file in files:
        _put_file(result, file, depth)
    result.damaged = any(data[end:])
    return result


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(attribute, value) of each object: level, attribute, type, length, value, checksum."""
    position = _FIRST_OBJECT
    for _ in range(_MAX_OBJECTS):
        if position + 9 > len(data):
            return
        _, name, _, length = struct.unpack_from("<BHHI", data, position)
        if position + 9 + length > len(data):
            return
        yield name, data[position + 9 : position + 9 + length]
        position += _OVERHEAD + length


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(property, type, first value) of a property list (MS-OXTNEF 2.1.3.4); ends where the list makes no sense."""
    if len(data) < 4:
        return
    count, position, left = struct.unpack_from("<I", data)[0], 4, _MAX_VALUES
    try:
        for _ in range(min(count, _MAX_VALUES)):
            kind, name = struct.unpack_from("<HH", data, position)
            position += 4
            if name >= 0x8000:
                position = _skip_name(data, position)
            base = kind & ~_MULTI
            size = _SIZES[base]
            values = 1
            if size is None or kind & _MULTI:
                values = struct.unpack_from("<I", data, position)[0]
                position += 4
            first = b""
            for number in range(values):
                left -= 1
                if left < 0:
                    return
                length = size
                if length is None:
                    length = struct.unpack_from("<I", data, position)[0]
                    position += 4
                if position + length > len(data):
                    return
                if number == 0:
                    first = data[position : position + length]
                position += length + (-length % 4)
            yield name, base, first
    except (struct.error, KeyError):
        return


def _skip_name(data: bytes, position: int) -> int:
    """A named property: GUID, kind, then an id or a counted name."""
    kind, number = struct.unpack_from("<II", data, position + 16)
    return position + 24 + (number + (-number % 4) if kind == 1 else 0)


def _take_message(result: Tnef, data: bytes, codec: str) -> None:
    html, rtf, text, code = b"", b"", None, codec
    for name, kind, value in _properties(data):
        if name == _P_INTERNET_CODEPAGE and len(value) >= 4:
            code = _codec(struct.unpack_from("<I", value)[0])
        elif name == _P_BODY:
            text = _text(kind, value, codec)
        elif name == _P_HTML:
            html = value if kind != _TYPE_UNICODE else value.decode("utf-16-le", "replace").encode()
            code = code if kind != _TYPE_UNICODE else "utf-8"
        elif name == _P_RTF:
            rtf = value
    result.text = text or result.text
    if html:
        result.html = html.decode(code, "replace").rstrip("\0")
    elif rtf and not result.text:
        result.text, result.html = rtf_to_body(decompress_rtf(rtf))


def _take_file(file: _File, data: bytes, codec: str) -> None:
    for name, kind, value in _properties(data):
        if name == _P_LONG_NAME:
            file.name = _text(kind, value, codec)
        elif name in (_P_SHORT_NAME, _P_DISPLAY):
            file.title = file.title or _text(kind, value, codec)
        elif name == _P_MIME_TYPE:
            file.kind = _text(kind, value, codec).lower()
        elif name == _P_CONTENT_ID:
            file.content_id = _text(kind, value, codec)
        elif name == _P_DATA and value.startswith(_IMESSAGE):
            file.embedded = value[16:]
        elif name == _P_DATA:
            file.data = value[16:] if kind == 0x0D else value


def _put_file(result: Tnef, file: _File, depth: int) -> None:
    """A file as it is; of a mail inside, its files and its text as a file (it has no RFC 5322 form to keep)."""
    name = file.name or file.title
    if not file.embedded:
        result.files.append((name, file.kind or "application/octet-stream", file.data, file.content_id))
        return
    try:
        inner = read_tnef(file.embedded, depth + 1) if depth < _MAX_DEPTH else None
    except TnefError:
        inner = None
    if inner is None or inner.damaged:
        result.files.append((name, "application/ms-tnef", file.embedded, ""))
    if inner is None:
        return
    if inner.html is not None:
        result.files.append((f"{name}.html", "text/html", inner.html.encode(), ""))
    elif inner.text is not None:
        result.files.append((f"{name}.txt", "text/plain", inner.text.encode(), ""))
    result.files += inner.files


def _codec(codepage: int) -> str:
    return (
        {65001: "utf-8", 65000: "utf-7", 20127: "cp1252", 28591: "cp1252", 1200: "utf-16-le"}.get(codepage)
        or codec_for(f"windows-{codepage}")
        or "cp1252"
    )


def _text(kind: int, value: bytes, codec: str) -> str:
    return value.decode("utf-16-le", "replace").rstrip("\0") if kind == _TYPE_UNICODE else _string(value, codec)


def _string(value: bytes, codec: str) -> str:
    return value.rstrip(b"\0").decode(codec, "replace")
