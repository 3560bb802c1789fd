"""Opaque S/MIME: which parts may be one, and the message inside (CMS, RFC 5652, 3274). Signatures are not checked."""

import re
import zlib
from dataclasses import dataclass

from resolver.parsing.base64_text import is_readable
from resolver.parsing.headers import Headers, split_part_headers
from resolver.parsing.part import Part, make_part
from schemas.mail import Defect

_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_EXTENSIONS = (".p7m", ".p7z")
_OWN_NAMES = frozenset({"", "smime.p7m", "smime.p7z"})
_MAILS = frozenset({"message/rfc822", "message/global"})
_FIRST_FIELD = re.compile(rb"[A-Za-z0-9-]+:")
_MIME_FIELDS = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version"})


def may_hide_mail(part: Part) -> bool:
    """By type, or by name where the type says nothing (RFC 8551, section 3.9). Only the content itself is a proof."""
    if part.content_type in _TYPES:
        return True
    if not part.content_type.startswith("application/"):
        return False
    name = _name(part)
    return name.endswith(_EXTENSIONS) or (not name and part.content_type == "application/octet-stream")


def signed_mail(content: bytes, holder: Part, found: set[Defect]) -> Part | None:
    """The mail that was signed; None for a signed document, as `order.pdf.p7m` is.

    It is a MIME entity (RFC 8551, section 3.1), or a text that somebody signed without making one of it.
    """
    headers, start = split_part_headers(content, 0, set())
    if _FIRST_FIELD.match(content) and not _MIME_FIELDS.isdisjoint(headers):
        entity = make_part(content, headers, start, "text/plain", found)
    elif _name(holder) in _OWN_NAMES and is_readable(content):
        entity = make_part(content, Headers(), 0, "text/plain", found)
    else:
        return None
    if entity.content_type in _MAILS and entity.params.get("forwarded", "").lower() != "yes":
        # The whole mail was signed, with its headers (RFC 8551, section 3.1): it is this mail, and no forwarded one.
        mail = entity.content(found)
        headers, start = split_part_headers(mail, 0, found)
        return make_part(mail, headers, start, "text/plain", found)
    return entity


def _name(part: Part) -> str:
    return (part.disposition_params.get("filename") or part.params.get("name") or "").strip().lower()


MAX_ELEMENTS = 200_000  # a program that writes 1,000 bytes a piece needs 40,000 for a large mail
MAX_DEPTH = 16  # elements of indefinite length in each other, where they are stepped over or put together
MAX_LENGTH_OCTETS = 8
MAX_EXPANDED = 16 << 20  # bytes that a compressed message may grow to

_SEQUENCE, _SET, _INTEGER, _OBJECT_ID, _EXPLICIT = 0x30, 0x31, 0x02, 0x06, 0xA0
_OCTETS, _OCTETS_IN_PIECES, _END = 0x04, 0x24, 0x00
_SIGNED = bytes.fromhex("06092a864886f70d010702")  # 1.2.840.113549.1.7.2, RFC 5652, section 5.1
_COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")  # 1.2.840.113549.1.9.16.1.9, RFC 3274, section 1.1


@dataclass(frozen=True, slots=True)
class Content:
    """What was signed; not `whole` where the message is cut or damaged inside it."""

    data: bytes
    whole: bool


class _NotCmsError(ValueError):
    """These bytes are no such element."""


def read_cms(message: bytes, most: int) -> Content | None:
    """The content of signed-data or compressed-data, of at most `most` bytes; None for anything else.

    So it is for encrypted messages, for signatures without their content, and for content past the limit.
    """
    try:
        position, compressed = _content_info(message)
        data, whole = _octets(message, position)
    except _NotCmsError:
        return None
    if compressed:
        most = min(most, MAX_EXPANDED)
        expander = zlib.decompressobj()
        try:
            data = expander.decompress(data, most + 1)
        except zlib.error:
            return None
        whole = whole and expander.eof
    return Content(data, whole) if 0 < len(data) <= most else None


def _content_info(message: bytes) -> tuple[int, bool]:
    """Where the content's octet string starts, and whether the message is compressed.

    SignedData and CompressedData begin alike: a version, the algorithms, and the content with its type.
    """
    position, _ = _enter(message, 0, _SEQUENCE)
    compressed = message.startswith(_COMPRESSED, position)
    if not compressed and not message.startswith(_SIGNED, position):
        raise _NotCmsError
    position = _step_over(message, position, _OBJECT_ID)
    position, _ = _enter(message, position, _EXPLICIT)
    position, _ = _enter(message, position, _SEQUENCE)
    position = _step_over(message, position, _INTEGER)
    position = _step_over(message, position, _SEQUENCE if compressed else _SET)
    position, end = _enter(message, position, _SEQUENCE)
    position = _step_over(message, position, _OBJECT_ID)
    if end is not None and position >= end:  # the content is elsewhere: what follows are certificates
        raise _NotCmsError
    position, _ = _enter(message, position, _EXPLICIT)
    return position, compressed


def _header(message: bytes, position: int) -> tuple[int, int, int | None]:
    """(tag, start of the content, its end) of the element here; the end is None where its length is indefinite."""
    if position + 2 > len(message):
        raise _NotCmsError
    tag, length = message[position], message[position + 1]
    start = position + 2
    if tag & 0x1F == 0x1F:  # a tag of several bytes: CMS has none
        raise _NotCmsError
    if length == 0x80:
        if not tag & 0x20:
            raise _NotCmsError
        return tag, start, None
    if length > 0x80:
        octets = length & 0x7F
        if octets > MAX_LENGTH_OCTETS or start + octets > len(message):
            raise _NotCmsError
        length = int.from_bytes(message[start : start + octets], "big")
        start += octets
    return tag, start, start + length


def _enter(message: bytes, position: int, expected: int) -> tuple[int, int | None]:
    tag, start, end = _header(message, position)
    if tag != expected:
        raise _NotCmsError
    return start, end


def _step_over(message: bytes, position: int, expected: int) -> int:
    """Where the element ends that starts here."""
    start, end = _enter(message, position, expected)
    if end is not None:
        return end
    depth, position = 1, start
    for _ in range(MAX_ELEMENTS):
        tag, start, end = _header(message, position)
        position = start if end is None else end
        depth += (end is None) - (tag == _END)
        if depth == 0:
            return position
        if depth > MAX_DEPTH:
            break
    raise _NotCmsError


def _octets(message: bytes, position: int) -> tuple[bytes, bool]:
    """(content, whole) of an octet string, which may be in pieces that are in pieces."""
    tag, start, end = _header(message, position)
    if tag == _OCTETS and end is not None:
        return message[start:end], end <= len(message)
    if tag != _OCTETS_IN_PIECES:
        raise _NotCmsError
    pieces: list[bytes] = []
    ends = [end]
    position = start
    try:
        for _ in range(MAX_ELEMENTS):
            while ends and ends[-1] is not None and position >= ends[-1]:
                ends.pop()
            if not ends:
                return b"".join(pieces), True
            tag, start, end = _header(message, position)
            position = start if end is None or tag == _OCTETS_IN_PIECES else end
            if tag == _END and ends[-1] is None:
                ends.pop()
            elif tag == _OCTETS:
                pieces.append(message[start:end])
                if position > len(message):
                    break
            elif tag == _OCTETS_IN_PIECES and len(ends) < MAX_DEPTH:
                ends.append(end)
            else:
                break
    except _NotCmsError:
        pass
    return b"".join(pieces), False
