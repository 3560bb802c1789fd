"""Whether each setting can work as it stands, by the rules of those who use it."""

from collections.abc import Iterator

from console.operations.problems import SettingsError
from console.operations.settings_file import SettingsFile
from mailserver.authentication import method_for
from mailserver.authentication import problem as authentication_problem
from mailserver.errors import MailServerError
from schemas.settings import IncomingServer, MessageTemplate, OutgoingServer, Setting
from schemas.template_language import check as template_problem

_CHOOSE_ANOTHER = "choose another method, see docs/authentication/README.md"
_COMPLETE = "complete the server, or choose another method, see docs/authentication/README.md"
_MEND_TEMPLATE = "mend the template there, see docs/outgoing-mail.md"


def check_workable(file: SettingsFile) -> None:
    """Raises `SettingsError` with every setting that whoever uses it would refuse."""
    found = [
        file.problem(key, (), fault, remedy)
        for key, setting in file.settings.items()
        for fault, remedy in _faults(setting)
    ]
    if found:
        raise SettingsError(tuple(found))


def _log_in_faults(server: IncomingServer | OutgoingServer) -> Iterator[tuple[str, str]]:
    """The first of: a method that the protocol has not, one that lacks what it needs, a password for all to read."""
    fault = authentication_problem(server.authentication, server.protocol)
    if fault:
        yield fault, _CHOOSE_ANOTHER
        return
    try:
        method_for(server, server.protocol)
    except MailServerError as error:
        yield error.text, _COMPLETE


def _faults(setting: Setting) -> Iterator[tuple[str, str]]:
    """What is wrong, and what to do about it."""
    if isinstance(setting, IncomingServer | OutgoingServer):
        yield from _log_in_faults(setting)
    if isinstance(setting, MessageTemplate):
        fault = template_problem(setting)
        if fault:
            yield fault, _MEND_TEMPLATE
