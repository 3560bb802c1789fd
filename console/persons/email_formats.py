"""Message Format per Analyst/User: when an Email Format can be entered in a person's details."""

from console.errors import Problem
from console.settings.settings_file import SettingsFile
from console.settings.state import State

REMEDY = (
    "select Message Format per Analyst/User first: message_format_per_person: true in email_options; "
    "or leave email_format as it is"
)


def wrong_email_formats(file: SettingsFile, state: State) -> tuple[Problem, ...]:
    """A problem for every person whose Email Format is set or changed while that is disabled.

    Requirement R3.11: without the option no Email Format can be entered. What counts is the option as it is once the
    file is applied. A format may be taken away, and one that is stored may stay.
    """
    settings = state.settings.with_changes((key, value, -1) for key, value in file.settings.items())
    if settings.email_options().message_format_per_person:
        return ()
    stored = {id_: person.email_format for id_, person in state.persons.items()}
    return tuple(
        file.problem(
            f"person/{id_}",
            ("email_format",),
            "email_format cannot be set: Message Format per Analyst/User is off",
            REMEDY,
        )
        for id_, person in file.persons.items()
        if person.email_format not in (None, stored.get(id_))
    )
