"""Message templates that cannot be used say why, before a mail is to be made from them."""

import pytest

from schemas.settings import MessageTemplate
from schemas.template_language import check, faults
from schemas.template_words import WORDS

DEEP = 2_000


def _template(**parts: str) -> MessageTemplate:
    return MessageTemplate.model_validate({"id": "own", "event": "CallLogged", "subject": "s", "text": "t", **parts})


def test_a_template_that_can_be_compiled_has_no_fault() -> None:
    text = "Dear {{ recipient_name | title }},\n{% if priority %}{{ priority }}{% else %}-{% endif %}"
    assert check(_template(text=text, html=f"<p>{text}</p>", subject="{{ subject }}")) is None


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"subject": "{{ subject"}, "subject: line 1: "),
        ({"text": "a\n{% for x in y %}{% endfor %}"}, "text: line 2: a template may not hold a loop (For): use names"),
        ({"text": "a\nb\n{{ x | centre }}"}, "text: line 3: No filter named 'centre'"),
        ({"html": "{{ x.__class__ }}"}, "html: line 1: a template may not hold a dot in a name (Getattr): use names"),
        ({"text": "a\nb\n{{ refrence }}"}, "text: line 3: there is no name 'refrence'; did you mean 'reference'?"),
        ({"html": "{% if x %}\n{{ zz }}{% endif %}"}, "html: line 1: there is no name 'x'; there are recipient_name,"),
        (
            {"text": "{% if not text %}\n{{ user|truncate('x') }}{% endif %}"},
            "text: line 2: a filter or a comparison",
        ),
        ({"event": "BackupFailed", "text": "a\n{{ disk | truncate('x') }}"}, "text: line 2: a filter or a comparison"),
        ({"text": "a\n{% if text == 'x' %}{{ text ~ 1e400 }}{% endif %}"}, "text: line 2: a number is too large"),
        ({"text": "{{ " + "(" * DEEP + "x" + ")" * DEEP + " }}"}, "text: parentheses or conditions stand too deep"),
        ({"text": "{% if x %}" * 150 + "{% endif %}" * 150}, "text: parentheses or conditions stand too deep"),
        ({"text": "{% if x %}" * DEEP + "{% endif %}" * DEEP}, "text: parentheses or conditions stand too deep"),
    ],
)
def test_a_fault_is_told_with_field_and_line(parts: dict[str, str], told: str) -> None:
    why = check(_template(**parts))
    assert why is not None
    assert why.startswith(told)


def test_an_integrators_event_brings_names_of_its_own() -> None:
    assert check(_template(event="BackupFailed", text="{{ disk }} {% if hours > '1' %}late{% endif %}")) is None


@pytest.mark.parametrize("name", WORDS)
def test_every_word_can_be_used(name: str) -> None:
    assert check(_template(text=f"{{{{ {name} }}}}")) is None


def test_everything_wrong_is_told_at_once_with_part_and_line() -> None:
    broken = _template(subject="{{ sub ject }}", text="{{ refrence }}\n{{ usr }}\n{{ refrence }}", html="{{ 'x' }")
    found = [(fault.part, fault.line, fault.text.partition(";")[0]) for fault in faults(broken)]
    assert found[0][:2] == ("subject", 1)
    assert found[1:3] == [("text", 1, "there is no name 'refrence'"), ("text", 2, "there is no name 'usr'")]
    assert [(part, line) for part, line, _ in found[3:]] == [("html", 1)]
    assert str(next(faults(_template(text="a\n{{ b")))).startswith("text: line 2: ")
