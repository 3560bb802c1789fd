"""Fifty thousand persons, a hundred thousand items with their journals, and what the pages of the desk ask of them."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from deploy.local.bench.window_mails import WORDS, insert, received
from desk.fast_writes import BulkInsert
from desk.item_detail import show_item
from desk.item_references import reference
from desk.items import list_items
from desk.persons import PersonQuery, search_persons
from desk.tables import items, journal, person_addresses, persons

PARTITIONS = ("it", "hr", "support")
ENTRIES = 3  # of an item's journal
LONG_ITEM, LONG_JOURNAL = 1, 500  # one item that has been written to very often
PERSONS = 50_000

Ask = Callable[[Connection, random.Random], object]

_PERSONS = BulkInsert(persons, [column.name for column in persons.c])
_ADDRESSES = BulkInsert(person_addresses, [column.name for column in person_addresses.c])
_ITEMS = BulkInsert(items, [column.name for column in items.c])
_JOURNAL = BulkInsert(journal, [column.name for column in journal.c if column.name != "id"])


def fill_persons(connection: Connection, count: int) -> None:
    """Comes before `fill_items`, which refers to them."""
    insert(connection, _PERSONS, (_person(number) for number in range(count)))
    addresses = (
        (_id(number), 0, f"user{number}@customer.example", f"user{number}@customer.example") for number in range(count)
    )
    insert(connection, _ADDRESSES, addresses)


def fill_items(connection: Connection, count: int) -> None:
    drawn = random.Random(count)
    insert(connection, _ITEMS, (_item(number, drawn) for number in range(1, count + 1)))
    insert(connection, _JOURNAL, _entries(count))


def _id(number: int) -> str:
    return f"person-{number:05d}"


def _person(number: int) -> tuple[Any, ...]:
    first, last = WORDS[number % len(WORDS)].title(), f"{WORDS[number // 7 % len(WORDS)].title()}{number:x}"
    return _id(number), first, last, True, number % 500 == 0, None, "Head office", False, 1


def _item(number: int, drawn: random.Random) -> tuple[Any, ...]:
    is_open = drawn.random() < 0.1
    texts = (
        "call", drawn.choice(PARTITIONS), "open" if is_open else "closed", " ".join(drawn.choices(WORDS, k=4)),
        "It does not work any more.", _id(drawn.randrange(PERSONS)), _id(drawn.randrange(100) * 500),
        "by-mail", "", "", "", "Head office", "First line", "Incident", "Person", "Question", "P2",
    )  # fmt: skip
    at = received(1_000_000 - number)
    return number, *texts, {}, {}, None, at, None if is_open else at, 1


def _entries(count: int) -> Iterator[tuple[Any, ...]]:
    for number in range(1, count + 1):
        for entry in range(LONG_JOURNAL if number == LONG_ITEM else ENTRIES):
            text = None if entry == 0 else "Thank you, it works again."
            kind = "logged" if entry == 0 else "update"
            yield number, received(1_000_000 - number), kind, _id(number % PERSONS), None, None, text, None, None


def _persons_by(text: Callable[[random.Random], str]) -> Ask:
    return lambda connection, drawn: search_persons(connection, PersonQuery(text=text(drawn)))


PERSON_QUERIES: Mapping[str, Ask] = {
    "the first": lambda connection, _: search_persons(connection, PersonQuery()),
    "one in the middle": _persons_by(lambda drawn: f"user{drawn.randrange(PERSONS)}@"),
    "a word that many have": _persons_by(lambda drawn: drawn.choice(WORDS)),
    "two words": _persons_by(lambda drawn: f"{drawn.choice(WORDS)} {drawn.randrange(4096):x}"),
    "nobody": _persons_by(lambda _: "zzzzzz"),
}
ITEM_QUERIES: Mapping[str, Ask] = {
    "the newest": lambda connection, _: list_items(connection),
    "open ones of a partition": lambda connection, drawn: list_items(
        connection, status="open", partition=drawn.choice(PARTITIONS)
    ),
    "of a User": lambda connection, drawn: list_items(connection, user=_id(drawn.randrange(PERSONS))),
    "of a Logging Analyst": lambda connection, drawn: list_items(
        connection, logging_analyst=_id(drawn.randrange(100) * 500)
    ),
    "a subject": lambda connection, drawn: list_items(connection, subject=" ".join(drawn.choices(WORDS, k=3))),
    "no subject": lambda connection, _: list_items(connection, subject="zzzzzz"),
    "far behind": lambda connection, drawn: list_items(connection, place=reference("call", drawn.randrange(1, 5_000))),
    "one item": lambda connection, drawn: show_item(connection, reference("call", drawn.randrange(2, 100_000))),
    "one item of 500 entries": lambda connection, _: show_item(connection, reference("call", LONG_ITEM)),
}
