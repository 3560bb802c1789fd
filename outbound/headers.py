"""Header fields of our messages as wire bytes: nothing that came from outside can begin a second field.

RFC 5322 (2.2.3 folding, 3.4 addresses, 3.6.4 identification), RFC 2047 (encoded words), RFC 6532 (UTF-8 in
an address).
"""

import base64
import re
from collections.abc import Iterable, Sequence

CRLF = b"\r\n"
FOLD_AT = 76
MAX_TEXT = 1000  # characters of a subject or display name
_MAX_REFERENCES = 20
_ENCODED_BYTES = 45  # base64 of 45 bytes and `=?utf-8?b?` `?=` are 72 characters: RFC 2047, section 2 allows 75
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PLAIN_WORDS = re.compile(r"[\x20-\x7e]*")
_LONG_WORD = re.compile(r"[^ ]{60}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
# msg-id without the obsolete and quoted forms: what we did not read strictly, we do not write.
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.:-]{1,200}@[A-Za-z0-9.:\[\]_-]{1,200}>")


def clean_line(text: str) -> str:
    """One line of text: control characters, line ends and lone surrogates become blanks, runs of blanks one blank."""
    return " ".join(_CONTROLS.sub(" ", text[:MAX_TEXT]).split())


def unstructured(name: bytes, text: str) -> bytes:
    """A field such as Subject, folded, with its line end."""
    line = clean_line(text)
    return _folded(name, line if _may_stand(line) else _encoded_words(line))


def mailbox(name: bytes, display_name: str, address: str) -> bytes:
    """A field such as To or From with one mailbox. `address` is a `SafeAddress`."""
    angle = f"<{wire_address(address)}>"
    phrase = _phrase(clean_line(display_name))
    return _folded(name, f"{phrase} {angle}" if phrase else angle)


def addresses(name: bytes, given: Sequence[str]) -> bytes:
    """A field such as Cc with any number of `SafeAddress`es and no names. b"" where there is none."""
    return _folded(name, ", ".join(map(wire_address, given))) if given else b""


def message_ids(name: bytes, ids: Iterable[str]) -> bytes:
    """A field such as References: only ids of strict form, the first and the latest of many. b"" where none is left."""
    kept = [id_ for id_ in ids if _MESSAGE_ID.fullmatch(id_)]
    if len(kept) > _MAX_REFERENCES:
        kept = [kept[0], *kept[1 - _MAX_REFERENCES :]]
    return _folded(name, " ".join(kept)) if kept else b""


def wire_address(address: str) -> str:
    """An address as it stands in SMTP and headers: the domain in ASCII (IDNA) where it can be."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


def _may_stand(line: str) -> bool:
    """Whether text can stand as it is: printable ASCII, nothing like an encoded word, no word too long to fold."""
    return _PLAIN_WORDS.fullmatch(line) is not None and "=?" not in line and _LONG_WORD.search(line) is None


def _phrase(name: str) -> str:
    """A display name as words: atoms, else a quoted string, else encoded words."""
    if not _may_stand(name):
        return _encoded_words(name)
    if not name or _ATOMS.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encoded_words(text: str) -> str:
    """RFC 2047, section 5(3): each word whole characters; the blank between two encoded words is not shown."""
    words, left = [], text.encode("utf-8")
    while len(left) > _ENCODED_BYTES:
        end = _ENCODED_BYTES
        while left[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        words.append(left[:end])
        left = left[end:]
    words.append(left)
    return " ".join(f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words)


def _folded(name: bytes, words: str) -> bytes:
    """The field with its words one blank apart, a new line begun where the next word would pass column 76."""
    field = b"%s: %s" % (name, words.encode())
    if len(field) <= FOLD_AT:
        return field + CRLF
    head, first, *others = field.split(b" ")
    lines, line = [], head + b" " + first
    for word in others:
        if len(line) + 1 + len(word) > FOLD_AT:
            lines.append(line)
            line = b""
        line += b" " + word
    return CRLF.join([*lines, line]) + CRLF
