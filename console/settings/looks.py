"""How fields of settings look in the window: what can be chosen or is offered for each, what an empty one means."""

from collections.abc import Mapping
from typing import Any, get_args

from console.settings.kinds import Kind
from console.settings.references import NAMING
from console.web.forms import Look
from console.web.labels import event_words, name_of, word
from console.web.model_fields import Choice
from schemas.settings import MessageTemplate, Partition
from schemas.settings.notification_rules import DEFAULT_RULES, DeskEvent, Role
from schemas.snapshot import SettingsSnapshot

# Field -> what it means that nothing is chosen, for the fields that may be empty.
WHEN_EMPTY: Mapping[str, str] = {
    "outgoing_server": "The default outgoing server",
    "partition": "Every partition",
    "recipient": "Everybody who is told",
    "address": "None: each member is told",
    "html": "Made from the text",
    "tell": "Nobody",
    "members": "Nobody",
}
_EVENTS: tuple[str, ...] = get_args(DeskEvent)
_CHOOSE = Choice("", "Choose one")
_ROLES = tuple(Choice(role, word(role)) for role in get_args(Role))
# Kind of setting -> field -> how it looks, where that depends on nothing else that is set up.
_LOOKS: Mapping[str, Mapping[str, Look]] = {
    "partition": dict.fromkeys(("impacts", "urgencies", "priorities"), Look(help="")),
    "call-template": {
        "fields": Look(help="Defaults for further fields of the call, one a line: name = value"),
        "subject_to": Look(help="One a line: subject, description, or names of further fields"),
        "body_to": Look(help="One a line: description, or names of further fields"),
    },
    "message-template": {
        "recipient": Look(choices=(Choice("", WHEN_EMPTY["recipient"]), *_ROLES), help=""),
        "text": Look(widget="code", rows=14),
        "html": Look(widget="code", rows=10),
    },
    "mapi-profile": {
        "transport": Look(choices=(Choice("graph", word("graph")), Choice("ews", word("ews"))), help=""),
        "certificate": Look(widget="secret-lines", rows=6, is_removable=True),
        "client_secret": Look(is_removable=True, help="The value of the application's secret"),
        "password": Look(is_removable=True, help=""),
        "url": Look(
            help="Such as https://mail.example.org/EWS/Exchange.asmx. With Kerberos it may stay empty: it is "
            "then looked for at the mailbox's domain (Autodiscover)",
            optional=False,
        ),
        "authentication": Look(help="How the account, or with OAuth2 the application, is logged in to"),
        "impersonation": Look(
            help="Exchange lets the account do so by the role ApplicationImpersonation. Without it the account "
            "needs Full Access to each mailbox"
        ),
        "username": Look(help="DOMAIN\\name or name@domain", optional=False),
        "cloud": Look(help="Whose Microsoft 365 it is"),
        "token_file": Look(help="File with the platform's token for the application (workload identity)"),
        "tenant": Look(help="The directory's id, or one of its domains", optional=False),
        "client_id": Look(optional=False),
        "managed_identity": Look(
            help="The application is the identity of the machine in Azure; the client id names one of several"
        ),
    },
    "notification-rule": {"event": Look(choices=tuple(Choice(name, event_words(name)) for name in _EVENTS))},
    "group": {"members": Look(help="Ids of persons, one a line; each is told at their own address")},
}


def looks_of(
    kind: Kind, settings: SettingsSnapshot, offered: Mapping[str, tuple[str, ...]], partition: Partition | None
) -> dict[str, Look]:
    """By field. `offered`: values in use by field of a Call Template; `partition`: the one that the form names."""
    looks = {
        field: Look(choices=_named(kind, field, settings, named), help="")
        for field, named in NAMING[kind.model].items()
        if named != "person"
    }
    looks |= {"id": Look(optional=False), **_LOOKS.get(kind.name, {})}
    match kind.name:
        case "call-template":
            looks |= {field: Look(offers=values) for field, values in offered.items()}
            looks["impact"] = Look(choices=_values(partition.impacts if partition else ()))
            looks["urgency"] = Look(choices=_values(partition.urgencies if partition else ()))
        case "message-template":
            own = {template.event for template in settings.all_of(MessageTemplate)}
            looks["event"] = Look(
                offers=(*map(event_words, _EVENTS), *sorted(own.difference(_EVENTS))),
                help="One of those that are offered, or one of an integrator's own",
                shown=event_words,
            )
    return looks


def told_by_default(event: str) -> str:
    """Who is told of an event of the desk's where no rule says otherwise."""
    roles = next((roles for name, roles in DEFAULT_RULES.items() if name == event), ())
    return ", ".join(map(word, roles)) or "Nobody"


def _named(kind: Kind, field: str, settings: SettingsSnapshot, named: str) -> tuple[Choice, ...]:
    """The settings of a kind that a field can name."""
    found = (one for key, one in sorted(settings.settings.items()) if key.startswith(f"{named}/"))
    choices = tuple(Choice(one.id, _with_name(one)) for one in found)
    if kind.name == "call-template":
        return (_CHOOSE, *choices)
    required = kind.model.model_fields[field].is_required()
    return choices if required else (Choice("", _when_empty(field, settings)), *choices)


def _when_empty(field: str, settings: SettingsSnapshot) -> str:
    """What it means, with the server that then sends."""
    if field != "outgoing_server":
        return WHEN_EMPTY[field]
    default = settings.email_options().default_outgoing_server
    named = name_of(settings, "outgoing-server", default) if default else "there is none: nobody is told"
    return f"{WHEN_EMPTY[field]} ({named})"


def _with_name(setting: Any) -> str:
    name = getattr(setting, "name", "")
    return f"{name} ({setting.id})" if name and name != setting.id else setting.id


def _values(values: tuple[str, ...]) -> tuple[Choice, ...]:
    return (_CHOOSE, *(Choice(value, value) for value in values))
