"""Where subject and text go: by the call template's subject_to and body_to, for mails and requests alike."""

from typing import Any

import pytest

from logger.core.commands import ItemFields
from logger.core.new_items import item_fields
from schemas.persons import Person
from schemas.settings import CallTemplate
from schemas.topics import CALL_EVENTS
from tests.logger.harness import Logger, ask, make_mail


def placed(subject: str, text: str, **template: Any) -> ItemFields:
    return item_fields(CallTemplate(id="t", impact="i", urgency="u", **template), subject, text)


@pytest.mark.parametrize(
    ("template", "subject", "description", "fields"),
    [
        ({}, "S", "T", {}),
        ({"fields": {"a": "x"}}, "S", "T", {"a": "x"}),
        ({"subject_to": ["title"]}, "", "T", {"title": "S"}),
        ({"subject_to": ["subject", "title"]}, "S", "T", {"title": "S"}),
        ({"subject_to": []}, "", "T", {}),
        ({"subject_to": ["description"]}, "", "S\n\nT", {}),
        ({"subject_to": ["a", "a"], "body_to": ["a", "a"]}, "", "", {"a": "S\n\nT"}),
        ({"body_to": ["symptom", "description"]}, "S", "T", {"symptom": "T"}),
        ({"body_to": ["a"], "fields": {"a": "x", "b": "y"}}, "S", "", {"a": "T", "b": "y"}),
    ],
)
def test_places(template: dict[str, Any], subject: str, description: str, fields: dict[str, str]) -> None:
    assert placed("S", "T", **template) == ItemFields(subject, description, fields)


def test_what_is_empty_leaves_a_field_its_default() -> None:
    found = placed("", "", subject_to=["a"], body_to=["b"], fields={"a": "x"})
    assert found == ItemFields("", "", {"a": "x"})


def test_a_long_subject_is_cut() -> None:
    assert placed("x" * 2000, "").subject == "x" * 998


def test_a_call_by_mail_and_a_task_by_a_system_are_filled_alike(logger: Logger) -> None:
    template = CallTemplate(
        id="placing", partition="IT", impact="high", urgency="low", subject_to=("title",), body_to=("symptom",)
    )
    logger.settings = logger.settings.with_changes([("call-template/placing", template, 9)])
    logger.feed(Person(id="rob", is_analyst=True))
    mail = make_mail("one", subject="S", text="line\nline", reply="line", call_template="placing")
    logger.feed(mail, ask("create-task", call_template="placing", subject="S", text="line\nline", user=None))
    for reference in ("C-000001", "T-000002"):
        item = logger.item(reference)
        assert (item.subject, item.description) == ("", "")
        assert item.fields == {"title": "S", "symptom": "line\nline"}
        assert item.journal[0].text == "line\nline"
    assert [event.subject for event in logger.of(CALL_EVENTS)] == ["", ""]
