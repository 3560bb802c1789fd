"""Whether everything that settings name is there: in the same file, or already set up."""

from collections.abc import Iterator, Mapping

from console.operations.problems import Problem, SettingsError
from console.operations.settings_file import SettingsFile
from console.operations.state import State
from schemas.persons import Person
from schemas.settings import IncomingServer

_REMEDY = "apply it first or in the same file, or name one that exists"


def check_references(file: SettingsFile, state: State, *, persons_too: bool = True) -> None:
    """Raises `SettingsError` where a reference would lead nowhere once the file is applied.

    `persons_too`: Default Logging Analysts must be known, and Analysts.
    """
    persons = {**state.persons, **file.persons}
    snapshot = state.settings.with_changes((key, value, -1) for key, value in file.settings.items())
    faults = snapshot.problems(frozenset(persons) if persons_too else None)
    problems = [file.problem(text, _REMEDY) for text in faults]
    if persons_too:
        problems += _analysts(file, snapshot.all_of(IncomingServer), persons)
    if problems:
        raise SettingsError(tuple(problems))


def _analysts(
    file: SettingsFile, servers: tuple[IncomingServer, ...], persons: Mapping[str, Person]
) -> Iterator[Problem]:
    for server in servers:
        person = persons.get(server.default_logging_analyst)
        if person is not None and not person.is_analyst:
            yield file.problem(
                f"incoming-server/{server.id}: default_logging_analyst {person.id!r} is no Analyst",
                "set is_analyst: true on that person, or name another",
            )
