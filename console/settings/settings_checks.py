"""Whether each setting can work as it stands, by the rules of those who use it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from console.errors import FieldPath, Problem, SettingsError
from console.settings.settings_file import SettingsFile
from mailserver.authentication import METHODS, CredentialKind, method_for, missing
from mailserver.authentication import problem as authentication_problem
from mailserver.errors import MailServerError
from runtime.template_trials import TemplateTrials
from schemas.settings import IncomingServer, MessageTemplate, OutgoingServer, Setting

_CHOOSE_ANOTHER = "choose another method, see docs/authentication/README.md"
_COMPLETE = "complete the server, or choose another method, see docs/authentication/README.md"
_Fault = tuple[tuple[FieldPath, ...], str, str]  # its fields, what is wrong, and what to do about it
MEND_TEMPLATE = "mend the template there, see docs/outgoing-mail.md"


def check_workable(file: SettingsFile) -> None:
    """Raises `SettingsError` with what is `unworkable`."""
    found = unworkable(file)
    if found:
        raise SettingsError.of(found)


def unworkable(file: SettingsFile) -> tuple[Problem, ...]:
    """Every setting that whoever uses it would refuse. Raises `OutageError` as `faults`."""
    templates = (setting for setting in file.settings.values() if isinstance(setting, MessageTemplate))
    broken = TemplateTrials().faults(templates)
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
