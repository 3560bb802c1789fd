"""How a secret may come back from the server it was sent to: as it is, quoted, percent-encoded, or inside base64."""

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

LONG = 256  # characters
MIN_ENCODED = 5  # characters of a piece of base64 that no word has by chance


def forms_of(secret: str) -> frozenset[str]:
    """Every text that stands for the secret, itself among them.

    Base64 of something longer around it, as in SASL PLAIN (RFC 4616) or XOAUTH2, holds one of three texts, depending on
    where in a group of three bytes the secret begins (RFC 4648, section 4).
    """
    quoted = {
        secret,
        secret.replace("\\", "\\\\").replace('"', '\\"'),  # IMAP's quoted string (RFC 9051, section 4.3)
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    data = secret.encode("utf-8", "surrogatepass")
    forms = {*quoted, *_inside_base64(data)}
    for one in quoted:  # what a server quoted is quoted once more where an error or a page shows it
        forms |= {*_shown_by_python(one), html.escape(one), *_percent_encoded(one)}
    if len(secret) < LONG:  # a token is longer, and makes many of them
        forms |= {*cases_of(secret), data.hex(), data.hex().upper()}
    return frozenset(forms)


def cases_of(secret: str) -> tuple[str, ...]:
    """The secret, and how a server writes it that repeats a command in capitals."""
    return (secret, secret.upper(), secret.lower())


def _shown_by_python(text: str) -> Iterator[str]:
    """As a string or as bytes; once more for where the text around it has both kinds of quotes."""
    for shown in (repr(text)[1:-1], repr(text.encode("utf-8", "surrogatepass"))[2:-1]):
        yield shown
        yield shown.replace("\\'", "'").replace("'", "\\'")
        yield shown.replace("\\'", "'")


def _percent_encoded(text: str) -> Iterator[str]:
    """As in a path, in a query and in a form, and each with hexadecimal digits in small letters."""
    data = text.encode("utf-8", "surrogatepass")
    for written in (quote(data), quote(data, safe=""), quote_plus(data)):
        head, *rest = written.split("%")
        yield written
        yield "%".join([head, *(one[:2].lower() + one[2:] for one in rest)])


def _inside_base64(data: bytes) -> Iterator[str]:
    """The characters that the secret alone decides, for each place where it may begin."""
    for before in range(3):
        first, end = -(-8 * before // 6), 8 * (before + len(data)) // 6
        padded = b"\0" * before + data
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            piece = encode(padded).decode()[first:end]
            if len(piece) >= MIN_ENCODED:
                yield piece
