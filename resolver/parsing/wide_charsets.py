"""UTF-16 and UTF-32, recognised by their bytes whatever the label: a byte order mark, or the position of NULs."""

import codecs

from resolver.parsing.charset_detection import is_frequent

WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
# The longer mark first: UTF-32's begins as UTF-16's does.
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_FIRST_BYTES = (b"\xff\xfe", b"\xfe\xff")  # of text without NULs
_SAMPLE = 4_096  # bytes looked at; a multiple of four
_CONTROLS = bytes(range(0x20))
_UNUSED = "\U00040000"  # no character from here on, but for some that no text holds


def decode_wide(data: bytes, declared: str | None) -> tuple[str, str] | None:
    """(text, codec) of UTF-16 or UTF-32, without its byte order mark; None where the bytes are neither.

    `declared` is the codec that the label names. Without it, and without a mark, only NULs are a sign.
    """
    if b"\0" not in data and declared not in WIDE and not data.startswith(_FIRST_BYTES):
        return None
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _whole(data[len(mark) :], codec), codec
    found = _unmarked(data, declared if declared in WIDE else None)
    return (_whole(data, found), found) if found else None


def _whole(data: bytes, codec: str) -> str:
    """The text; a last character that was cut is left out."""
    size = 4 if codec.startswith("utf-32") else 2
    return data[: len(data) - len(data) % size].decode(codec, "replace")


def _unmarked(data: bytes, declared: str | None) -> str | None:
    sample = data[:_SAMPLE]
    if len(sample) % 4 == 0 and b"\0" in sample:
        for codec in ("utf-32-le", "utf-32-be"):
            if _decodes(sample, codec) and max(sample.decode(codec)) < _UNUSED and sample.strip(b"\0"):
                return codec
    sample = sample[: len(sample) - len(sample) % 2]
    first, last = sample[0::2], sample[1::2]
    if declared or _one_sided(first.count(0), last.count(0)):
        # The upper byte of a letter is below 0x20 in every alphabet: 00 in Latin, 04 in Cyrillic, 0E in Thai.
        low_first, low_last = _low(first), _low(last)
        if max(low_first, low_last) * 2 >= len(first) and min(low_first, low_last) * 2 <= max(low_first, low_last):
            return "utf-16-be" if low_first > low_last else "utf-16-le"
    return _ideographs(sample, declared)


def _ideographs(sample: bytes, declared: str | None) -> str | None:
    """Chinese, Japanese and Korean hold few NULs, or none: what they are read as has to be made of usual characters."""
    if _decodes(sample, "utf-8"):
        return None
    usual = {codec: _usual_share(sample.decode(codec, "replace")) for codec in ("utf-16-le", "utf-16-be")}
    best = max(usual, key=lambda codec: (usual[codec], codec == declared))
    return best if usual[best] > 0.7 else None


def _usual_share(text: str) -> float:
    return sum(map(_is_usual, text)) / max(len(text), 1)


def _is_usual(c: str) -> bool:
    if c.isascii() or c > "\uffff":  # past it: two halves that fit each other
        return True
    return "\u3000" <= c <= "\u30ff" or "\uff01" <= c <= "\uff5e" or is_frequent(c)


def _one_sided(first: int, last: int) -> bool:
    """Whether the NULs, more than one, stand in the upper bytes or in the lower ones, but for a few."""
    return max(first, last) >= 2 and min(first, last) * 20 <= max(first, last)


def _low(data: bytes) -> int:
    return len(data) - len(data.translate(None, _CONTROLS))


def _decodes(sample: bytes, codec: str) -> bool:
    """Whether the codec reads it; the sample may end inside a character."""
    try:
        codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
