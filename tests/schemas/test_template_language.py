"""Message templates that cannot be used say why, before a mail is to be made from them."""

import pytest

from schemas.settings import MessageTemplate
from schemas.template_language import check

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
        ({"text": "a\n{% for x in y %}{% endfor %}"}, "text: line 2: a template may not hold For"),
        ({"text": "a\nb\n{{ x | centre }}"}, "text: line 3: No filter named 'centre'"),
        ({"html": "{{ x.__class__ }}"}, "html: line 1: a template may not hold Getattr"),
        ({"text": "{{ " + "(" * DEEP + "x" + ")" * DEEP + " }}"}, "text: parentheses or conditions stand too deep"),
        ({"text": "{% if x %}" * 150 + "{% endif %}" * 150}, "text: parentheses or conditions stand too deep"),
        ({"text": "{% if x %}" * DEEP + "{% endif %}" * DEEP}, "text: parentheses or conditions stand too deep"),
    ],
)
def test_a_fault_is_told_with_field_and_line(parts: dict[str, str], told: str) -> None:
    why = check(_template(**parts))
    assert why is not None
    assert why.startswith(told)
