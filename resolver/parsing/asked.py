"""What is known beforehand of the mail that is answered: its subject, and those who may have written it."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from resolver.parsing.subject_prefixes import bare_subject, is_answer, is_forward
from schemas.mail import Mailbox

_TAG = re.compile(r"\+[^@]*+@")
_MAX_ANSWERED = 50  # of a mail's recipients
_MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_MIN_NAME = 4
_MAX_NAME = 100


class Answered(NamedTuple):
    """Addresses and names, in small letters; no names that are hardly more than a word."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Asked:
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
    def answered(self) -> Answered:
        """Those to whom the answer goes: one of them wrote it, from an address with or without a tag behind a plus."""
        addresses = [one.address.lower() for one in self._recipients if 3 <= len(one.address) <= _MAX_ADDRESS]
        return Answered(
            tuple(dict.fromkeys((*addresses, *(_TAG.sub("@", address) for address in addresses)))),
            tuple(one.name.lower() for one in self._recipients if _MIN_NAME <= len(one.name) <= _MAX_NAME),
        )
