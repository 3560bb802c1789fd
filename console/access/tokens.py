"""Random tokens that prove something, and the digests that are kept of them."""

import hashlib
import secrets

_BYTES = 32


def new_token() -> str:
    """256 random bits in letters that a cookie and a URL take as they are."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """What is stored of a token: no way leads back, and 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
