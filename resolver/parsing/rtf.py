"""Outlook's RTF bodies: decompressed (MS-OXRTFCP), and read as the HTML or text they were made from (MS-OXRTFEX)."""

import re
import struct

from resolver.parsing.charsets import codec_for

_MAX_OUTPUT = 8 << 20
_PRESET = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS "
    b"Sans Serif"
    b"SymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_TOKEN = re.compile(
    rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE
)
_SKIPPED = frozenset({
    b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"generator", b"listtable",
    b"listoverridetable", b"themedata",
    b"pntext", b"header", b"footer", b"mhtmltag",
})  # fmt: skip
_SIGNS = {
    b"par": "\n", b"line": "\n", b"tab": "\t", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”",
    b"bullet": "•",
    b"endash": "–", b"emdash": "—", b"row": "\n", b"cell": " ",
}  # fmt: skip


def decompress_rtf(data: bytes) -> bytes:
    """Raw RTF; empty where the bytes are no compressed RTF."""
    if len(data) < 16:
        return b""
    _, raw_size, magic, _ = struct.unpack_from("<IIII", data)
    if magic == 0x414C454D:  # MELA: stored
        return data[16 : 16 + raw_size]
    if magic != 0x75465A4C:  # LZFu
        return b""
    window = bytearray(_PRESET.ljust(4096, b"\0"))
    write, out, position = len(_PRESET), bytearray(), 16
    while position < len(data) and len(out) < min(raw_size, _MAX_OUTPUT):
        control = data[position]
        position += 1
        for bit in range(8):
            if position >= len(data):
                break
            if not control >> bit & 1:
                out.append(data[position])
                window[write] = data[position]
                write = (write + 1) & 4095
                position += 1
                continue
            if position + 1 >= len(data):
                return bytes(out)
            reference = data[position] << 8 | data[position + 1]
            position += 2
            offset, length = reference >> 4, (reference & 15) + 2
            if offset == write:
                return bytes(out)
            for step in range(length):
                byte = window[(offset + step) & 4095]
                out.append(byte)
                window[write] = byte
                write = (write + 1) & 4095
    return bytes(out)


def rtf_to_body(rtf: bytes) -> tuple[str | None, str | None]:
    """(text, HTML): one of the two, None where there is none."""
    if not rtf.startswith(b"{\\rtf"):
        return None, None
    head = rtf[:1000]
    from_html = b"\\fromhtml" in head
    codepage = re.search(rb"\\ansicpg(\d{3,5})", head)
    codec = (codec_for(f"windows-{codepage[1].decode()}") if codepage else None) or "cp1252"
    text = _RtfParser(codec, from_html).read(rtf)
    return (None, text) if from_html else (text.strip("\n") or None, None)


class _RtfParser:
    """One pass over the tokens; groups as a stack of (skipped, inside a tag of the original HTML, fallback length)."""

    def __init__(self, codec: str, from_html: bool) -> None:
        self.codec = codec
        self.from_html = from_html
        self.out: list[str] = []
        self.pending = bytearray()
        self.stack: list[tuple[bool, bool, bool]] = []
        self.skip = self.tag = self.off = False
        self.star = False
        self.drop = 0  # characters that stand in for a \u before them
        self.fallback = 1

    def read(self, rtf: bytes) -> str:
        for match in _TOKEN.finditer(rtf):
            word, number, hexa, symbol, brace, plain = match.groups()
            if brace:
                self._brace(brace)
            elif word:
                self._word(word.lower(), int(number) if number else None)
            elif symbol:
                self._symbol(symbol)
            elif hexa or plain:
                self._bytes(bytes((int(hexa, 16),)) if hexa else plain)
        self._flush()
        return "".join(self.out)

    def _brace(self, brace: bytes) -> None:
        self._flush()
        if brace == b"{":
            self.stack.append((self.skip, self.tag, self.off))
        elif self.stack:
            self.skip, self.tag, self.off = self.stack.pop()
        self.star = False

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.star = True
        elif symbol == b"~":
            self._emit("\u00a0")
        elif symbol in b"{}\\":
            self._bytes(symbol)
        elif symbol == b"_":
            self._emit("-")

    def _word(self, word: bytes, number: int | None) -> None:
        if word == b"htmltag":
            self.tag, self.skip = True, not self.from_html
        elif self.star or word in _SKIPPED:
            self.skip = True
        elif word == b"htmlrtf":
            self._flush()
            self.off = self.from_html and number != 0
        elif word == b"u" and number is not None:
            self._emit(chr(number & 0xFFFF))
            self.drop = self.fallback
        elif word == b"uc":
            self.fallback = number or 0
        elif word in _SIGNS and not (self.tag and word != b"tab" and word not in (b"par", b"line")):
            self._emit(_SIGNS[word])
        self.star = False

    def _emit(self, text: str) -> None:
        self._flush()
        if not self.skip and not self.off:
            self.out.append(text)

    def _bytes(self, data: bytes) -> None:
        if self.drop:
            used = min(self.drop, len(data))
            self.drop -= used
            data = data[used:]
        if not self.skip and not self.off:
            self.pending += data

    def _flush(self) -> None:
        if self.pending:
            self.out.append(self.pending.decode(self.codec, "replace"))
            self.pending.clear()
