"""Responses that prove a password without sending it, by MD5: CRAM-MD5, DIGEST-MD5, APOP. Pure.

These protocols are made of MD5 (RFC 6151 says how weak it has become): use them over TLS.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from mailserver.errors import SaslError

_TIMESTAMP = re.compile(rb"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")  # a msg-id without blanks (RFC 1939, 7)
_PAIR = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
MAX_CHALLENGE = 4096


def apop(banner: bytes, password: str) -> str:
    """Digest of a POP3 greeting's timestamp and the password (RFC 1939, section 7).

    Raises `SaslError` if the greeting has no timestamp, which is how a server says that it has no APOP.
    """
    timestamp = _TIMESTAMP.search(banner)
    if not timestamp:
        raise SaslError("the server's greeting holds no timestamp: it offers no APOP")
    return _md5(timestamp.group() + password.encode()).hex()


def cram_md5(username: str, password: str, challenge: bytes) -> bytes:
    """The user name and a keyed digest of the challenge (RFC 2195, section 2)."""
    return f"{username} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()


class DigestMd5:
    """One exchange of DIGEST-MD5 (RFC 2831), quality of protection `auth`. `digest_uri`: e.g. `imap/mail.example.org`.

    `cnonce` is ours, never used twice. Raises `SaslError` if the server's part is invalid.
    """

    def __init__(self, username: str, password: str, digest_uri: str, cnonce: str) -> None:
        self._username = username
        self._password = password
        self._digest_uri = digest_uri
        self._cnonce = cnonce
        self._proof = ""

    def response(self, challenge: bytes) -> bytes:
        """The digest-response (section 2.1.2) to a digest-challenge (section 2.1.1)."""
        asked = _pairs(challenge)
        nonce, realm = asked.get("nonce"), asked.get("realm", "")
        if not nonce:
            raise SaslError("the server's DIGEST-MD5 challenge holds no nonce")
        if "auth" not in re.split(r"[\s,]+", asked.get("qop", "auth")):
            raise SaslError("the server asks for DIGEST-MD5 with a protected channel; we use TLS for that")
        charset = "utf-8" if asked.get("charset", "").lower() == "utf-8" else "iso-8859-1"
        secret = self._secret(realm, nonce, charset)
        self._proof = self._digest(secret, nonce, "")
        fields = [
            *([f"charset={charset}"] if charset == "utf-8" else []),
            f'username="{_quoted(self._username)}"',
            *([f'realm="{_quoted(realm)}"'] if "realm" in asked else []),
            f'nonce="{_quoted(nonce)}"',
            "nc=00000001",
            f'cnonce="{self._cnonce}"',
            f'digest-uri="{_quoted(self._digest_uri)}"',
            f"response={self._digest(secret, nonce, 'AUTHENTICATE')}",
            "qop=auth",
        ]
        return ",".join(fields).encode(charset)

    def verify(self, response: bytes) -> None:
        """The server proves that it knows the password, too (section 2.1.3)."""
        if not hmac.compare_digest(_pairs(response).get("rspauth", ""), self._proof):
            raise SaslError("the server did not prove that it knows the password: it may be another one")

    def _secret(self, realm: str, nonce: str, charset: str) -> str:
        """H(A1) of section 2.1.2.1."""
        try:
            user = f"{self._username}:{realm}:{self._password}".encode(charset)
        except UnicodeEncodeError:
            raise SaslError("the server accepts no such letters in user name or password with DIGEST-MD5") from None
        return _md5(_md5(user) + f":{nonce}:{self._cnonce}".encode(charset)).hex()

    def _digest(self, secret: str, nonce: str, method: str) -> str:
        action = _md5(f"{method}:{self._digest_uri}".encode()).hex()
        return _md5(f"{secret}:{nonce}:00000001:{self._cnonce}:auth:{action}".encode()).hex()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _pairs(challenge: bytes) -> Mapping[str, str]:
    """The directives of a challenge; the first of each name counts."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PAIR.findall(challenge[:MAX_CHALLENGE].decode("utf-8", "replace")):
        found.setdefault(name.lower(), plain or re.sub(r"\\(.)", r"\1", quoted))
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
