"""Signed tokens: what is answered to one of our mails carries the proof of its item with it.

A token is `<what it is about>.<day>.<signature>`. It is about a notification (its id: the token stands in the mail's
Message-ID), or about an item (its reference: the token stands in the subject, or behind the plus of an address). `day`
counts from 1970-01-01 in UTC. The signature is HMAC-SHA256 (RFC 2104) over both, cut to 80 bits and written in base32
(RFC 4648): letters and digits that no mail system touches, whatever it does to capitals. Pure.
"""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from schemas.ids import OWN_MESSAGE_ID

# good: signed with one of our keys, and not too old. forged: not signed with them, which is also how the token of
# another installation looks. expired: signed, but too long ago, or for a day that has not come. unsigned: no token at
# all. unchecked: there is no key to check it with.
Verdict = Literal["good", "forged", "expired", "unsigned", "unchecked"]
Judge = Callable[[str], Verdict]  # what a token is worth: `TokenKeys.verdict` at some time

MIN_KEY_BYTES = 32
DAY_SECONDS = 86_400
MAX_DAYS_AHEAD = 1  # clocks differ
_SIGNATURE_BYTES = 10  # sixteen characters without padding: each of them counts
_TOKEN = re.compile(r"([0-9a-f]{32}|[CTR]-[0-9]{6,18})\.([0-9]{1,7})\.([0-9a-z]{16})", re.ASCII | re.IGNORECASE)

# The token of an item within a subject or an address; group 1 is the item's reference.
TAG = re.compile(r"(?<![\w-])([CTR]-[0-9]{6,18})\.[0-9]{1,7}\.[0-9a-z]{16}(?![\w-])", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of this installation: the first one signs, all of them verify, so that a key can be replaced."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)

    def sign(self, about: str, at: datetime) -> str:
        """The token about a notification's id or an item's reference, of the day of `at`; without a key, just that."""
        if not self.keys:
            return about
        day = str(max(0, _day(at)))
        return f"{about}.{day}.{_signature(self.keys[0], about, day)}"

    def verdict(self, token: str, at: datetime, valid_days: int) -> Verdict:
        """What a token is worth that was received at `at`, when tokens are good for `valid_days` days."""
        if not self.keys:
            return "unchecked"
        match = _TOKEN.fullmatch(token)
        if match is None:
            return "unsigned"
        about, day, signature = match.groups()
        if not any(hmac.compare_digest(_signature(key, about, day), signature.lower()) for key in self.keys):
            return "forged"
        age = _day(at) - int(day)
        return "good" if -MAX_DAYS_AHEAD <= age <= valid_days else "expired"


NO_KEYS = TokenKeys()


def own_token(message_id: str) -> str | None:
    """What stands between `mailcall.` and `@` in an id of our own: a token, or a bare notification id; else None."""
    own = OWN_MESSAGE_ID.match(message_id)
    return own and f"{own[1]}{own[2] or ''}"


def _signature(key: bytes, about: str, day: str) -> str:
    """`day` as it is written: another way to write the same number is not what was signed."""
    digest = hmac.digest(key, f"mailcall-token.{about.lower()}.{day}".encode("ascii"), "sha256")
    return base64.b32encode(digest[:_SIGNATURE_BYTES]).decode("ascii").lower()


def _day(at: datetime) -> int:
    """Days since 1970-01-01; a time without offset is taken for UTC."""
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() // DAY_SECONDS)
