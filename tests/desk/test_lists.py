"""Lists of persons, items and deliveries: what is found, in which order, and that pages miss and repeat nothing."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine

from desk.delivery_list import Delivery, list_deliveries, list_waiting
from desk.engine import read_transaction
from desk.items import list_items
from desk.persons import Flag, PersonQuery, place_of, search_persons
from tests.desk.rows import NOW, add_attempt, add_item, add_person, add_waiting

Row = TypeVar("Row")


def pages(page: Callable[[Any, bool], Sequence[Row]], place: Callable[[Row], Any]) -> list[Row]:
    """Every row, page by page; the way back from the last one leads over the same rows."""
    rows: list[Row] = []
    found = page(None, False)
    while found:
        rows += found
        found = page(place(found[-1]), False)
    back: list[Row] = []
    found = page(place(rows[-1]), True)
    while found:
        back += found
        found = page(place(found[-1]), True)
    assert back[::-1] == rows[:-1]
    return rows


@pytest.fixture
def people(engine: Engine) -> Engine:
    add_person(engine, "ann", "Ann", "Lee", "ann@example.test", "a.lee@example.test", office="North")
    add_person(engine, "ben", "Ben", "Ölçer", "ben@example.test", is_analyst=True)
    add_person(engine, "ida", "Ida", "Ingram", "ida@desk.test", is_user=False, is_analyst=True)
    add_person(engine, "old", "Ann", "Old", "ANN@example.test", disabled=True)
    add_person(engine, "p%_x")
    return engine


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (PersonQuery(), ["p%_x", "ida", "ann", "old", "ben"]),
        (PersonQuery("lee"), ["ann"]),
        (PersonQuery("  LEE  ann "), ["ann"]),
        (PersonQuery("ann ben"), []),
        (PersonQuery("north"), ["ann"]),
        (PersonQuery("@DESK.test"), ["ida"]),
        (PersonQuery("ölçer"), ["ben"]),
        (PersonQuery("ÖLÇER"), ["ben"]),
        (PersonQuery("%"), ["p%_x"]),
        (PersonQuery("p__x"), []),
        (PersonQuery("' OR 1=1 --"), []),
        (PersonQuery(address="Ann@Example.test"), ["ann", "old"]),
        (PersonQuery(flag="user"), ["p%_x", "ann", "old", "ben"]),
        (PersonQuery(flag="analyst"), ["ida", "ben"]),
        (PersonQuery(flag="analyst-only"), ["ida"]),
        (PersonQuery(flag="user-only"), ["p%_x", "ann", "old"]),
        (PersonQuery(flag="both"), ["ben"]),
        (PersonQuery(disabled=True), ["old"]),
        (PersonQuery("ann", disabled=False), ["ann"]),
    ],
    ids=str,
)
def test_persons_are_found_by_words_address_and_flag(people: Engine, query: PersonQuery, found: list[str]) -> None:
    with read_transaction(people) as connection:
        assert [person.id for person in search_persons(connection, query)] == found


def test_a_found_person_has_all_details(people: Engine) -> None:
    with read_transaction(people) as connection:
        [ann] = search_persons(connection, PersonQuery("a.lee"))
    assert (ann.addresses, ann.office, ann.is_user) == (("ann@example.test", "a.lee@example.test"), "North", True)


@pytest.mark.parametrize("text", ["", "example"])
def test_pages_of_persons_miss_and_repeat_nobody(engine: Engine, text: str) -> None:
    for number in range(12):
        add_person(engine, f"p{number:02}", "Ann", "Lee" if number % 3 else "Low", f"p{number}@example.test")
    with read_transaction(engine) as connection:
        query = PersonQuery(text)
        found = pages(
            lambda place, backwards: search_persons(connection, query, place=place, backwards=backwards, limit=5),
            place_of,
        )
    assert len(found) == 12
    assert found == sorted(found, key=place_of)
    assert len({person.id for person in found}) == 12


def test_items_are_chosen_by_every_field_together(people: Engine) -> None:
    add_item(people, 1)
    add_item(people, 2, partition="hr", subject="Printer on Fire", user_id="ben")
    add_item(people, 3, status="closed", kind="task", logging_analyst="ben")
    add_item(people, 4, partition="hr", subject="printer is out")

    def listed(**query: Any) -> list[str]:
        with read_transaction(people) as connection:
            return [line.reference for line in list_items(connection, **query)]

    assert listed() == ["C-000004", "T-000003", "C-000002", "C-000001"]
    assert listed(user="ann", status="open") == ["C-000004", "C-000001"]
    assert listed(logging_analyst="ben") == ["T-000003"]
    assert listed(subject="PRINTER") == ["C-000004", "C-000002"]
    assert listed(subject="fire printer", partition="hr") == ["C-000002"]
    assert listed(partitions={"it"}) == ["T-000003", "C-000001"]
    assert listed(partitions={"it"}, partition="hr") == []
    assert listed(partitions=set()) == []
    assert listed(place="C-000003", limit=1) == ["C-000002"]
    assert listed(place="C-000002", backwards=True) == ["T-000003", "C-000004"]


def test_pages_of_items_miss_and_repeat_none(people: Engine) -> None:
    for number in range(1, 8):
        add_item(people, number)
    with read_transaction(people) as connection:
        found = pages(
            lambda place, backwards: list_items(connection, place=place, backwards=backwards, limit=3),
            lambda line: line.reference,
        )
    assert [line.reference for line in found] == [f"C-{number:06}" for number in range(7, 0, -1)]


def test_of_a_delivery_the_last_attempt_counts(people: Engine) -> None:
    add_attempt(people, "a", "deferred", 1)
    add_attempt(people, "a", "failed", 2, smtp_reply="550 no", server_id="out", at=NOW + timedelta(minutes=1))
    add_attempt(people, "b", "failed", 1)
    add_attempt(people, "b", "sent", 2)
    add_attempt(people, "c", "deferred", 1)

    with read_transaction(people) as connection:
        [failed] = list_deliveries(connection, ["failed", "bounced"])
        [sent] = list_deliveries(connection, ["sent"])
        assert list_deliveries(connection, ["failed"], server="other") == []
        assert list_deliveries(connection, ["failed"], recipient=" ANN@example.test") == [failed]
    assert (failed.notification_id, failed.attempt, failed.smtp_reply) == ("a", 2, "550 no")
    assert (sent.notification_id, sent.attempt) == ("b", 2)


def test_pages_of_deliveries_miss_and_repeat_none(people: Engine) -> None:
    for number in range(9):
        at = NOW + timedelta(minutes=number // 3)
        add_attempt(people, f"n{number}", "failed" if number % 2 else "bounced", at=at)
    with read_transaction(people) as connection:
        found = pages(
            lambda place, backwards: list_deliveries(
                connection, ["failed", "bounced"], place=place, backwards=backwards, limit=2
            ),
            lambda one: one.place,
        )
    assert [one.notification_id for one in found] == [f"n{number}" for number in range(8, -1, -1)]


def test_deliveries_are_those_of_the_partitions_items(people: Engine) -> None:
    add_item(people, 1)
    add_item(people, 2, partition="hr")
    for id_, reference in (("a", "C-000001"), ("b", "C-000002"), ("c", None), ("d", "C-000009")):
        add_attempt(people, id_, "sent", reference=reference)

    def listed(partitions: set[str] | None) -> set[str]:
        with read_transaction(people) as connection:
            return {one.notification_id for one in list_deliveries(connection, ["sent"], partitions=partitions)}

    assert listed(None) == {"a", "b", "c", "d"}
    assert listed({"it"}) == {"a"}
    assert listed({"hr", "it"}) == {"a", "b"}
    assert listed(set()) == set()


def test_what_waits_says_until_when_and_behind_what(people: Engine) -> None:
    add_waiting(people, "first", "it/ann@example.test", 7, 30)
    add_waiting(people, "second", "it/ann@example.test", 9, 10)
    add_waiting(people, "other", "hr/ben@example.test", 8, 20)
    add_attempt(people, "first", "deferred", 1, smtp_reply="451 later")
    add_attempt(people, "first", "deferred", 2, smtp_reply="452 later still")

    with read_transaction(people) as connection:
        waiting = list_waiting(connection)
        assert [one.notification_id for one in list_waiting(connection, partitions={"hr"})] == ["other"]
        assert [one.notification_id for one in list_waiting(connection, partitions={"HR"})] == []
        assert list_waiting(connection, partitions=set()) == []
        assert [one.notification_id for one in list_waiting(connection, recipient="BEN@example.test")] == ["other"]
        found = pages(
            lambda place, backwards: list_waiting(connection, place=place, backwards=backwards, limit=1),
            lambda one: one.place,
        )

    assert found == waiting
    assert [(one.notification_id, one.behind) for one in waiting] == [
        ("second", "first"),
        ("other", None),
        ("first", None),
    ]
    assert waiting[1].partition == "hr" and waiting[1].recipient == "ben@example.test"
    last: tuple[Delivery, ...] = waiting[2].last
    assert [(one.attempt, one.smtp_reply) for one in last] == [(2, "452 later still")]


def test_every_flag_is_one_that_the_query_knows(people: Engine) -> None:
    flags: tuple[Flag, ...] = ("user", "analyst", "analyst-only", "user-only", "both")
    with read_transaction(people) as connection:
        assert all(search_persons(connection, PersonQuery(flag=flag)) for flag in flags)
