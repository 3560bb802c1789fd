"""Where subject and text of a mail, or of a system's request, go: as the call template says."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.settings import CallTemplate

MAX_SUBJECT = 998  # characters; a longer one would make records that the broker refuses


@dataclass(frozen=True, slots=True)
class CallFields:
    """Subject and description of a new item, and all its further fields with the template's defaults."""

    subject: str
    description: str
    fields: Mapping[str, str]


def call_fields(template: CallTemplate, subject: str, text: str) -> CallFields:
    """By `subject_to` and `body_to`. Where both go to one place the subject stands first.

    What is empty leaves a field its default. A subject that goes elsewhere leaves the item's own empty.
    """
    placed: dict[str, str] = {}
    for value, names in ((subject, template.subject_to), (text, template.body_to)):
        for name in dict.fromkeys(names) if value else ():
            placed[name] = f"{placed[name]}\n\n{value}" if name in placed else value
    own = placed.pop("subject", "")
    return CallFields(own[:MAX_SUBJECT], placed.pop("description", ""), {**template.fields, **placed})
