"""A million mails in the index, a few records of each one's way, and what the pages of mails ask of them."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from console.mails.index.conditions import Query
from console.mails.index.facts import fold
from console.mails.index.records import steps_of
from console.mails.index.search import Page, find_mails, make_trigrams, one_mail
from desk.fast_writes import BulkInsert, Row
from desk.tables import mail_index, mail_steps

NEWEST = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
SECONDS_APART = 20
AT_ONCE = 10_000  # rows
SERVERS = tuple(f"server-{number:02d}" for number in range(20))
# How often each end is, in a thousand.
ENDS = (
    ("call-logged", 550),
    ("item-updated", 250),
    ("rejected", 120),
    ("item-closed", 40),
    ("duplicate", 20),
    ("notification-result", 10),
    ("quarantined", 5),
    ("dead-lettered", 3),
    ("on-the-way", 2),
)
WORDS = (
    "printer password network mailbox invoice order laptop access badge phone screen keyboard server update error "
    "request holiday contract delivery meeting report software licence account certificate backup room chair"
).split()
STEPS = ("mail.fetched", "mail.resolved", "call.events", "notification.results")

_MAILS = BulkInsert(mail_index, [column.name for column in mail_index.c])
_STEPS = BulkInsert(mail_steps, [column.name for column in mail_steps.c])


def fill(connection: Connection, count: int) -> None:
    drawn = random.Random(count)
    insert(connection, _MAILS, (_mail(number, drawn) for number in range(count)))
    insert(connection, _STEPS, _steps(count))
    make_trigrams(connection)


def insert(connection: Connection, table: BulkInsert, rows: Iterator[Row]) -> None:
    """More rows than memory should hold."""
    while part := list(islice(rows, AT_ONCE)):
        table.insert(connection, part)


def _mail(number: int, drawn: random.Random) -> tuple[Any, ...]:
    sender = f"user{drawn.randrange(50_000)}@customer{drawn.randrange(300)}.example"
    subject = f"{' '.join(drawn.choices(WORDS, k=4))} {number:x}"
    [end] = drawn.choices([name for name, _ in ENDS], [share for _, share in ENDS])
    return (
        mail_id(number),
        SERVERS[int(drawn.paretovariate(1)) % len(SERVERS)],  # a few servers have most of the mail
        received(number),
        sender,
        subject,
        fold(f"{sender}\n{subject}"),
        f"<{number}.{drawn.getrandbits(64):x}@mail.example>",
        4_000,
        end,
        None,
        "",
        f"C-{number // 3:06d}",
        "it",
    )


def _steps(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        at = received(number)
        for place, topic in enumerate(STEPS):
            told = at + timedelta(seconds=place), "fetched", None, "", None, None
            yield topic, number % 12, number // 12, mail_id(number), *told


def mail_id(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"


def received(number: int) -> datetime:
    return NEWEST - timedelta(seconds=SECONDS_APART * number)


Made = Callable[[random.Random], Query]


def _page(made: Made, *, deep: bool = False) -> Callable[[Connection, random.Random], Page]:
    def ask(connection: Connection, drawn: random.Random) -> Page:
        after = (received(drawn.randrange(900_000)), "") if deep else None
        return find_mails(connection, made(drawn), after)

    return ask


def _way(connection: Connection, drawn: random.Random) -> object:
    chosen = mail_id(drawn.randrange(1_000))
    return one_mail(connection, chosen), steps_of(connection, chosen)


QUERIES: Mapping[str, Callable[[Connection, random.Random], object]] = {
    "the newest": _page(lambda _: Query()),
    "somewhere deep in the list": _page(lambda _: Query(), deep=True),
    "in quarantine": _page(lambda _: Query(outcome="quarantined")),
    "of one server": _page(lambda drawn: Query(server_id=drawn.choice(SERVERS))),
    "rejected, of one server": _page(lambda drawn: Query(server_id=drawn.choice(SERVERS), outcome="rejected")),
    "an end that a server never has": _page(lambda _: Query(server_id="server-00", outcome="call-logged")),
    "a word of many mails": _page(lambda drawn: Query(words=drawn.choice(WORDS))),
    "two words of many mails": _page(lambda drawn: Query(words=" ".join(drawn.sample(WORDS, 2)))),
    "a word of one mail": _page(lambda drawn: Query(words=f"{drawn.randrange(500_000, 999_999):x}")),
    "a word of no mail": _page(lambda _: Query(words="zzzzqqq")),
    "two letters": _page(lambda _: Query(words="zz")),
    "a sender": _page(lambda drawn: Query(sender=f"user{drawn.randrange(50_000)}@")),
    "a domain": _page(lambda drawn: Query(sender=f"@customer{drawn.randrange(300)}.example")),
    "a sender and a subject": _page(
        lambda drawn: Query(sender=f"@customer{drawn.randrange(300)}.", subject=drawn.choice(WORDS))
    ),
    "a word, in a week": _page(
        lambda drawn: Query(
            words=drawn.choice(WORDS), since=NEWEST - timedelta(days=20), until=NEWEST - timedelta(days=13)
        )
    ),
    "a Message-ID": _page(lambda drawn: Query(words=f"<{drawn.randrange(1_000)}.0@mail.example>")),
    "an item": _page(lambda drawn: Query(words=f"C-{drawn.randrange(1_000):06d}")),
    "one mail's way": _way,
}
