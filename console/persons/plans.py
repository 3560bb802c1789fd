"""What a change of persons alone is checked against: not whether all settings are right, but what it would break."""

from collections.abc import Iterator

from console.errors import Problem, SettingsError
from console.persons.email_formats import wrong_email_formats
from console.settings.apply import Plan, planned_changes
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from schemas.settings import IncomingServer


def plan_persons(file: SettingsFile, state: State) -> Plan:
    """What the file's persons would change. Raises `SettingsError` with everything that is wrong."""
    problems = (*wrong_email_formats(file, state), *_lost_analysts(file, state))
    if problems:
        raise SettingsError.of(problems)
    return planned_changes(file, state)


def _lost_analysts(file: SettingsFile, state: State) -> Iterator[Problem]:
    for server in state.settings.all_of(IncomingServer):
        person = file.persons.get(server.default_logging_analyst)
        if person is not None and not person.is_analyst:
            yield file.problem(
                f"person/{person.id}",
                ("is_analyst",),
                f"{person.id} is the Default Logging Analyst of incoming server {server.id}",
                "name another Analyst there first, or leave this one flagged as Analyst",
            )
