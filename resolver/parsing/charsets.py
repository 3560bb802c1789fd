"""Decodes bytes to text: what a charset label means in practice, and what to do if it is wrong."""

import codecs
import encodings
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import cache, lru_cache
from pkgutil import iter_modules

from resolver.parsing.charset_detection import MAX_STRAYS, guess, mixed_utf8
from resolver.parsing.iso2022 import CHINESE, CHINESE_LABELS, decode_iso2022
from resolver.parsing.wide_charsets import WIDE, decode_wide
from schemas.mail import Defect

# What mail programs write -> the codec that reads what they mean: mostly the superset that the label's users really
# send (the same choice browsers make, WHATWG Encoding Standard, section 4.2).
_LABELS = {
    "ascii": "us-ascii", "us": "us-ascii", "ansix341968": "us-ascii", "iso646us": "us-ascii", "7bit": "us-ascii",
    "iso88591": "cp1252", "latin1": "cp1252", "l1": "cp1252", "iso885911987": "cp1252", "ansi": "cp1252",
    "cp819": "cp1252",
    "iso88599": "cp1254", "latin5": "cp1254", "iso885911": "cp874", "tis620": "cp874",
    "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "iso88596i": "iso8859-6", "iso88596e": "iso8859-6",
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "unicode11utf8": "utf-8", "xunicode20utf8": "utf-8",
    "unicode11utf7": "utf-7", "xunicode20utf7": "utf-7", "unicode20utf7": "utf-7",
    "gb2312": "gb18030", "gbk": "gb18030", "xgbk": "gb18030", "gb23121980": "gb18030", "csgb2312": "gb18030",
    "euccn": "gb18030", "xeuccn": "gb18030", "cngb": "gb18030", "cp936": "gb18030", "chinese": "gb18030",
    "hzgb2312": "hz",
    "big5": "big5hkscs", "cnbig5": "big5hkscs", "xxbig5": "big5hkscs", "csbig5": "big5hkscs", "cp950": "big5hkscs",
    "ksc56011987": "cp949", "ksc5601": "cp949", "ksc56011989": "cp949", "ksc5601192": "cp949", "euckr": "cp949",
    "korean": "cp949", "cseuckr": "cp949", "uhc": "cp949", "isoir149": "cp949",
    "shiftjis": "cp932", "sjis": "cp932", "xsjis": "cp932", "mskanji": "cp932", "windows31j": "cp932",
    "cswindows31j": "cp932",
    "xeucjp": "euc_jp", "ujis": "euc_jp", "eucjpms": "euc_jp", "eucjpwin": "euc_jp",
    "cp51932": "euc_jp",
    "iso2022jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext", "iso2022jpms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext", "xiso2022jp": "iso2022_jp_ext",
    "iso2022cn": CHINESE, "iso2022cnext": CHINESE, "csiso2022cn": CHINESE,
    "macintosh": "mac_roman", "xmacroman": "mac_roman", "mac": "mac_roman", "xmaccyrillic": "mac_cyrillic",
    "xmacce": "mac_latin2", "xmacgreek": "mac_greek", "xmacturkish": "mac_turkish",
    "dos874": "cp874", "koi": "koi8-r", "koi8": "koi8-r", "koi8ru": "koi8-u", "cskoi8r": "koi8-r",
    "visual": "iso8859-8", "logical": "iso8859-8", "win1251": "cp1251", "cyrillic": "iso8859-5", "greek": "iso8859-7",
    "hebrew": "iso8859-8", "arabic": "iso8859-6",
    "unicode": "utf-16", "csunicode": "utf-16", "ucs2": "utf-16", "iso10646ucs2": "utf-16", "unicodefeff": "utf-16",
    "unicodefffe": "utf-16-be", "ucs4": "utf-32", "iso10646ucs4": "utf-32", "csucs4": "utf-32",
}  # fmt: skip
_TEXT_CODECS = re.compile(
    r"^(?:ascii|utf-(?:8|7|16|32)(?:-[lb]e)?|utf_8_sig|utf-8-sig|iso8859-\d+|cp\d+|koi8-[rut]|kz1048|ptcp154|tis-620"
    r"|mac-[\w-]+|gb2312|gbk|gb18030|hz|big5|big5hkscs|euc_jp|euc_kr|euc_jis_2004|euc_jisx0213|shift_jis\w*"
    r"|iso2022_(?:jp|kr|cn)\w*|johab|hp-roman8)$"
)
# Words in these cannot be valid UTF-8 by chance: their letters follow each other. (Thai, Mac and DOS sets can.)
_LATIN_LIKE = re.compile(r"^(?:iso8859-\d+|cp125\d|koi8-[rut]|ascii)$")
_WIDE = frozenset({"gb18030", "gb2312", "gbk", "big5hkscs", "big5", "cp949", "cp932", "euc_jp", "euc_kr", "johab"})
_ESCAPED = frozenset({"utf-7", "hz"})
_HIDDEN_JIS = b"\x1b$"
_C1 = {i: chr(i) for i in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}


