"""YAML within limits, which are lowered here: what is too much is told by its line, before anything is built of it."""

from typing import Any

import pytest

from runtime import yaml_lines
from runtime.yaml_lines import YamlError, load

NODES, DEPTH = 20, 4


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_lines, "MAX_NODES", NODES)
    monkeypatch.setattr(yaml_lines, "MAX_DEPTH", DEPTH)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a\n" * NODES, NODES),
        ("[" + "a," * NODES + "]", 1),
        ("".join(f"k{number}: v\n" for number in range(NODES)), 10),  # keys count too
        ("- &a x\n" + "- *a\n" * NODES, NODES),
        ("[\n" * (DEPTH + 1), DEPTH + 1),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), 1),
        ("{a: " * (DEPTH + 1) + "}" * (DEPTH + 1), 1),
        ("- " * (DEPTH + 1) + "a", 1),
        ("? " * (DEPTH + 1) + "a", 1),
    ],
)
def test_what_is_too_much_or_too_deep_is_told_before_anything_is_built(
    text: str, line: int, limits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(_text: str) -> None:
        pytest.fail("it was built")

    monkeypatch.setattr(yaml_lines, "_built", built)
    with pytest.raises(YamlError, match="too many values, or values nested too deep") as told:
        load(text)
    assert told.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b]",
        "a: &a {k: 1, l: 2}\nb: &b {<<: [*a, *a, *a]}\nc: {<<: [*b, *b, *b]}",
        "a: &a {<<: *a}",
        "&a [*a]",
    ],
)
def test_what_aliases_and_merges_stand_for_is_counted_each_time(text: str, limits: None) -> None:
    with pytest.raises(YamlError, match="too many values, or values nested too deep") as told:
        load(text)
    assert told.value.line


def test_what_is_within_the_limits_is_read(limits: None) -> None:
    assert load("- a\n" * (NODES - 1)).data == ["a"] * (NODES - 1)
    assert load("[" * DEPTH + "]" * DEPTH).data == [[[[]]]]


@pytest.mark.parametrize(
    "value",
    [
        "!!bool maybe",
        "!!timestamp abc",
        "!!int ''",
        "!!float ''",
        "!!int abc",
        "2001-99-99",
        "!!map x",
        "0x" + "f" * 100,
        "1" + ":59" * 40,
        "0b" + "1" * 200,
    ],
)
@pytest.mark.parametrize("text", ["a: 1\nb: {}", "a: 1\n{} : b"])
def test_a_value_or_key_that_is_not_what_it_looks_like_is_told_by_its_line(value: str, text: str) -> None:
    with pytest.raises(YamlError) as told:
        load(text.format(value))
    assert told.value.line == 2
    assert value not in str(told.value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}", {"x": 1, "y": 3}),
        ("own: {y: 3, <<: {x: 1, y: 2}}", {"x": 1, "y": 3}),
        ("own: {<<: [{x: 1}, {x: 2, y: 2}]}", {"x": 1, "y": 2}),  # the first of several wins
        ("own: {<<: {<<: {x: 1, y: 1}, y: 2}}", {"x": 1, "y": 2}),
    ],
)
def test_what_is_merged_in_gives_way_to_what_is_written(text: str, data: dict[str, Any]) -> None:
    assert load(text).data["own"] == data


@pytest.mark.parametrize("text", ["<<: 1", "<<: [1]", "{a: 1, a: 2}", "[a]: b", "a: !!python/name:os.system x"])
def test_what_is_no_plain_data_is_told(text: str) -> None:
    with pytest.raises(YamlError) as told:
        load(text)
    assert told.value.line == 1
