"""What proves who somebody is: passwords, hashed with argon2id, and random tokens, of which digests are kept."""

import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_BYTES = 32


def new_token() -> str:
    """256 random bits in letters that a cookie and a URL take as they are."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """What is stored of a token: no way leads back, and 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


MIN_LENGTH, MAX_LENGTH = 12, 1000  # characters
_FEWEST_DIFFERENT = 5

# RFC 9106 asks for 64 MiB each. This is OWASP's equal in cost of attack with 19: many sign-ins of one client at once
# take little of the process's memory, and two at a time leave it time for its pages.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """In PHC form: algorithm, version, parameters, salt, hash."""
    with _AT_ONCE:
        return _HASHER.hash(_compared(password))


def verify(stored: str | None, password: str) -> bool:
    """Takes as long where nothing is stored, so that time does not tell which accounts there are."""
    with _AT_ONCE:
        try:
            _HASHER.verify(stored or _decoy(), _compared(password[:MAX_LENGTH]))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether it was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)


def faults(password: str, *known: str) -> Iterator[str]:
    """What is wrong with a new one, as sentences for its owner. `known`: what others know of the account."""
    if len(password) < MIN_LENGTH:
        yield f"Choose at least {MIN_LENGTH} characters; several words make a good password."
    if len(password) > MAX_LENGTH:
        yield f"Choose at most {MAX_LENGTH} characters."
    if password != password.strip():
        yield "It begins or ends with a blank, which is easily lost: leave it out."
    if len(password) >= MIN_LENGTH and len(set(password)) < _FEWEST_DIFFERENT:
        yield f"Use at least {_FEWEST_DIFFERENT} different characters."
    if _one_form(password).casefold() in {_one_form(word).casefold() for word in known}:
        yield "Name and address of the account are known to others: choose something else."


def _compared(password: str) -> bytes:
    return _one_form(password).encode("utf-8", "surrogatepass")


def _one_form(text: str) -> str:
    """For what looks the same: two keyboards write `é` in two ways (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFKC", text)


@cache
def _decoy() -> str:
    return _HASHER.hash(new_token())
