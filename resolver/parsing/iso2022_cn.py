"""ISO-2022-CN (RFC 1922) for Python's codecs, which lack it. GB 2312 is read; of CNS 11643 each character is U+FFFD."""

import codecs
import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAME = "iso2022_cn"
LABELS = frozenset({"iso2022_cn", "iso_2022_cn", "iso_2022_cn_ext", "csiso2022cn"})
_GB2312 = b"A"
MAX_TOKENS = 1_000_000  # what stands behind them is read as ASCII
# A designation, shift out, shift in, a line's end (which undoes both), or text.
_TOKEN = re.compile(rb"\x1b\$\)(.)|\x1b\$[*+].|(\x0e)|(\x0f)|(\n)|([^\x1b\x0e\x0f\n]+)|.", re.DOTALL)


def decode(data: "ReadableBuffer", errors: str = "strict") -> tuple[str, int]:
    """The codec's decoder. What cannot be read becomes U+FFFD, whatever `errors` says."""
    del errors
    pieces: list[str] = []
    charset, shifted, position = b"", False, 0
    data = bytes(data)
    for match in islice(_TOKEN.finditer(data), MAX_TOKENS):
        designated, out, back, end, text = match.groups(b"")
        position = match.end()
        charset = designated or (b"" if end else charset)
        shifted = bool(out) or (shifted and not back and not end)
        pieces.append("\n" if end else _read(text, charset) if shifted else text.decode("ascii", "replace"))
    pieces.append(data[position:].decode("ascii", "replace"))
    return "".join(pieces), len(data)


def _read(text: bytes, charset: bytes) -> str:
    if charset == _GB2312:
        return bytes(byte | 0x80 for byte in text).decode("gb2312", "replace")
    return "\ufffd" * (len(text) // 2)


def _encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    raise UnicodeEncodeError(NAME, text, 0, len(text), f"cannot be written ({errors})")


codecs.register(lambda name: codecs.CodecInfo(_encode, decode, name=NAME) if name in LABELS else None)
