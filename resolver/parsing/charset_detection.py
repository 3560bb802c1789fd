"""The most likely charset of undeclared 8-bit text, from short subjects to whole bodies.

Every candidate that can read the bytes is scored by what it makes of them: letters that its languages use often count
for it; upper case inside words, mixed scripts and rare signs count against it. Statistics of byte pairs, as detection
libraries use them, need more text than a subject has (measured: docs/adr/0004-own-mime-reader.md).
"""

import codecs
import re
from functools import lru_cache

_SAMPLE = 4_000  # bytes looked at: enough to tell, bounded for big bodies
MAX_STRAYS = 2_000  # bytes of another charset in a UTF-8 text that are read one by one
_HIGH = re.compile(rb"[\x80-\xff]")

_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєўґљњђћџ"
_GREEK = "αοιετνσηυρπκμλωςγθδφχβξζψάέήίόύώ"
_HEBREW = "יוהלאתרבמשנעדחקפסטגזצכםןךףץ"
_ARABIC = "اليمنوترفهدعبسكقةحجشصطذخأىءضزثظئغإآؤ،"
_WESTERN = "éèàçùêâôîëïüöäßñáíóúãåøæœÉÀÜÖÄÑÅØÆÇ¿¡"
_WESTERN_RARE = "ûõìòÈÊÁÍÓÚÂÔÎÕÃŒ"
_SIGNS = "ªº«»·’‘“”„–—…€°§£©®\xa0"
_CENTRAL = "ąćęłńóśźżčďěňřšťůžýáéíúőűöüäôâîșțşđŁŚŻŹŠČŽŘŘÁÉÍÖÜ"
_CENTRAL_RARE = "ţľĺŕăĂÎÂÓŐŰĆŃĘĄ"
_TURKISH = "ışğçöüİŞĞÇÖÜâ"
_THAI = "านรอกเงมยลวดทสตะปบคหแจพชขใไโผถซศธณฟฉ" + "่้ัิ์ีืุูึ็ๆ"
_HANGUL = (
    "이다는을가에의은하지고로니기서한를도사어요시리해자인일정스안아대나습있세제보전부주수원과들와그거되동여라게신장상성면조만선"
    "마내유네무회할중및경구소문드관비입교진국방용바개년위공학실연오등였합저감청프린터작업발오류내메일문의답변확인부탁"
)
_KANA_FIRST, _KANA_LAST = "\u3041", "\u30fe"
_SCRIPTS = ("cyrillic", "greek", "hebrew", "arabic", "thai")  # whose words hold no Latin letters


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, float]]:
    """Letter -> weight by candidate family: near 1 for the letters that its languages use most."""

    def falling(letters: str, top: float = 1.0) -> dict[str, float]:
        table = {letter: top - 0.7 * i / len(letters) for i, letter in enumerate(letters)}
        return {**{k.upper(): v * 0.9 for k, v in table.items() if len(k.upper()) == 1}, **table}

    signs = dict.fromkeys(_SIGNS, 0.6)
    shared = dict.fromkeys(set(_WESTERN) & set(_CENTRAL) | set(_WESTERN) & set(_TURKISH), 0.95)
    return {
        "cyrillic": {**signs, **falling(_CYRILLIC)},
        "greek": {**signs, **falling(_GREEK)},
        "hebrew": {**signs, **falling(_HEBREW, 0.95)},
        "arabic": {**signs, **falling(_ARABIC, 0.95)},
        "thai": {**signs, **falling(_THAI, 0.95)},
        "western": {**signs, **dict.fromkeys(_WESTERN_RARE, 0.8), **dict.fromkeys(_WESTERN, 0.95)},
        "central": {**signs, **dict.fromkeys(_CENTRAL_RARE, 0.7), **dict.fromkeys(_CENTRAL, 0.9), **shared},
        "turkish": {**signs, **dict.fromkeys(_TURKISH, 0.91), **shared},
    }


