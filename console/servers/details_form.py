"""The details as a page shows them: sections of fields, each with what can be chosen, and what its words mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.servers.details import references
from console.servers.drafts import Draft
from console.servers.methods import MethodChoice, method_choices
from console.servers.server_types import ServerType
from console.web import form_values, forms
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.forms import Field, Look
from console.web.labels import name_of
from console.web.model_fields import Choice
from mailserver.connection import PORTS
from schemas.settings import CallTemplate, MapiProfile, OutgoingServer, Security
from schemas.snapshot import SettingsSnapshot

_HELP: Mapping[str, str] = {
    "id": "Its name in topics, logs and commands: it stays what it is",
    "enabled": "A server that is switched off is not spoken to; its mail waits",
    "host": "Host name or IP address; the server's certificate must be for it",
    "password": "Of the mail account. It is sealed as soon as it is sent: nobody can read it here again",
    "after_fetch": "What becomes of a mail on its server once it is safely fetched",
    "move_to": "Only where mail is moved: the folder that it is moved to",
    "mailbox": "The address of the mailbox in Exchange",
    "save_sent": "A copy of each mail stays in the mailbox's Sent Items; without it, it is moved to Deleted Items",
    "path": "A Maildir, or a directory of .eml files, on the machine where mail is fetched",
    "oversize": "What becomes of a larger mail",
    "trust": "Whether the sender has to be proved by what the receiving mail system found. Mark: who is not has no "
    "Analyst's rights and changes no state. Quarantine: besides, mail that fails is held until somebody releases it",
    "authserv_id": "Only with Mark and Quarantine: the name that this mailbox's own mail system writes into "
    "Authentication-Results; *.example.com where each of its hosts writes its own; - where it writes none (Microsoft "
    "365)",
}
_POP3_AFTER = (Choice("seen", "Leave it: POP3 has no marks"), Choice("delete", "Delete it"))


@dataclass(frozen=True, slots=True)
class ShownSection:
    """`is_open`: what few have to see is seen at once, since something in it is not as usual."""

    id: str
    title: str
    fields: Sequence[Field]
    more: Sequence[Field]
    is_open: bool
    methods: Sequence[MethodChoice] = ()


def sections_of(
    draft: Draft,
    values: Values,
    settings: SettingsSnapshot,
    errors: Sequence[PageError] = (),
    people: Mapping[str, str] | None = None,
) -> list[ShownSection]:
    """The sections of the draft's type, with what was typed and what is wrong. `people`: names of persons by their ids,
    where the page is only read."""
    type_ = draft.type
    looks = _looks(draft, settings)
    if people is not None and "default_logging_analyst" in type_.fields:
        looks["default_logging_analyst"] = Look(choices=tuple(Choice(*person) for person in people.items()))
    usual = form_values.default_values(type_.model, type_.fields)
    wrong = {error.field for error in errors}

    def shown(names: Iterable[str]) -> list[Field]:
        return forms.fields(type_.model, names, values, errors, looks)

    return [
        ShownSection(
            section.id,
            section.title,
            shown(section.fields),
            shown(section.more),
            any(name in wrong or values.get(name) != usual.get(name) for name in section.more),
            method_choices(type_.protocol) if "authentication" in section.fields else (),
        )
        for section in type_.sections
    ]


def _looks(draft: Draft, settings: SettingsSnapshot) -> dict[str, Look]:
    type_ = draft.type
    looks = {name: Look(help=text) for name, text in _HELP.items() if name in type_.fields}
    if "authentication" in type_.fields:
        looks["port"] = Look(help=_ports(type_))
        looks["authentication"] = Look(
            choices=tuple(
                Choice(one.value, one.label, one.why_not and f"does not go with {type_.label}")
                for one in method_choices(type_.protocol)
            ),
            help="What each of them does stands below",
        )
    if "profile" in type_.fields:
        profiles = _profiles(settings)
        before = f"before you can configure {type_.direction} email for MAPI: there is none yet"
        looks["profile"] = Look(
            choices=(Choice("", "Select one"), *profiles),
            help="How Exchange is reached and logged in to"
            if profiles
            else f"The MAPI Mail Server must be configured {before}",
        )
        looks["mailbox"] = Look(help=_HELP["mailbox"], optional=False)
    for name, where in references(draft.before, type_):
        looks[name] = Look(
            help=f"It is taken from the {where} where mail is processed. What is entered here replaces it."
        )
    if type_.direction == "incoming":
        looks["call_template"] = Look(choices=_templates(draft, settings))
    else:
        looks["fallback"] = Look(choices=_fallbacks(draft, settings))
    if type_.id == "pop3":
        looks["after_fetch"] = Look(choices=_with(_POP3_AFTER, "leave", str(draft.typed.get("after_fetch", ""))))
    if draft.server_id is not None:
        looks["id"] = Look(
            why_not="it stays what it is", help="It stays what it is: add another server, then delete this one"
        )
    return looks


def _ports(type_: ServerType) -> str:
    ports = {security: PORTS.get((type_.protocol, security)) for security in Security}
    return (
        f"Left empty: {ports[Security.TLS]} with TLS, {ports[Security.STARTTLS]} with STARTTLS, "
        f"{ports[Security.NONE]} without"
    )


def _templates(draft: Draft, settings: SettingsSnapshot) -> tuple[Choice, ...]:
    templates = settings.all_of(CallTemplate)
    found = tuple(
        Choice(one.id, f"{one.id} (partition {name_of(settings, 'partition', one.partition)})") for one in templates
    )
    return found if draft.typed.get("call_template") else (Choice("", "Select one"), *found)


def _profiles(settings: SettingsSnapshot) -> tuple[Choice, ...]:
    profiles = settings.all_of(MapiProfile)
    return tuple(Choice(one.id, f"{one.name} ({one.id})" if one.name else one.id) for one in profiles)


def _fallbacks(draft: Draft, settings: SettingsSnapshot) -> tuple[Choice, ...]:
    others = (one for one in settings.all_of(OutgoingServer) if one.id != draft.server_id)
    return (Choice("", "None"), *(Choice(one.id, one.name or one.id) for one in others))


def _with(choices: tuple[Choice, ...], value: str, current: str) -> tuple[Choice, ...]:
    """What is set now stays to be chosen, under its own word."""
    return (*choices, Choice(value, "Leave it")) if current == value else choices
