"""Signed tokens: a reply to one of our messages carries the proof of its item.

A token is `<what it is about>.<day>.<signature><recipient>`. It is about a notification (its id: the token stands in
the mail's Message-ID), or about an item (its reference: the token stands in the subject, or behind the plus of an
address). `day` counts from 1970-01-01 in UTC. The signature is HMAC-SHA256 (RFC 2104) over both, cut to 80 bits and
written in base32 (RFC 4648): letters and digits that no mail system touches, whatever it does to capitals. What follows
it, 40 bits, signs besides whom the mail was sent to: a token that somebody was given proves nothing in the mail of
somebody else. Tokens of releases before it are without. Pure.
"""

import base64
import hmac
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from schemas.addresses import normalise, without_tag
from schemas.ids import OWN_MESSAGE_ID

# good: signed with one of our keys for whoever shows it, and not too old. passed-on: signed for somebody else, or for
# nobody in particular. forged: not signed with them, which is also how the token of another installation looks.
# expired: signed, but too long ago, or for a day that has not come. unsigned: no token at all. unchecked: there is no
# key to check it with.
TokenStatus = Literal["good", "passed-on", "forged", "expired", "unsigned", "unchecked"]
# What a token is worth in a mail of whoever has these addresses: `TokenKeys.verdict` at some time.
TokenVerifier = Callable[[str, Collection[str]], TokenStatus]

MIN_KEY_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DAYS_AHEAD = 1  # clocks differ
_SIGNATURE_BYTES = 10  # sixteen characters without padding: each of them counts
_RECIPIENT_BYTES = 5  # eight characters; guessing them takes a mail a try
_TOKEN = re.compile(
    r"([0-9a-f]{32}|[CTR]-[0-9]{6,18})\.([0-9]{1,7})\.([0-9a-z]{16})([0-9a-z]{8})?", re.ASCII | re.IGNORECASE
)

# The token of an item within a subject or an address; group 1 is the item's reference.
TAG = re.compile(
    r"(?<![\w-])([CTR]-[0-9]{6,18})\.[0-9]{1,7}\.[0-9a-z]{16}(?:[0-9a-z]{8})?(?![\w-])", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of this installation: the first one signs, all of them verify, so that a key can be replaced."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)

    def sign(self, about: str, at: datetime, recipient: str) -> str:
        """The token about a notification's id or an item's reference, of the day of `at`; without a key, just that.

        `recipient`: the address of whoever is sent it.
        """
        if not self.keys:
            return about
        key, day = self.keys[0], str(max(0, _day(at)))
        return f"{about}.{day}.{_code(_signature(key, about, day) + _for_recipient(key, about, day, recipient))}"

    def verdict(self, token: str, senders: Collection[str], at: datetime, valid_days: int) -> TokenStatus:
        """What a token is worth that was received at `at`, when tokens are good for `valid_days` days.

        `senders`: the addresses of whoever shows it. With a plus tag or without, an address is the same one here.
        """
        if not self.keys:
            return "unchecked"
        match = _TOKEN.fullmatch(token)
        if match is None:
            return "unsigned"
        about, day, signature, recipient = match.groups("")
        signed = (key for key in self.keys if _matches(signature, _signature(key, about, day)))
        key = next(signed, None)
        if key is None:
            return "forged"
        age = _day(at) - int(day)
        if not -MAX_DAYS_AHEAD <= age <= valid_days:
            return "expired"
        own = (_for_recipient(key, about, day, sender) for sender in senders)
        return "good" if any(_matches(recipient, one) for one in own) else "passed-on"


NO_KEYS = TokenKeys()


def own_token(message_id: str) -> str | None:
    """What stands between `mailcall.` and `@` in an id of our own: a token, or a bare notification id; else None."""
    own = OWN_MESSAGE_ID.match(message_id)
    return own and f"{own[1]}{own[2] or ''}"


def _signature(key: bytes, about: str, day: str) -> bytes:
    """`day` as it is written: another way to write the same number is not what was signed."""
    return _digest(key, f"mailcall-token.{about.lower()}.{day}")[:_SIGNATURE_BYTES]


def _for_recipient(key: bytes, about: str, day: str, recipient: str) -> bytes:
    address = without_tag(normalise(recipient))
    return _digest(key, f"mailcall-token-for.{about.lower()}.{day}.{address}")[:_RECIPIENT_BYTES]


def _digest(key: bytes, text: str) -> bytes:
    signature = _begun(key).copy()
    signature.update(text.encode("utf-8", "replace"))
    return signature.digest()


@lru_cache(maxsize=8)
def _begun(key: bytes) -> hmac.HMAC:
    """With the key taken in, which is half of a signature's work: each message has four."""
    return hmac.new(key, digestmod="sha256")


def _matches(written: str, signature: bytes) -> bool:
    return hmac.compare_digest(_code(signature), written.lower())


def _code(signed: bytes) -> str:
    """Eight characters of each five bytes: several signatures together are written as each by itself."""
    return base64.b32encode(signed).decode("ascii").lower()


def _day(at: datetime) -> int:
    """Days since 1970-01-01; a time without offset is taken for UTC."""
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH).days
