"""What was measured of each peer, and what it made of the mails. Pure."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from deploy.local.bench.mails import BenchMail, words_of
from deploy.local.bench.peers.peer import DATABASE, DELIVERY, PROGRAM, Stored

PARTS = (PROGRAM, DELIVERY, DATABASE)
_STYLE = re.compile(r"(?is)<(style|head)\b.*?</\1>")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Kept:
    """How many mails a peer holds, and what of them is right.

    `tickets`: mails that made one; `replies`: in the ticket of the mail they answer; `texts`, `files`: as they were
    sent; `missing`: mails of which it holds nothing.
    """

    tickets: int
    replies: int
    texts: int
    files: int
    missing: int


@dataclass(frozen=True, slots=True)
class PeerResult:
    """CPU in milliseconds a mail. `start_seconds`: CPU of one start of its program, which is not in those."""

    title: str
    version: str
    way: str
    mails: int
    cpu_ms_per_mail: Mapping[str, float]
    start_seconds: float
    mails_per_s: float
    expected: Kept
    kept: Kept
    acknowledgements: int

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def with_token(mail: BenchMail, token: str) -> BenchMail:
    """A reply with a peer's token in its subject, as a mail program's "Re:" leaves it there."""
    fields = {name: getattr(mail, name) for name in BenchMail.__dataclass_fields__}
    head, separator, body = mail.raw.partition(b"\r\n\r\n")
    head = head.replace(b"\r\nSubject: ", b"\r\nSubject: Re: %s " % token.encode(), 1)
    return BenchMail(**{**fields, "raw": head + separator + body})


def in_stages(mails: Sequence[BenchMail]) -> tuple[list[BenchMail], list[BenchMail]]:
    """First the mails that make a ticket, then those that answer one of them."""
    return [mail for mail in mails if mail.answers is None], [mail for mail in mails if mail.answers is not None]


def expected(mails: Sequence[BenchMail]) -> Kept:
    calls, replies = in_stages(mails)
    return Kept(len(calls), len(replies), len(mails), sum(len(mail.files) for mail in mails), missing=0)


def kept(mails: Sequence[BenchMail], stored: Mapping[str, Stored]) -> Kept:
    """`stored` by Message-ID, as `Peer.stored` gives it; mails that are not among `mails` do not count."""
    by_number = {mail.number: stored.get(mail.message_id) for mail in mails}
    found = [(mail, one) for mail in mails if (one := by_number[mail.number])]
    answered = {mail.number: by_number[mail.answers] for mail in mails if mail.answers is not None}
    threaded = {mail.number for mail, one in found if (to := answered.get(mail.number)) and to.ticket == one.ticket}
    return Kept(
        tickets=len({one.ticket for _, one in found}),
        replies=len(threaded),
        texts=sum(mail.words in plain_words(one.text) for mail, one in found),
        files=sum(len(set(mail.files) & set(one.files)) for mail, one in found),
        missing=len(mails) - len(found),
    )


def plain_words(text: str) -> str:
    """The words of a text as the benchmark compares them, without the tags of one in HTML."""
    if "<html" in text:
        text = html.unescape(_TAG.sub(" ", _STYLE.sub(" ", text)))
    return words_of(text)


def cost(spent: Mapping[str, float], database: float, start: float, starts: int, mails: int) -> dict[str, float]:
    """Milliseconds a mail, by part and in `total`. `spent`: seconds by `PROGRAM` and `DELIVERY`.

    `starts` starts of the program, `start` seconds each, are left out.
    """
    seconds = {PROGRAM: spent.get(PROGRAM, 0.0) - starts * start, DELIVERY: spent.get(DELIVERY, 0.0)}
    seconds |= {DATABASE: database, "total": sum(seconds.values()) + database}
    return {name: round(value * 1000 / mails, 2) for name, value in seconds.items()}
