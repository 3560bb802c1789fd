"""Decodes base64 as messages have it: whole, damaged, with a footer below it, or declared but never applied."""

import binascii
import codecs
import re

import pybase64

from schemas.mail import Defect

_BLANKS = b"\r\n \t"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_URL_SAFE = b"-_"
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r\f\x1b"))
_RULE = b"-_*~#+ \t\r\n"  # what a line above a footer is drawn with
_LOOK = 4_096  # bytes that tell what the rest is
_MAX_PIECES = 10_000
_LONGEST_LINE = 1_000  # bytes, of lines of equal length

# A short word with another one behind it: no line of base64 has that, even where its line breaks became blanks.
_PROSE = re.compile(rb"(?<!\S)[^\s=]{1,19}[ \t]+\S")
# One word in one case, or a number; any letter outside of ASCII is one of a word. Base64 of any length mixes them.
_WORD = rb"(?:[A-Z]?(?:[a-z]|[\x80-\xff])+|[A-Z]+|\d+)"
_WORDS = re.compile(rb"\s*%b(?:[\s.,;:!?'()/_-]+%b)*[\s.,;:!?)_-]*\Z" % (_WORD, _WORD))


def decode_base64(body: bytes | memoryview, is_text: bool, found: set[Defect]) -> bytes:
    """The decoded bytes, or `body` as it came where it was never encoded; `is_text`: it is meant to be read.

    Characters outside the alphabet are stepped over (RFC 2045, section 6.8); a text behind the end is not read.
    """
    decoded = _decode_even_lines(memoryview(body))
    if decoded is not None:
        return decoded
    data = bytes(body)
    try:
        decoded = pybase64.b64decode(data.translate(None, _BLANKS), validate=True)
    except binascii.Error:
        found.add(Defect.BAD_BASE64)
        return _decode_damaged(data, is_text)
    if b" " in data and _PROSE.search(data) and not is_readable(decoded):  # words of letters alone
        found.add(Defect.BAD_BASE64)
        return _decode_damaged(data, is_text)
    if is_text and _are_words(data) and not (_are_words(decoded) and is_readable(decoded)):
        found.add(Defect.BAD_BASE64)  # "Test" is base64, of a text that nobody wrote
        return data
    return decoded


def _decode_even_lines(data: memoryview) -> bytes | None:
    """Of lines of equal length, as programs write them: they are cut by their stride, and copied once.

    None where they are not, where other blanks than line ends stand in them, and where they may be words: those are
    short, or have a blank between them.
    """
    length = bytes(data[:_LONGEST_LINE]).find(b"\n") + 1  # of a line, with its end
    if len(data) <= _LOOK or length < 3:
        return None
    end = len(data) - len(data) % length
    rest = bytes(data[end:])
    count = end // length
    lines = bytearray(data[:end])
    if b" " in rest or lines[length - 1 :: length].count(b"\n") < count:
        return None
    del lines[length - 1 :: length]
    if lines[length - 2 :: length - 1].count(b"\r") == count:
        del lines[length - 2 :: length - 1]
    lines += rest.translate(None, _BLANKS)
    try:
        return pybase64.b64decode(lines, validate=True)
    except binascii.Error:
        return None


def _decode_damaged(data: bytes, is_text: bool) -> bytes:
    coded = _without_footer(data.translate(None, b">") if data.lstrip().startswith(b">") else data)
    if _are_words(coded):
        return data
    decoded = _decode_pieces(coded)
    readable = is_text and _strange(coded) * 4 < len(coded) and is_readable(decoded)
    return decoded if readable or _looks_coded(coded, short=not is_text and coded.strip() == data.strip()) else data


def _without_footer(data: bytes) -> bytes:
    """What stands above the footer of a mailing list or scanner: words, or a paragraph that is no base64."""
    prose = _PROSE.search(data)
    if prose:
        data = data[: data.rfind(b"\n", 0, prose.start()) + 1]
    for end in (max(data.rfind(b"\n\n"), data.rfind(b"\n\r\n")) + 1, data.rfind(b"=") + 1):
        tail = data[end:]
        if end and (not tail.strip(_RULE) or _are_words(tail) or not _looks_coded(tail, short=True)):
            data = data[:end]
    rule = data.find(b"\n", len(data.rstrip(_RULE)))
    return data if rule < 0 else data[:rule]


def _decode_pieces(coded: bytes) -> bytes:
    """Each run of the alphabet between paddings, as far as it goes."""
    if not coded.translate(None, _ALPHABET + _URL_SAFE + _BLANKS):  # the alphabet for URLs (RFC 4648, section 5)
        coded = coded.replace(b"-", b"+").replace(b"_", b"/")
    out = bytearray()
    for run in re.split(rb"=+", coded.translate(None, _NOT_ALPHABET), maxsplit=_MAX_PIECES):
        whole = run[: len(run) - (len(run) % 4 == 1)]
        out += binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    return bytes(out)


def _are_words(data: bytes) -> bool:
    sample = data[:_LOOK]
    if len(sample) < len(data):
        sample = sample[: sample.rfind(b" ") + 1]
    return _WORDS.match(sample) is not None


def is_readable(decoded: bytes) -> bool:
    """Whether it is a text in UTF-8, without control characters: what was never base64 hardly ever gives one."""
    sample = decoded[:_LOOK]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return len(sample.translate(None, _CONTROLS)) == len(sample)


def _looks_coded(coded: bytes, short: bool) -> bool:
    """Whether it has the look of base64: hardly a sign outside the alphabet, long lines, capitals among its letters.

    `short`: a single line may be of any length.
    """
    compact = coded.translate(None, _BLANKS)
    lower = len(compact) - len(compact.translate(None, _LOWER))
    if _strange(coded) * 10 > len(compact) or lower * 10 > len(compact) * 7:
        return False
    lines = coded[:_LOOK].split()
    least = 1 if len(lines) == 1 and (short or compact.endswith(b"=")) else 20
    return sum(map(len, lines)) >= least * len(lines) > 0


def _strange(coded: bytes) -> int:
    """How many bytes are no sign of base64."""
    return len(coded.translate(None, _ALPHABET + _URL_SAFE + _BLANKS))
