"""What a settings file holds once it is checked: settings and persons by key, and where each is in the file.

    partitions: [{id: it, name: IT, impacts: [...], ...}]      email_options: {default_format: text, ...}
    call_templates, mapi_profiles, incoming_servers, outgoing_servers, message_templates, notification_rules, groups,
        persons: [{id: ..., ...}, ...]

The keys are the fields of the models in `schemas/settings/` and `schemas/persons.py`. The section `exported` is
`export`'s (`export.py`). `file_reading.py` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.errors import Problem
from runtime.yaml_lines import Document, Path
from schemas.base import Model
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MapiProfile,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Setting,
)
from schemas.settings.notification_rules import Group, NotificationRule

# Section of the file -> model; in the order in which they are published: nothing refers to what is not there yet.
SECTIONS: Mapping[str, type[Model]] = {
    "persons": Person,
    "partitions": Partition,
    "groups": Group,
    "call_templates": CallTemplate,
    "mapi_profiles": MapiProfile,
    "outgoing_servers": OutgoingServer,
    "email_options": EmailOptions,
    "message_templates": MessageTemplate,
    "notification_rules": NotificationRule,
    "incoming_servers": IncomingServer,
}
SINGLE = "email_options"  # the one section that is one record, not a list
MAX_PROBLEMS = 100  # told at once; a file with more is not what was meant
NO_DOCUMENT = Document({}, {})


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file holds; or a command line, which has neither name nor lines.

    Keys as on the topics: `kind/id` for settings, the id for persons; `places` in the document by `kind/id` and
    `person/id`. `exported`: the versions that the file was exported from, by the same keys; None for a file that was
    written by hand.
    """

    name: str
    settings: Mapping[str, Setting]
    persons: Mapping[str, Person]
    places: Mapping[str, Path] = field(default_factory=dict)
    document: Document = NO_DOCUMENT
    exported: Mapping[str, int] | None = None

    def problem(self, key: str, path: Path, text: str, remedy: str) -> Problem:
        """What is wrong at `path` within the setting or person `key` (`kind/id`), which is here or on the topic.

        It is told by the key, since a text that names the field is easier to follow with the id than with a number.
        """
        place = self.places.get(key) or self.places.get(f"{key}/{key}")  # one of its kind is named by the kind
        line = None if place is None else self.document.line((*place, *path))
        return Problem(text, remedy, key, self.name, line, key, (path,) if path else ())
