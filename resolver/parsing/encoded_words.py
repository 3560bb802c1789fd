"""Decodes header values: raw 8-bit bytes, folding, and encoded words (RFC 2047), whatever state they are in."""

import binascii
import re

from resolver.parsing.charset_detection import guess
from resolver.parsing.charsets import codec_for, decode
from schemas.mail import Defect

_FOLD = re.compile(r"\r*\n[ \t]+|[\r\n\t]+")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BREAKS = re.compile(r"[\t\r\n\x85\u2028\u2029]+")
_START = re.compile(r"=\?([^?\s=]{1,60})\?([bBqQ])\?")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_GAP = re.compile(r"\s*\Z")
# Characters that show nothing: Default_Ignorable_Code_Point of Unicode without joiners and variation selectors, which
# shape what stands beside them, and the marks of interlinear notes.
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]+"
)


def clean(text: str) -> str:
    """Text that may travel: no NUL, no lone surrogates (pairs become their character)."""
    return without_surrogates(text.replace("\0", "\ufffd") if "\0" in text else text)


def without_surrogates(text: str) -> str:
    """Lone ones become U+FFFD, pairs their character."""
    if text.isascii():
        return text
    try:
        text.encode("utf-16-le")  # finds a surrogate many times faster than a search for one, or than UTF-8
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_line(text: str) -> str:
    """One line without control characters, blanks at its ends removed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _CONTROL.sub("", _BREAKS.sub(" ", clean(text))).strip()


def raw_text(value: bytes, hint: str | None, found: set[Defect]) -> str:
    """A header value as text, unfolded; encoded words still stand in it."""
    value = value.rstrip(b"\r")
    if value.isascii() and b"\x1b" not in value:
        text = value.decode("ascii")
    else:
        found.add(Defect.RAW_8BIT_HEADER)
        text = decode(value, None, hint, set())
    return _FOLD.sub(" ", text) if "\n" in text or "\r" in text or "\t" in text else text


def header_text(value: bytes, hint: str | None, found: set[Defect]) -> str:
    """An unstructured header value: unfolded and decoded."""
    return decode_words(raw_text(value, hint, found), found)


def decode_words(text: str, found: set[Defect]) -> str:
    """Replaces the encoded words of `text`. Neighbours in one charset are joined before they are decoded: many programs
    cut in the middle of a character (against RFC 2047, section 5)."""
    if "=?" not in text:
        return text
    pieces: list[str] = []
    words: list[tuple[str, str, str]] = []  # (charset, encoding, payload) not yet decoded
    position = 0
    while True:
        word = _next_word(text, position, found)
        if word is None:
            break
        start, end, charset, encoding, payload = word
        between = text[position:start]
        if not (words and _GAP.match(between)):
            pieces.append(_decode_run(words, found))
            words = []
            pieces.append(between)
        words.append((charset, encoding, payload))
        position = end
    pieces.append(_decode_run(words, found))
    pieces.append(text[position:])
    return "".join(pieces)


def _next_word(text: str, position: int, found: set[Defect]) -> tuple[int, int, str, str, str] | None:
    """(start, end, charset, encoding, payload) of the next encoded word; None where there is no more."""
    end = -1
    while True:
        match = _START.search(text, position)
        if match is None:
            if "=?" in text[position:]:
                found.add(Defect.BAD_ENCODED_WORD)
            return None
        if end < match.end():  # else it is the end of this one as well: no text is searched twice
            end = text.find("?=", match.end())
        if end < 0:
            found.add(Defect.BAD_ENCODED_WORD)
            return None
        inner = text.find("=?", match.end(), end)
        if inner >= 0 and _START.match(text, inner):
            found.add(Defect.BAD_ENCODED_WORD)  # this one has no end: the next one begins before it
            position = inner
            continue
        payload = text[match.end() : end]
        if match[2] in "qQ":
            end = _real_end(text, end)
            payload = text[match.end() : end]
        if " " in payload or "?" in payload:
            found.add(Defect.BAD_ENCODED_WORD)
        return match.start(), end + 2, match[1], match[2].upper(), payload


def _real_end(text: str, end: int) -> int:
    """An unencoded question mark before an encoded character looks like the end: `what?=20is?=`."""
    while re.match(r"\?=[0-9A-F]{2}", text[end : end + 4]):
        later = text.find("?=", end + 2)
        if later < 0 or "=?" in text[end + 2 : later]:
            break
        end = later
    return end


def _decode_run(words: list[tuple[str, str, str]], found: set[Defect]) -> str:
    """The text of encoded words that follow each other."""
    pieces: list[str] = []
    i = 0
    while i < len(words):
        charset = words[i][0].partition("*")[0].lower()
        data = bytearray()
        unfinished = ""  # a base64 quantum cut between two words
        while i < len(words) and words[i][0].partition("*")[0].lower() == charset:
            _, encoding, payload = words[i]
            follows = (
                i + 1 < len(words) and words[i + 1][1] == "B" and words[i + 1][0].partition("*")[0].lower() == charset
            )
            if encoding == "B":
                payload = unfinished + payload.replace(" ", "")
                unfinished = ""
                if follows and len(payload) % 4 and not payload.endswith("="):
                    unfinished = payload[len(payload) // 4 * 4 :]
                    payload = payload[: len(payload) // 4 * 4]
                data += _decode_b(payload, found)
            else:
                data += _decode_q(payload, charset)
            i += 1
        pieces.append(_decode_charset(bytes(data), charset, found))
    return "".join(pieces)


def _decode_charset(data: bytes, charset: str, found: set[Defect]) -> str:
    if codec_for(charset) is None:
        found.add(Defect.UNKNOWN_CHARSET)
        return guess(data)
    return decode(data, charset, None, found)


def _decode_b(payload: str, found: set[Defect]) -> bytes:
    data = payload.encode("ascii", "ignore")
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error:
        found.add(Defect.BAD_ENCODED_WORD)
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", data.replace(b"-", b"+").replace(b"_", b"/"))
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def _decode_q(payload: str, charset: str) -> bytes:
    # Raw 8-bit characters inside a word have been decoded already: they go back by the word's own charset.
    data = payload.encode("ascii") if payload.isascii() else payload.encode(codec_for(charset) or "utf-8", "replace")
    return _HEX.sub(lambda m: bytes((int(m[1], 16),)), data.replace(b"_", b" "))
