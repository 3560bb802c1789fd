"""Undoes Content-Transfer-Encoding (RFC 2045, section 6) and uuencode. Damage costs its place, not the part."""

import binascii
import re

from resolver.parsing.base64_text import decode_base64
from resolver.parsing.headers import LONE_CR
from schemas.mail import Defect

_PLAIN = frozenset({"", "7bit", "8bit", "7bits", "8bits", "binary", "none", "unencoded"})
_USUAL = {name: name.replace("-", "") for name in ("7bit", "8bit", "base64", "quoted-printable")}
_UU = frozenset({"xuuencode", "uuencode", "xuue", "uue", "xuu"})
_NAME = re.compile(r"quoted\s{1,9}printable|[\w-]+", re.IGNORECASE)
_SIGNS = re.compile(r"[\W_]")
# What encoders write: a letter or digit stands for itself, so `=50` comes from nobody but the author.
_ESCAPE = re.compile(rb"=(?:[89A-Fa-f][0-9A-Fa-f]|3[Dd]|(?:20|09)?[ \t]*\r*\n)")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r*\n|\Z)")
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")
_LOOK = 1 << 20  # bytes that tell what the rest is


def is_encoded(encoding: str) -> bool:
    """Whether a Content-Transfer-Encoding says that the body has to be decoded."""
    return _name(encoding) not in _PLAIN


def decode_transfer(body: memoryview, encoding: str, is_text: bool, found: set[Defect]) -> bytes:
    """The decoded bytes of a part; `is_text`: they are meant to be read."""
    name = _name(encoding)
    if name in ("base64", "b"):
        return decode_base64(body, is_text, found)
    data = bytes(body)
    if name in ("quotedprintable", "qp"):
        return decode_quoted_printable(data, found)
    if name in _UU:
        return _decode_uu_part(data, found)
    if name not in _PLAIN:
        found.add(Defect.UNKNOWN_TRANSFER_ENCODING)
    return data


def _name(encoding: str) -> str:
    """In small letters, without what stands between its words: `quoted printable`, `7-bit`."""
    usual = encoding.strip()
    if usual in _USUAL:
        return _USUAL[usual]
    match = _NAME.search(encoding)
    return _SIGNS.sub("", match[0]).lower() if match else ""


def decode_quoted_printable(data: bytes, found: set[Defect]) -> bytes:
    """Escapes that are none stay as they stand. Where most are none, nothing was encoded: `<td width=50 class="a">`."""
    decoded = binascii.a2b_qp(data)
    # No sign of an escape is left: all were escapes, but perhaps for a soft line break that is half. Most texts have
    # none, and both is seen in a third of the time that a look at each escape takes.
    if (b"=" not in decoded and not LONE_CR.search(data)) or not _BAD_ESCAPE.search(data):
        return decoded
    del decoded  # for the sake of memory
    mended = _SOFT_BREAK.sub(b"=", data)
    if _BAD_ESCAPE.search(mended):
        found.add(Defect.BAD_QUOTED_PRINTABLE)
    sample = mended[:_LOOK]
    if len(_BAD_ESCAPE.findall(sample)) > len(_ESCAPE.findall(sample)):
        return data
    return binascii.a2b_qp(mended)


def _decode_uu_part(data: bytes, found: set[Defect]) -> bytes:
    lines = data.decode("latin-1").replace("\r\n", "\n").split("\n")
    start = next((i + 1 for i, line in enumerate(lines) if line.startswith("begin ")), 0)
    decoded, _, whole = decode_uu_lines(lines, start)
    if not whole:
        found.add(Defect.BAD_UUENCODE)
    return decoded if whole or start else data  # without its first and last line it was never encoded


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


MAX_FILES = 500

_BEGIN = re.compile(r"begin [0-7]{3,4} (\S.{0,254})\Z")


def extract_uuencoded(text: str, found: set[Defect]) -> tuple[str, list[tuple[str, bytes]]]:
    """(text without the blocks, files as (name, content)). A block that is not whole stays in the text."""
    lines = text.split("\n")
    kept: list[str] = []
    files: list[tuple[str, bytes]] = []
    i = 0
    while i < len(lines):
        match = _BEGIN.match(lines[i]) if lines[i].startswith("begin ") and len(files) < MAX_FILES else None
        if match is None:
            kept.append(lines[i])
            i += 1
            continue
        content, used, whole = decode_uu_lines(lines, i + 1)
        if whole:
            files.append((match[1].strip(), content))
        elif used > i + 1:
            found.add(Defect.BAD_UUENCODE)
        kept += [] if whole else lines[i:used]
        i = used
    return ("\n".join(kept), files) if files else (text, files)
