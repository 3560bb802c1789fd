"""ISO-2022: text with escape sequences in seven bits, as Japan, China and Korea send it.

Python lacks ISO-2022-CN (RFC 1922): GB 2312 is read; of CNS 11643 each character is U+FFFD.
"""

import codecs
import re
from itertools import islice
from typing import TYPE_CHECKING

from schemas.mail import Defect

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHINESE = "iso2022_cn"
CHINESE_LABELS = frozenset({"iso2022_cn", "iso_2022_cn", "iso_2022_cn_ext", "csiso2022cn"})
_GB2312 = b"A"
MAX_TOKENS = 1_000_000  # what stands behind them is read as ASCII
# A designation, shift out, shift in, a line's end (which undoes both), or text.
_TOKEN = re.compile(rb"\x1b\$\)(.)|\x1b\$[*+].|(\x0e)|(\x0f)|(\n)|([^\x1b\x0e\x0f\n]+)|.", re.DOTALL)


def decode_chinese(data: "ReadableBuffer", errors: str = "strict") -> tuple[str, int]:
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
        pieces.append("\n" if end else _read_chinese(text, charset) if shifted else text.decode("ascii", "replace"))
    pieces.append(data[position:].decode("ascii", "replace"))
    return "".join(pieces), len(data)


def _read_chinese(text: bytes, charset: bytes) -> str:
    if charset == _GB2312:
        return bytes(byte | 0x80 for byte in text).decode("gb2312", "replace")
    return "\ufffd" * (len(text) // 2)


def _encode_chinese(text: str, errors: str = "strict") -> tuple[bytes, int]:
    raise UnicodeEncodeError(CHINESE, text, 0, len(text), f"cannot be written ({errors})")


codecs.register(
    lambda name: codecs.CodecInfo(_encode_chinese, decode_chinese, name=CHINESE) if name in CHINESE_LABELS else None
)


def decode_iso2022(data: bytes, codec: str | None, found: set[Defect]) -> str:
    """ISO-2022 text, whatever it is declared as: 7-bit text with its escape sequences."""
    candidates = [codec] if codec and codec.startswith("iso2022") else []
    if not candidates:
        found.add(Defect.WRONG_CHARSET)
    other = [codec for sign, codec in ((b"\x1b$)C", "iso2022_kr"), (b"\x1b$)A", CHINESE)) if sign in data]
    for candidate in [*candidates, *other, "iso2022_jp_ext", "iso2022_jp_2"]:
        try:
            return data.decode(candidate)
        except UnicodeError:
            continue
    # NEC and IBM additions are no part of any ISO-2022 codec of Python: read the rows by way of Shift_JIS.
    return _jis_as_cp932(data)


_JIS_RUN = re.compile(rb"\x1b(\$[@B]|\$\([DB@]|\([BJI]|\$A)([^\x1b]*)")


def _jis_as_cp932(data: bytes) -> str:
    head, *_ = data.partition(b"\x1b")
    pieces = [head.decode("ascii", "replace")]
    for escape, run in _JIS_RUN.findall(data):
        pieces.append(_JIS_READERS.get(escape, _ascii)(run))
    return "".join(pieces)


def _ascii(run: bytes) -> str:
    return run.decode("ascii", "replace")


def _halfwidth_katakana(run: bytes) -> str:
    return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in run).decode("cp932", "replace")


def _jis_rows(run: bytes) -> str:
    shifted = bytearray()
    for row, cell in zip(run[::2], run[1::2], strict=False):
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            continue
        shifted.append(((row - 0x21) >> 1) + (0x81 if row < 0x5F else 0xC1))
        shifted.append(cell + (0x7E if row % 2 == 0 else 0x1F + (cell >= 0x60)))
    return shifted.decode("cp932", "replace")


_JIS_READERS = {b"$B": _jis_rows, b"$@": _jis_rows, b"(I": _halfwidth_katakana}
