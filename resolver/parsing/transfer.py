"""Content-Transfer-Encoding undone (RFC 2045, section 6), and uuencode. Damage costs its place, not the part."""

import binascii
import re

import pybase64

from schemas.mail import Defect

_PLAIN = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "unencoded"})
_UU = frozenset({"x-uuencode", "uuencode", "x-uue", "uue", "x-uu"})
_NAME = re.compile(r"[\w-]+")
_BLANKS = b"\r\n \t"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_PROSE = re.compile(rb"[^\s=][ \t]+[^\s]")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r*\n|\Z)")
_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")


def decode_transfer(data: bytes, encoding: str, found: set[Defect]) -> bytes:
    """The decoded bytes of a part."""
    match = _NAME.search(encoding)
    name = match[0].lower() if match else ""
    if name in _PLAIN:
        return data
    if name in ("base64", "b", "base-64"):
        return decode_base64(data, found)
    if name in ("quoted-printable", "quotedprintable", "qp", "quoted_printable"):
        return decode_quoted_printable(data, found)
    if name in _UU:
        return _decode_uu_part(data, found)
    found.add(Defect.UNKNOWN_TRANSFER_ENCODING)
    return data


def decode_base64(data: bytes, found: set[Defect]) -> bytes:
    """Characters outside the alphabet are stepped over (RFC 2045, section 6.8); a text behind the end is not read."""
    try:
        return pybase64.b64decode(data.translate(None, _BLANKS), validate=True)
    except binascii.Error:
        return _decode_damaged_base64(data, found)


def _decode_damaged_base64(data: bytes, found: set[Defect]) -> bytes:
    found.add(Defect.BAD_BASE64)
    prose = _PROSE.search(data)
    if prose:  # a mailing list's or scanner's footer below the data
        data = data[: data.rfind(b"\n", 0, prose.start()) + 1] or data
    elif b"-" in data or b"_" in data:  # the alphabet for URLs
        safe = data.translate(None, b"\r\n\t -_=")
        if not safe.translate(None, _ALPHABET):
            data = data.replace(b"-", b"+").replace(b"_", b"/")
    out = bytearray()
    for run in re.split(rb"=+", data.translate(None, _NOT_ALPHABET)):
        whole = run[: len(run) - (len(run) % 4 == 1)]
        out += binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return bytes(out)


def decode_quoted_printable(data: bytes, found: set[Defect]) -> bytes:
    """Escapes that are none stay as they stand."""
    if _BAD_ESCAPE.search(data):
        data = _SOFT_BREAK.sub(b"=", data)
        if _BAD_ESCAPE.search(data):
            found.add(Defect.BAD_QUOTED_PRINTABLE)
    return binascii.a2b_qp(data)


def _decode_uu_part(data: bytes, found: set[Defect]) -> bytes:
    lines = data.decode("latin-1").replace("\r\n", "\n").split("\n")
    start = next((i + 1 for i, line in enumerate(lines) if line.startswith("begin ")), 0)
    decoded, _, whole = decode_uu_lines(lines, start)
    if not whole:
        found.add(Defect.BAD_UUENCODE)
    return decoded


def decode_uu_lines(lines: list[str], start: int) -> tuple[bytes, int, bool]:
    """(content, the line after the block, whether it was whole); stops at the first line that is no uuencoded one."""
    decoded = bytearray()
    terminated = False
    for number in range(start, len(lines)):
        line = lines[number].rstrip("\r")
        if line.rstrip() == "end" and (terminated or decoded):
            return bytes(decoded), number + 1, True
        if line in ("`", " ", ""):
            terminated = True
            continue
        size = (ord(line[0]) - 32) & 63
        try:
            decoded += binascii.a2b_uu(line[: 1 + (size + 2) // 3 * 4])
        except ValueError:  # `binascii.Error`, or a character that is not ASCII
            return bytes(decoded), number, False
    return bytes(decoded), len(lines), False