def _keep_c1(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that cp1252 leaves open become control characters, as in browsers; elsewhere U+FFFD."""
    assert isinstance(error, UnicodeDecodeError)
    return _C1.get(error.object[error.start], "\ufffd"), error.start + 1


codecs.register_error("mailcall-keep-c1", _keep_c1)


@cache
def _codec_names() -> frozenset[str]:
    """What Python can look up: it keeps each name for ever that it does not find."""
    modules = (module.name for module in iter_modules(encodings.__path__))
    return frozenset(name.replace(".", "_") for name in (*modules, *aliases, *CHINESE_LABELS))


@lru_cache(maxsize=512)
def codec_for(label: str) -> str | None:
    """The codec to read a declared charset with; None where the label names no charset."""
    plain = re.sub(r"[\"'\s]", "", label[:64]).lower().partition("*")[0]
    key = re.sub(r"[^a-z0-9]", "", plain)
    windows = re.fullmatch(r"(?:x?windows|xcp|win|mswindows|microsoftcp|ibm|dos|cp|xwin)(\d{3,5})", key)
    if windows:
        key = f"cp{windows[1]}"
    name = _LABELS.get(key) or (key if windows else plain)
    for candidate in (name, key):
        if normalize_encoding(candidate).replace(".", "_") not in _codec_names():
            continue
        try:
            found = codecs.lookup(candidate).name
        except (LookupError, ValueError, UnicodeError):
            continue
        if _TEXT_CODECS.match(found):
            found = _LABELS.get(re.sub(r"[^a-z0-9]", "", found), found)
            return "ascii" if found == "us-ascii" else found
    return None


def decode(data: bytes, label: str | None, hint: str | None, found: set[Defect]) -> str:
    """Text of `data`, declared to be in charset `label`; never raises, defects are added to `found`.

    `hint` is another charset that the mail declares, used where this one is missing or wrong.
    """
    codec = codec_for(label) if label else None
    if label and codec is None:
        found.add(Defect.UNKNOWN_CHARSET)
    wide = decode_wide(data, codec)
    if wide:
        if label and (codec is None or codec[:6] != wide[1][:6]):
            found.add(Defect.WRONG_CHARSET)
        return wide[0]
    if codec in WIDE:  # it says so, and is not
        found.add(Defect.WRONG_CHARSET)
        codec = None
    if data.startswith(codecs.BOM_UTF8):
        codec = "utf-8"
    if data.isascii() and codec not in _ESCAPED:
        escapes = b"\x1b" in data
        if escapes and _HIDDEN_JIS in data:
            return decode_iso2022(data, codec, found)
        if not escapes and b"\x0e" not in data:
            return data.decode("ascii")
    if codec is None or codec == "ascii":
        if codec == "ascii" and not data.isascii():
            found.add(Defect.WRONG_CHARSET)
        return guess(data, codec_for(hint) if hint else None)
    if codec != "utf-8" and _is_really_utf8(data, codec):
        found.add(Defect.WRONG_CHARSET)
        return data.decode("utf-8")
    if codec == "cp1252":
        return data.decode(codec, "mailcall-keep-c1")
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        found.add(Defect.WRONG_CHARSET)
    if codec == "euc_jp":  # with signs of NEC and IBM, as Windows writes it
        return data.decode("euc_jis_2004", "replace")
    if codec == "utf-8" and (text := _paired(data)) is not None:
        return text
    return _decode_damaged(data, codec, hint)


def _is_really_utf8(data: bytes, codec: str) -> bool:
    if not (_LATIN_LIKE.match(codec) or codec in _WIDE):
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if codec not in _WIDE:
        return True
    # Two GB characters can be one UTF-8 sequence by chance, but then of a Latin or Cyrillic letter.
    high = [c for c in text if c > "\x7f"]
    return len(high) >= 2 and sum(c >= "\u3000" for c in high) * 2 > len(high)


def _paired(data: bytes) -> str | None:
    """UTF-8 in which characters past U+FFFF are written as two surrogates (CESU-8), as Java and Oracle do."""
    if b"\xed" not in data:
        return None
    try:
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    except UnicodeDecodeError:
        return None


def _decode_damaged(data: bytes, codec: str, hint: str | None) -> str:
    """Text whose declared charset does not fit it throughout: what reads most of it wins."""
    text = data.decode(codec, "replace")
    wrong = text.count("\ufffd")
    right = sum(c > "\x7f" for c in text) - wrong
    if right > wrong:
        return mixed_utf8(data) if codec == "utf-8" and wrong <= MAX_STRAYS else text
    return guess(data, codec_for(hint) if hint else None)
