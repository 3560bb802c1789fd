"""`mailcall calls`, `tasks` and `requests list`, and `calls show`: what the desk holds, as a person reads it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from desk import tables
from desk.engine import open_desk, write_transaction
from tests.console.conftest import Mailcall, Ran
from tests.desks import new_desk

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_TEXTS = (
    "subject description call_template screen_set ipk_status ipk_stream assigned_office assigned_group call_type "
    "impact urgency priority"
)


def person(id_: str, first_name: str, last_name: str) -> dict[str, Any]:
    flags = {"is_user": True, "is_analyst": True, "disabled": False}
    return {"id": id_, "first_name": first_name, "last_name": last_name, "office": "", "version": 1, **flags}


def item(number: int, kind: str, status: str = "open") -> dict[str, Any]:
    return {
        **dict.fromkeys(_TEXTS.split(), ""),
        "id": number,
        "kind": kind,
        "partition": "it",
        "status": status,
        "subject": f"The {kind}",
        "user_id": "u-17",
        "logging_analyst": "a-4",
        "fields": {"room": "2.14"} if kind == "request" else {},
        "settings_versions": {},
        "opened_at": AT,
        "version": 1,
    }


@pytest.fixture
def desk(mailcall: Mailcall, tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    """`mailcall` at a desk with four items, which Ursula User asked for and Ida Ingram logged."""
    url = new_desk(tmp_path / "desk.db")
    engine = open_desk(url)
    with write_transaction(engine) as connection:
        people = [person("u-17", "Ursula", "User"), person("a-4", "Ida", "Ingram"), person("w-9", "", "")]
        connection.execute(insert(tables.persons), people)
        kinds = ("call", "open"), ("task", "open"), ("request", "open"), ("task", "closed")
        connection.execute(insert(tables.items), [item(number, *one) for number, one in enumerate(kinds, 1)])
        entry = {"item_id": 1, "at": AT, "kind": "call-logged", "person_id": "u-17", "text": None}
        connection.execute(insert(tables.journal), entry)
        connection.execute(insert(tables.watchers), [{"item_id": 1, "person_id": one} for one in ("a-4", "w-9")])
    engine.dispose()
    yield lambda *arguments: mailcall("--desk-url", url, *arguments)


def test_each_kind_is_listed_by_its_own_command(desk: Callable[..., Ran]) -> None:
    def references(*arguments: str) -> list[str]:
        return [one["reference"] for one in json.loads(desk(*arguments, "--json").out)]

    assert references("calls", "list") == ["T-000004", "R-000003", "T-000002", "C-000001"]
    assert references("calls", "list", "--kind", "call") == ["C-000001"]
    assert references("tasks", "list") == ["T-000004", "T-000002"]
    assert references("tasks", "list", "--status", "open") == ["T-000002"]
    assert references("requests", "list", "--partition", "it") == ["R-000003"]
    assert desk("requests", "list", "--partition", "hr").out == "there are no such requests\n"


def test_a_list_names_people(desk: Callable[..., Ran]) -> None:
    shown = desk("tasks", "list").out
    assert "Ursula User" in shown and "Ida Ingram" in shown
    assert "u-17" not in shown and "a-4" not in shown


def test_an_item_is_shown_in_words(desk: Callable[..., Ran]) -> None:
    ran = desk("calls", "show", "C-000001")
    shown = {name: value.strip() for name, _, value in (line.partition(" ") for line in ran.out.splitlines())}
    assert ran.code == 0
    assert shown["user"] == "Ursula User (u-17)"
    assert shown["logging_analyst"] == "Ida Ingram (a-4)"
    assert shown["watchers"] == "Ida Ingram (a-4), w-9"
    assert shown["fields"] == shown["settings_versions"] == shown["closed_at"] == ""
    assert "call-logged  by Ursula User" in ran.out
    assert not [words for words in ("{", "True", "False", "None", "()", "'") if words in ran.out]

    assert "room=2.14" in desk("calls", "show", "R-000003").out


def test_json_keeps_ids(desk: Callable[..., Ran]) -> None:
    shown = json.loads(desk("calls", "show", "C-000001", "--json").out)
    assert (shown["user"], shown["logging_analyst"], shown["watchers"]) == ("u-17", "a-4", ["a-4", "w-9"])
    assert (shown["fields"], shown["journal"][0]["person_id"]) == ({}, "u-17")
