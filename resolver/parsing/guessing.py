"""The most likely charset of undeclared 8-bit text, from short subjects to whole bodies.

Every candidate that can read the bytes is scored by what it makes of them: letters that its languages use often count
for it; upper case inside words, mixed scripts and rare signs count against it. Statistics of byte pairs, as detection
libraries use them, need more text than a subject has (measured: docs/adr/0004-own-mime-reader.md).
"""

import re
from functools import lru_cache

_SAMPLE = 4_000  # bytes looked at: enough to tell, bounded for big bodies
_HIGH = re.compile(rb"[\x80-\xff]")

_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєўґљњђћџ"
_GREEK = "αοιετνσηυρπκμλωςγθδφχβξζψάέήίόύώ"
_HEBREW = "יוהלאתרבמשנעדחקפסטגזצכםןךףץ"
_ARABIC = "اليمنوترفهدعبسكقةحجشصطذخأىءضزثظئغإآؤ،"
_WESTERN = "éèàçùêâôîûëïüöäßñáíóúãõåøæœÉÀÜÖÄÑÅØÇ¿¡ªºòì«»·’‘“”–—…€°§£©®"
_CENTRAL = "ąćęłńóśźżčďěňřšťůžýáíéúőűöüäôľĺŕăâîșțşţđŁŚŻŠČŽŘ"
_TURKISH = "ışğçöüİŞĞÇÖÜâ"
_THAI_FIRST, _THAI_LAST = "ก", "๛"
_KANA_FIRST, _KANA_LAST = "\u3041", "\u30fe"


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, float]]:
    """Letter -> weight by candidate family: near 1 for the letters a language uses most."""

    def falling(letters: str) -> dict[str, float]:
        table = {letter: 1.0 - 0.4 * i / len(letters) for i, letter in enumerate(letters)}
        return {**{k.upper(): v * 0.6 for k, v in table.items() if len(k.upper()) == 1}, **table}

    plain = {
        "western": falling(_WESTERN),
        "central": {k: v * 0.97 for k, v in falling(_CENTRAL).items()},
        "turkish": {k: v * 0.96 for k, v in falling(_TURKISH).items()},
    }
    return {
        "cyrillic": falling(_CYRILLIC), "greek": falling(_GREEK),
        "hebrew": dict.fromkeys(_HEBREW, 0.9), "arabic": dict.fromkeys(_ARABIC, 0.9), **plain,
    }  # fmt: skip


# (codec, family): the order breaks ties.
_SINGLE = (
    ("cp1252", "western"), ("cp1251", "cyrillic"), ("koi8-r", "cyrillic"), ("koi8-u", "cyrillic"), ("cp1250", "central"),
    ("iso8859-2", "central"), ("cp1254", "turkish"), ("cp1253", "greek"), ("iso8859-7", "greek"), ("cp1255", "hebrew"),
    ("cp1256", "arabic"), ("iso8859-5", "cyrillic"), ("cp866", "cyrillic"), ("cp874", "thai"), ("iso8859-15", "western"),
)  # fmt: skip
_MULTI = (
    ("gb18030", "han"), ("cp932", "kana"), ("euc_jp", "kana"), ("cp949", "hangul"), ("big5", "han"),
)  # fmt: skip


def guess(data: bytes, hint: str | None = None) -> str:
    """Text of undeclared bytes: UTF-8 where it fits, else the best candidate; `hint` (a codec) wins near-ties."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A UTF-8 text cut in the middle of its last character, or with few damaged places, is still UTF-8.
        if error.start >= len(data) - 3 and not data[: error.start].isascii():
            return data.decode("utf-8", "replace")
    codec = best_codec(data[:_SAMPLE], hint)
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if sum(c > "\x7f" for c in text) - wrong > 4 * wrong:
        return text
    return data.decode(codec, "mailcall-keep-c1" if codec == "cp1252" else "replace")


def best_codec(sample: bytes, hint: str | None = None) -> str:
    """The codec whose reading of the sample looks most like words."""
    high = len(_HIGH.findall(sample))
    best, best_score = "cp1252", -1e9
    for codec, family in (*_SINGLE, *_MULTI):
        text = _read(sample, codec)
        if text is None:
            continue
        score = _score(text, codec, family, high)
        if codec == hint or (hint == "cp1252" and codec == "iso8859-15"):
            score += 0.25
        if score > best_score + 1e-9:
            best, best_score = codec, score
    return best


def _read(sample: bytes, codec: str) -> str | None:
    for cut in (0, 1, 2, 3):  # the sample may end inside a character
        try:
            return sample[: len(sample) - cut].decode(codec)
        except UnicodeDecodeError as error:
            if error.start < len(sample) - 4:
                return None
    return None


def _score(text: str, codec: str, family: str, high: int) -> float:
    """Mean weight of the non-ASCII characters, per byte of them, less what does not look like words."""
    if family in ("han", "kana", "hangul"):
        return _score_wide(text, codec, family, high)
    if family == "thai":
        good = sum(_THAI_FIRST <= c <= _THAI_LAST for c in text)
        return 0.8 * good / high if good > 3 else -1.0
    weights = _weights()[family]
    total = 0.0
    before = " "
    for c in text:
        if c > "\x7f":
            total += weights.get(c, -0.8)
            if c.isupper() and before.islower():
                total -= 0.9
            if family in ("cyrillic", "greek", "hebrew", "arabic"):
                total -= 0.8 * (before.isalpha() and before.isascii())
            elif c.isalpha() and before > "\x7f" and before.isalpha():
                total -= 0.5  # two accented letters in a row are rare in Latin script
        elif before > "\x7f" and c.isalpha() and family in ("cyrillic", "greek", "hebrew", "arabic"):
            total -= 0.8
        before = c
    return total / high


def _score_wide(text: str, codec: str, family: str, high: int) -> float:
    total = 0.0
    for c in text:
        if c <= "\x7f":
            continue
        total += 2 * _wide_weight(c, codec, family)
    return total / high


def _wide_weight(c: str, codec: str, family: str) -> float:
    if _KANA_FIRST <= c <= _KANA_LAST:
        return 1.0 if family == "kana" else 0.1
    if "\uac00" <= c <= "\ud7a3":
        return 0.95 if family == "hangul" and _in_first_level(c, "euc_kr", 0xB0, 0xC8) else -0.5
    if "\u4e00" <= c <= "\u9fff":
        if family == "hangul":
            return -0.2
        if codec == "big5":
            return 0.9 if _in_first_level(c, "big5", 0xA4, 0xC6) else -0.3
        if family == "kana":
            return 0.75 if _in_first_level(c, "euc_jp", 0xB0, 0xCF) else -0.3
        return 0.85 if _in_first_level(c, "gb2312", 0xB0, 0xD7) else -0.3
    if "\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff5e":
        return 0.6
    return -0.6


def _in_first_level(c: str, codec: str, first: int, last: int) -> bool:
    """Whether a character stands among the frequently used ones of its national standard."""
    try:
        code = c.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and first <= code[0] <= last
