"""Lists in parts: forwards and backwards one sees every row once, whatever the address says."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select
from starlette.requests import Request

from console.web.keyset import Cut, Key, Part, asked, cut_list, cut_query, part

ROWS = [(number // 3, f"id-{number:02}") for number in range(23)]  # the first column repeats: the second tells apart
_TABLE = Table("rows", MetaData(), Column("day", Integer), Column("id", String))


def request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def listed(query: str, descending: bool) -> Part[Any]:
    return cut_list(ROWS, asked(request(query), int, str, rows=5), lambda row: row, descending=descending)


def queried(query: str, descending: bool) -> Part[Any]:
    engine = create_engine("sqlite://")
    _TABLE.metadata.create_all(engine)
    cut = asked(request(query), int, str, rows=5)
    with engine.begin() as connection:
        connection.execute(insert(_TABLE), [{"day": day, "id": id_} for day, id_ in ROWS])
        statement = cut_query(select(_TABLE), [_TABLE.c.day, _TABLE.c.id], cut, descending=descending)
        return part(connection.execute(statement).tuples().all(), cut, lambda row: (row[0], row[1]))


@pytest.mark.parametrize("look", [listed, queried])
@pytest.mark.parametrize("descending", [False, True])
def test_every_row_is_seen_once_in_both_directions(look: Any, descending: bool) -> None:
    parts = [look("", descending)]
    while parts[-1].after:
        parts.append(look(f"after={parts[-1].after}", descending))
    assert [tuple(row) for one in parts for row in one.rows] == sorted(ROWS, reverse=descending)
    assert [len(one.rows) for one in parts] == [5, 5, 5, 5, 3] and parts[0].before is None
    back = [parts[-1]]
    while back[-1].before:
        back.append(look(f"before={back[-1].before}", descending))
    assert [list(one.rows) for one in reversed(back)] == [list(one.rows) for one in parts]
    assert back[-1].before is None


@pytest.mark.parametrize(
    "address", ["", "after=", "after=%00", "after=e30", "after=W10", "before=W251bGxd", "after=a" * 50]
)
def test_an_address_that_cannot_be_read_shows_the_beginning(address: str) -> None:
    assert asked(request(address), int, str) == Cut()


@pytest.mark.parametrize(
    "key",
    [
        ["x", "y"],
        [1],
        [1, "x", "x"],
        [True, "x"],
        [1.5, "x"],
        [None, "x"],
        [2**63, "x"],
        [1, "x\0"],
        [1, "\ud800"],
        [1, {"at": "2026-11-29T00:00:00+00:00"}],
        [[1], "x"],
    ],
    ids=repr,
)
def test_a_key_that_no_row_can_have_shows_the_beginning(key: list[Any]) -> None:
    assert asked(request(f"after={coded(json.dumps(key))}"), int, str) == Cut()


@pytest.mark.parametrize(
    "at", ["2026-11-29T00:00:00", "0001-01-01T00:00:00+10:00", "9999-12-31T23:00:00-10:00", "noon", 1, None]
)
def test_a_moment_that_none_can_be_shows_the_beginning(at: Any) -> None:
    assert asked(request(f"after={coded(json.dumps([{'at': at}]))}"), datetime) == Cut()


def test_what_is_nested_too_deeply_shows_the_beginning() -> None:
    assert asked(request(f"after={coded('[' * 40_000)}"), int, str) == Cut()


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_moments_are_kept_to_the_microsecond() -> None:
    moments = [datetime(2026, 11, 29, 12, 0, 0, 123456, UTC) + timedelta(microseconds=n) for n in range(12)]

    def key(moment: datetime) -> Key:
        return (moment,)

    first = cut_list(moments, Cut(rows=5), key, descending=True)
    second = cut_list(moments, asked(request(f"after={first.after}"), datetime, rows=5), key, descending=True)
    assert [*first.rows, *second.rows] == sorted(moments, reverse=True)[:10]
