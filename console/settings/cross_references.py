"""Whether everything that settings name is there: in the same file, or already set up."""

from collections.abc import Iterator, Mapping

from console.errors import Problem, SettingsError
from console.settings.entries import near
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from schemas.persons import Person
from schemas.setting_problems import SettingProblem, problems
from schemas.settings import IncomingServer


def check_references(file: SettingsFile, state: State, *, persons_too: bool = True) -> None:
    """Raises `SettingsError` with what is `unresolved`."""
    found = unresolved(file, state, persons_too=persons_too)
    if found:
        raise SettingsError.of(found)


def unresolved(file: SettingsFile, state: State, *, persons_too: bool = True) -> tuple[Problem, ...]:
    """Every reference that would lead nowhere once the file is applied.

    `persons_too`: Default Logging Analysts must be known, and Analysts.
    """
    persons = {**state.persons, **file.persons}
    snapshot = state.settings.with_changes((key, value, -1) for key, value in file.settings.items())
    faults = [*problems(snapshot, frozenset(persons) if persons_too else None)]
    if persons_too:
        faults += _analysts(snapshot.all_of(IncomingServer), persons)
    return tuple(file.problem(one.key, one.path, one.text, _remedy(one)) for one in faults)


def _remedy(fault: SettingProblem) -> str:
    meant = near(fault.named, fault.known)
    return f"did you mean {meant}?" if meant else fault.remedy


def _analysts(servers: tuple[IncomingServer, ...], persons: Mapping[str, Person]) -> Iterator[SettingProblem]:
    for server in servers:
        person = persons.get(server.default_logging_analyst)
        if person is not None and not person.is_analyst:
            yield SettingProblem(
                f"incoming-server/{server.id}",
                ("default_logging_analyst",),
                f"default_logging_analyst {person.id!r} is no Analyst",
                "set is_analyst: true on that person, or name another",
            )