# (codec, family): the order breaks ties.
_SINGLE = (
    ("cp1252", "western"), ("cp1251", "cyrillic"), ("koi8-r", "cyrillic"), ("koi8-u", "cyrillic"), ("cp1250",
    "central"),
    ("iso8859-2", "central"), ("cp1254", "turkish"), ("cp1253", "greek"), ("iso8859-7", "greek"), ("cp1255", "hebrew"),
    ("cp1256", "arabic"), ("iso8859-5", "cyrillic"), ("cp866", "cyrillic"), ("cp874", "thai"), ("iso8859-15",
    "western"),
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
            return data.decode("utf-8", "mailcall-keep-letters")
    codec = best_codec(_sample(data), hint)
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if sum(c > "\x7f" for c in text) - wrong > 4 * wrong:
        return mixed_utf8(data) if wrong <= MAX_STRAYS else text
    return data.decode(codec, "mailcall-keep-c1" if codec == "cp1252" else "replace")


def mixed_utf8(data: bytes) -> str:
    """UTF-8 to which a program has added bytes of another charset: a footer in lines of its own, or single letters."""
    lines = data.split(b"\n")
    read: list[str | None] = []
    broken = bytearray()
    for line in lines:
        try:
            read.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            text = line.decode("utf-8", "mailcall-keep-letters")
            single = text.isascii() or line.decode("utf-8", "ignore").isascii()
            read.append(None if single else text)
            if single and len(broken) < _SAMPLE:
                broken += line + b"\n"
    codec = best_codec(_sample(bytes(broken))) if broken else ""
    return "\n".join(
        line.decode(codec, "replace") if text is None else text for line, text in zip(lines, read, strict=True)
    )


def _keep_letters(error: UnicodeError) -> tuple[str, int]:
    """A byte that cannot be UTF-8, with ASCII behind it, is a letter of Windows-1252; anything else is U+FFFD."""
    assert isinstance(error, UnicodeDecodeError)
    byte, behind = error.object[error.start], error.object[error.end : error.end + 1]
    if 0xC0 <= byte <= 0xFD and error.end == error.start + 1 and behind.isascii() and behind:
        return bytes((byte,)).decode("cp1252"), error.end
    return "\ufffd", error.end


codecs.register_error("mailcall-keep-letters", _keep_letters)


def _sample(data: bytes) -> bytes:
    """Its beginning, or what stands from its first 8-bit byte on where that comes later: nothing else can tell."""
    sample = data[:_SAMPLE]
    first = _HIGH.search(data, len(sample)) if sample.isascii() else None
    return data[first.start() : first.start() + _SAMPLE] if first else sample


def best_codec(sample: bytes, hint: str | None = None) -> str:
    """The codec whose reading of the sample, which has 8-bit bytes, looks most like words."""
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
    """Mean weight of the non-ASCII characters, by byte of them, less what does not look like words."""
    if family in ("han", "kana", "hangul"):
        return _score_wide(text, codec, family, high)
    weights, foreign = _weights()[family], family in _SCRIPTS
    total = 0.0
    before = " "
    for c in text:
        if c > "\x7f":
            total += weights.get(c, -0.8)
            if c.isupper() and before.islower():
                total -= 0.9
            if foreign:
                total -= 0.8 * (before.isalpha() and before.isascii())
            elif c.isalpha() and before > "\x7f" and before.isalpha():
                total -= 0.3  # two accented letters in a row are rare in Latin script
        elif foreign and before > "\x7f":
            total -= 0.8 * (c.isalpha() or before == "ъ")  # no word ends so today; many Hebrew ones would seem to
        before = c
    total -= 0.8 * (before == "ъ")
    return total / high


def _score_wide(text: str, codec: str, family: str, high: int) -> float:
    """As `_score`, for scripts of two bytes a character. A single such character between Latin letters is none."""
    total = 0.0
    for i, c in enumerate(text):
        if c > "\x7f":
            total += 2 * _wide_weight(c, codec, family)
            if 0 < i < len(text) - 1 and _is_latin(text[i - 1]) and _is_latin(text[i + 1]):
                total -= 3
    kana = family == "kana" and any(_KANA_FIRST <= c <= _KANA_LAST for c in text)
    return total / high + 0.1 * kana


def _is_latin(c: str) -> bool:
    return c.isascii() and c.isalpha()


def _wide_weight(c: str, codec: str, family: str) -> float:
    if _KANA_FIRST <= c <= _KANA_LAST:
        return 0.95 if family == "kana" else 0.1
    if "\uac00" <= c <= "\ud7a3":
        return 0.0 if family != "hangul" else 1.0 if c in _HANGUL else 0.5
    if "\u4e00" <= c <= "\u9fff":
        return _han_weight(c, codec, family)
    if "\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff5e":
        return 0.6
    return -0.6


def _han_weight(c: str, codec: str, family: str) -> float:
    """Characters of the first level of each standard are the frequent ones."""
    if family == "hangul":
        return -0.2
    if codec == "big5":
        return 0.85 if _in_first_level(c, "big5", 0xA4, 0xC6) else -0.3
    if family == "kana":
        return 0.8 if _in_first_level(c, "euc_jp", 0xB0, 0xCF) else -0.3
    return 0.87 if _in_first_level(c, "gb2312", 0xB0, 0xD7) else -0.3


def is_frequent(c: str) -> bool:
    """Whether it is a Chinese, Japanese or Korean character that texts are made of: a quarter of all are."""
    levels = (("gb2312", 0xB0, 0xD7), ("euc_jp", 0xB0, 0xCF), ("big5", 0xA4, 0xC6), ("euc_kr", 0xB0, 0xC8))
    return any(_in_first_level(c, codec, first, last) for codec, first, last in levels)


def _in_first_level(c: str, codec: str, first: int, last: int) -> bool:
    """Whether a character stands among the frequently used ones of its national standard."""
    try:
        code = c.encode(codec)
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and first <= code[0] <= last
