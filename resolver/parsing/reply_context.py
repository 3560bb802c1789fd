"""The message replied to, as far as the reply tells: its subject without `Re:`, and who may have written it."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from schemas.mail import Mailbox

_MAX_PREFIXES = 12
# Wikipedia, List of email subject abbreviations; VS (Danish, Norwegian) is a Finnish answer as well.
_FORWARD = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|i|doorst|vb|vl|pd|reenv|továbbítás|πρθ|i̇lt|ilt|trs|yml|fs|ct|转发|轉寄|转寄|転送|전달|"
    r"пересл|пер|הועבר|إعادة توجيه|weitergeleitet)(?:\s?[\[(]\d{1,3}[\])])?\s?[:：]",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"\[[^\[\]]{0,80}\]|\{[^{}]{0,40}\}|\([^()]{0,40}\)|\*{1,3}[^*]{1,40}\*{1,3}|[CTR]-\d{6,18}\b|"
    r"[^\W\d_][^:：\[\]]{0,24}?(?:\s?\[\d{1,3}\]|\s?\(\d{1,3}\))?\s?[:：]",
)
_BLANKS = " \t\xa0-–|"


def is_forward(subject: str) -> bool:
    """Whether one of its prefixes says that a mail is handed on."""
    return any(_FORWARD.fullmatch(prefix) for prefix in _prefixes(subject)[0])


def is_answer(subject: str) -> bool:
    """Whether another prefix than that of a forward stands first; marks in brackets do not count."""
    worded = [prefix for prefix in _prefixes(subject)[0] if prefix[-1] in ":："]
    return bool(worded) and not _FORWARD.fullmatch(worded[0])


def bare_subject(subject: str) -> str:
    """The subject without its prefixes."""
    return _prefixes(subject)[1]


def _prefixes(subject: str) -> tuple[list[str], str]:
    found: list[str] = []
    rest = subject.strip(_BLANKS)
    while len(found) < _MAX_PREFIXES and (match := _PREFIX.match(rest)):
        found.append(match[0])
        rest = rest[match.end() :].lstrip(_BLANKS)
    return found, rest


_TAG = re.compile(r"\+[^@]*+@")
_MAX_ANSWERED = 50  # of a mail's recipients
_MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_MIN_NAME = 4
_MAX_NAME = 100


class PossibleAuthors(NamedTuple):
    """Addresses and names, in small letters; no names that are hardly more than a word."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class ReplyContext:
    """The mail that is answered. Most mails are read without it: each part is made when somebody asks."""

    def __init__(self, subject: str, recipients: Sequence[Mailbox]) -> None:
        self._subject = subject
        self._recipients = recipients[:_MAX_ANSWERED]

    @cached_property
    def subject(self) -> str:
        """Without prefixes, in small letters."""
        return bare_subject(self._subject).lower()

    @cached_property
    def handed_on(self) -> bool:
        """Whether it is forwarded."""
        return is_forward(self._subject)

    @cached_property
    def answered_too(self) -> bool:
        """Whether the forward was answered: `Re: FW:`"""
        return is_answer(self._subject)

    @cached_property
    def answered(self) -> PossibleAuthors:
        """Those to whom the answer goes: one of them wrote it, from an address with or without a tag behind a plus."""
        addresses = [one.address.lower() for one in self._recipients if 3 <= len(one.address) <= _MAX_ADDRESS]
        return PossibleAuthors(
            tuple(dict.fromkeys((*addresses, *(_TAG.sub("@", address) for address in addresses)))),
            tuple(one.name.lower() for one in self._recipients if _MIN_NAME <= len(one.name) <= _MAX_NAME),
        )
