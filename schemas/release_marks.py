"""Signed releases: that a rejected mail may pass is the word of whoever has the installation's token key.

Whoever may publish on `mail.fetched` can write `ce_released`. So it counts only with `ce_releasemark` beside it: an
HMAC-SHA256 (RFC 2104) with the token key over the mail's id, the SHA-256 of its bytes, and all that its headers say of
it, such as its incoming server and who released it. Put to another mail, or with another name, it is worth nothing; put
to the same one once more, the desk knows the mail. Pure.
"""

import hashlib
import hmac
import json
from dataclasses import replace

from schemas.fetched import FetchedMail
from schemas.tokens import TokenKeys


def released_by(mail: FetchedMail, sha256: str, who: str, keys: TokenKeys) -> FetchedMail:
    """The mail, let through by `who`. `sha256`: of its bytes, hexadecimal, wherever they lie.

    Raises `ValueError` without a key: nobody would believe it.
    """
    if not keys.keys:
        raise ValueError("a release is signed with a token key, and there is none")
    mail = replace(mail, released=who)
    return replace(mail, release_mark=_mark(keys.keys[0], mail, sha256))


def is_released(mail: FetchedMail, raw: bytes, keys: TokenKeys) -> bool:
    """Whether one of our keys let through just this mail, with these bytes; without a key, none did."""
    sha256 = hashlib.sha256(raw).hexdigest()
    given = mail.release_mark.encode("utf-8", "replace")
    return any(hmac.compare_digest(_mark(key, mail, sha256).encode("ascii"), given) for key in keys.keys)


def _mark(key: bytes, mail: FetchedMail, sha256: str) -> str:
    said = sorted(replace(mail, release_mark="").extensions().items())
    signed = json.dumps(["mailcall-release", mail.mail_id, sha256, said])
    return hmac.digest(key, signed.encode("ascii"), "sha256").hex()
