"""A message template holds, handles and gives no more than the bounds: seen before it is compiled, filled and done."""

from collections.abc import Iterator

import pytest

from schemas import template_bounds
from schemas.settings import MessageTemplate
from schemas.template_bounds import MAX_EXPRESSION, MAX_OUTPUT, MAX_PARTS, MAX_SOURCE, TooMuchError, joined
from schemas.template_language import FAULTS, check, compiled, fault
from schemas.template_words import MAX_TEXT


@pytest.fixture(autouse=True)
def new() -> Iterator[None]:
    """Nothing is known of templates that were compiled under other bounds."""
    compiled.cache_clear()
    yield
    compiled.cache_clear()


def _template(**parts: str) -> MessageTemplate:
    return MessageTemplate.model_validate({"id": "own", "event": "CallLogged", "subject": "s", "text": "t", **parts})


def _why(source: str, data: dict[str, str] | None = None, html: bool = False) -> str:
    with pytest.raises(FAULTS) as caught:
        compiled(source, html).fill(data or {})
    return fault(caught.value)


@pytest.mark.parametrize("field", ["text", "html"])
def test_a_source_that_is_too_long_is_refused_with_its_size_and_the_bound(field: str) -> None:
    assert check(_template(**{field: "x" * MAX_SOURCE})) is None
    assert check(_template(**{field: "x" * (MAX_SOURCE + 1)})) == (
        f"{field}: it has 100001 characters, more than 100000: shorten it"
    )


def test_a_source_that_is_too_long_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_bounds, "MAX_SOURCE", 20)
    assert _why("{{ broken" + " " * 20) == "it has 29 characters, more than 20: shorten it"


def test_names_filters_and_conditions_are_counted() -> None:
    assert check(_template(text="{{ disk }}" * MAX_PARTS, event="BackupFailed")) is None
    assert check(_template(text="\n" + "{{ disk }}\n" * (MAX_PARTS + 1), event="BackupFailed")) == (
        f"text: line {MAX_PARTS + 2}: names, filters and conditions are 1001, more than 1000: take some away"
    )


@pytest.mark.parametrize(
    "source",
    [
        "{{ subject" + " | lower" * MAX_EXPRESSION + " }}",
        "{{ " + " ~ ".join(["subject"] * MAX_EXPRESSION) + " }}",
        "{{ " + "not " * MAX_EXPRESSION + "subject }}",
        "{% if " + " and ".join(["subject"] * MAX_EXPRESSION) + " %}x{% endif %}",
        "{% if subject %}{% elif subject" + " in subject" * MAX_EXPRESSION + " %}x{% endif %}",
        "{% if subject %}{{ subject" + " if subject else subject" * MAX_EXPRESSION + " }}{% endif %}",
    ],
)
def test_one_expression_has_a_bound_of_its_own(source: str) -> None:
    told = check(_template(text=f"\n{source}"))
    assert told is not None
    assert told.startswith("text: line 2: an expression has ")
    assert f"more than {MAX_EXPRESSION}: make several of it" in told


@pytest.mark.parametrize("test", ["divisibleby(3)", "even", "odd"])
def test_no_test_can_be_made_to_format(test: str) -> None:
    assert _why(f"{{{{ '%9d' is {test} }}}}").startswith("line 1: No test named")


def test_trim_takes_few_characters_away() -> None:
    assert compiled("{{ a | trim('.!') }}", False).fill({"a": "!x."}) == "x"
    assert compiled("{{ a | trim }}", False).fill({"a": " x "}) == "x"
    assert _why("{{ a | trim(b) }}", {"a": "x", "b": "y" * 101}) == (
        "line 1: trim takes 100 characters away at most, not 101"
    )


def test_what_truncate_asserts_is_a_fault_of_the_template() -> None:
    assert check(_template(text="\n{{ text | truncate(1) }}")) == (
        "text: line 2: a filter or a comparison cannot take what it is given (AssertionError)"
    )


@pytest.mark.parametrize(
    ("source", "handled"),
    [
        ("{{ a }}", 10),
        ("{{ a }}{{ b }}", 10),
        ("{{ a | lower }}", 20),
        ("{{ a | lower | upper }}{{ a }}", 40),
        ("{{ (a ~ a) | length }}", 60),
        ("{% if a %}{{ a }}{% endif %}", 20),
        ("{% if b %}{{ a }}{% elif a %}x{% else %}{{ a | default(a) }}{% endif %}", 60),
    ],
)
def test_what_goes_through_a_template_is_counted_before_it_is_filled(
    source: str, handled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"a": "x" * 10, "b": ""}
    monkeypatch.setattr(template_bounds, "MAX_HANDLED", handled)
    compiled(source, False).fill(data)
    monkeypatch.setattr(template_bounds, "MAX_HANDLED", handled - 1)
    assert _why(source, data).startswith(f"{handled} characters go through its names, filters and conditions, more")


def test_a_filling_ends_where_it_has_given_enough() -> None:
    pieces = iter(["x" * 1_000] * 2_000)
    with pytest.raises(TooMuchError, match=f"more than {MAX_OUTPUT}"):
        joined(pieces)
    assert len(list(pieces)) == 2_000 - MAX_OUTPUT // 1_000 - 1
    assert joined(["x" * MAX_OUTPUT]) == "x" * MAX_OUTPUT


def test_what_a_filling_gives_is_counted_as_html_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_bounds, "MAX_OUTPUT", 49)
    assert compiled("{{ a }}", True).fill({"a": "x" * 49}) == "x" * 49
    assert _why("{{ a }}", {"a": "&" * 10}, html=True) == "it gives more than 49 characters: name long texts less often"


def test_a_template_is_tried_out_with_the_longest_text_that_the_desk_gives() -> None:
    often = MAX_OUTPUT // (5 * MAX_TEXT)
    assert check(_template(html="{{ text }}" * often)) is None
    assert check(_template(html="{{ text }}" * (often + 1))) == (
        "html: it gives more than 512000 characters: name long texts less often"
    )
    assert check(_template(html="{{ text }}" * (often + 1), event="BackupFailed")) is None
