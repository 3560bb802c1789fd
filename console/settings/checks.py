"""Whether settings can work: each as it stands, by the rules of those who use it, and everything that they name."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from console.errors import FieldPath, Problem, UserError
from console.settings.entries import near
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from mailserver.authentication import METHODS, CredentialKind, method_for, missing
from mailserver.authentication import problem as authentication_problem
from mailserver.errors import MailServerError
from runtime.child.template_checks import TemplateChecker
from schemas.persons import Person
from schemas.setting_problems import SettingProblem, problems
from schemas.settings import IncomingServer, MessageTemplate, OutgoingServer, Setting

_CHOOSE_ANOTHER = "choose another method, see docs/authentication/README.md"
_COMPLETE = "complete the server, or choose another method, see docs/authentication/README.md"
_Fault = tuple[tuple[FieldPath, ...], str, str]  # its fields, what is wrong, and what to do about it
MEND_TEMPLATE = "mend the template there, see docs/outgoing-mail.md"
EMAIL_FORMAT_REMEDY = (
    "select Message Format per Analyst/User first: message_format_per_person: true in email_options; "
    "or leave email_format as it is"
)


def check_workable(file: SettingsFile) -> None:
    """Raises `UserError` with what is `unworkable`."""
    found = unworkable(file)
    if found:
        raise UserError.of(found)


def unworkable(file: SettingsFile) -> tuple[Problem, ...]:
    """Every setting that the process which uses it would refuse. Raises `OutageError` as `faults`."""
    templates = (setting for setting in file.settings.values() if isinstance(setting, MessageTemplate))
    broken = TemplateChecker().faults(templates)
    return tuple(
        replace(file.problem(key, fields[0] if fields else (), fault, remedy), fields=fields)
        for key, setting in file.settings.items()
        for fields, fault, remedy in _faults(setting, broken)
    )


def _log_in_faults(server: IncomingServer | OutgoingServer) -> Iterator[_Fault]:
    """The first of: a method that the protocol has not, one that lacks what it needs, a password for all to read."""
    fault = authentication_problem(server.authentication, server.protocol)
    if fault:
        yield (("authentication",),), fault, _CHOOSE_ANOTHER
        return
    lacking = missing(server)
    if lacking:
        secret = "oauth" if METHODS[server.authentication].needs is CredentialKind.TOKEN else "password"
        yield tuple((name,) for name in ("username", secret) if not getattr(server, name)), lacking, _COMPLETE
        return
    try:
        method_for(server, server.protocol)
    except MailServerError as error:
        yield (("security",),), error.text, _COMPLETE


def _faults(setting: Setting, broken_templates: Mapping[str, str]) -> Iterator[_Fault]:
    if isinstance(setting, IncomingServer | OutgoingServer):
        yield from _log_in_faults(setting)
    if isinstance(setting, MessageTemplate) and setting.id in broken_templates:
        yield (), broken_templates[setting.id], MEND_TEMPLATE


def check_references(file: SettingsFile, state: State, *, persons_too: bool = True) -> None:
    """Raises `UserError` with what is `unresolved`."""
    found = unresolved(file, state, persons_too=persons_too)
    if found:
        raise UserError.of(found)


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
            EMAIL_FORMAT_REMEDY,
        )
        for id_, person in file.persons.items()
        if person.email_format not in (None, stored.get(id_))
    )
