"""Faults over several fields come with those that single fields have, each with its fields, in words of our own."""

from typing import Any

import pytest
from pydantic import ValidationError

from console.settings.entries import WORDS, read_entry
from console.settings.settings_file import SECTIONS
from schemas.base import Model
from schemas.settings import CallTemplate, IncomingServer, OutgoingServer, Partition

SERVER = {"id": "m", "protocol": "imap", "call_template": "c", "default_logging_analyst": "ida"}
MATRIX = {"id": "it", "impacts": ["High", "Low"], "urgencies": ["Now", "Later"], "priorities": ["P1", "P2"]}
# Wrong for one field or another; a field takes some of them.
JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1.5, float("inf"), float("nan"), "", "x", "a\nb", "\x00", "\ud800"),
    *("x" * 200_000, [], ["x"] * 10, [None], [["x"]], {}, {"x": 1}, {1: 1}, {"x": {"x": None}}, {"fields": "x"}, b"x"),
)


def told(entry: dict[str, Any], model: type[Model]) -> dict[frozenset[str], str]:
    """What is wrong, by the fields that it is about."""
    _, faults = read_entry(entry, model, None)
    return {frozenset(".".join(map(str, path)) for path in fault.fields): fault.cause for fault in faults}


def test_all_faults_are_told_at_once_each_with_its_fields() -> None:
    entry = SERVER | {"port": 99_999, "after_fetch": "move", "trust": "mark", "oauth": {"client_id": "x"}}

    found = told(entry, IncomingServer)

    assert set(found) == {
        frozenset({"port"}),
        frozenset({"after_fetch", "move_to"}),
        frozenset({"trust", "authserv_id"}),
        frozenset({"oauth.token_url"}),
        frozenset({"oauth.client_secret", "oauth.refresh_token"}),
    }


def test_every_cell_of_the_matrix_that_is_wrong_is_named() -> None:
    found = told(MATRIX | {"priority_matrix": {"High": {"Now": "P1", "Later": "P9"}, "Low": {"Now": "P2"}}}, Partition)

    assert found == {
        frozenset({"priority_matrix.High.Later"}): "'P9' in the priority matrix is none of the partition's priorities",
        frozenset({"priority_matrix.Low.Later"}): (
            "the priority matrix has no priority for impact 'Low', urgency 'Later'"
        ),
    }


@pytest.mark.parametrize("wrong", [{"after_fetch": "mov"}, {"move_to": 7}, {"after_fech": "move", "move_to": "Done"}])
def test_fields_that_are_wrong_by_themselves_are_not_told_a_second_time(wrong: dict[str, Any]) -> None:
    assert len(told(SERVER | wrong, IncomingServer)) == 1


@pytest.mark.parametrize("model", [*SECTIONS.values()], ids=lambda model: model.__name__)
def test_no_fault_speaks_in_the_validators_own_words(model: type[Model]) -> None:
    for name in model.model_fields:
        for value in JUNK:
            entry = {name: value}
            errors: list[Any] = []
            try:
                model.model_validate(entry, extra="forbid")
            except ValidationError as error:
                errors += error.errors()
            kinds = {one["type"] for one in errors}
            foreign = {one["msg"] for one in errors if one["type"] != "value_error"}
            _, faults = read_entry(entry, model, None)
            assert kinds <= {*WORDS, "extra_forbidden", "string_pattern_mismatch", "value_error"}
            assert not foreign & {fault.cause for fault in faults}
            assert not [fault for fault in faults if "{" in fault.cause or not fault.remedy]


@pytest.mark.parametrize("model", [CallTemplate, OutgoingServer, Partition])
def test_what_holds_no_fields_is_told_as_a_whole(model: type[Model]) -> None:
    _, (fault,) = read_entry(7, model, None)
    assert (fault.path, fault.cause) == ((), "it has no fields")
