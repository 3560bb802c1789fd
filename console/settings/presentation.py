"""A setting as people read it: its fields in words, what they name, and where the page of each is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from starlette.requests import Request

from console.settings.entry_data import Difference
from console.settings.kinds import BY_NAME, Kind
from console.settings.looks import WHEN_EMPTY
from console.settings.references import NAMING
from console.web.current import view_of
from console.web.labels import event_words, label, name_of, word
from console.web.page import may_open
from console.web.render import url
from schemas.base import Model
from schemas.settings import Secret

_OF_WORDS = (
    "recipient",
    "tell",
    "transport",
    "cloud",
    "authentication",
)  # fields that hold words of ours, and not of the administrator's
_CLIPPED = 80  # characters of a value in a list
_SERVERS = {"incoming-server": "incoming", "outgoing-server": "outgoing"}
_CALLED = {
    "incoming-server": "Incoming Email Server",
    "outgoing-server": "Outgoing Email Server",
    "person": "Person",
}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field as it is read. `kind` and `id`: the setting that it names, where that has a page.

    `is_text`: it has lines of its own. `is_date`: it is not to be broken at its hyphens. `is_empty`: `value` says what
    it means that nothing is set.
    """

    label: str
    value: str
    kind: str = ""
    id: str = ""
    is_text: bool = False
    is_empty: bool = False
    is_date: bool = False


def fields_of(kind: Kind, setting: Model, names: Iterable[str]) -> list[FieldValue]:
    return [_shown(kind, setting, name) for name in names]


def cells_of(kind: Kind, setting: Model, people: Mapping[str, str]) -> list[FieldValue]:
    """The columns of a list, long values cut. `people`: names of persons by their ids."""
    return [
        replace(one, value=_clipped(one.value), is_text=False)
        for one in fields_of(kind, with_people(kind, setting, people), kind.columns)
    ]


def persons_in(kind: Kind, settings: Iterable[Model]) -> list[str]:
    """The ids of the persons that settings of a kind name."""
    fields = [field for field, named in NAMING[kind.model].items() if named == "person"]
    return sorted({id_ for setting in settings for field in fields for id_ in getattr(setting, field)})


def with_people(kind: Kind, setting: Model, people: Mapping[str, str]) -> Model:
    """The setting with persons' names in the place of their ids."""
    fields = [field for field, named in NAMING[kind.model].items() if named == "person"]
    called = {field: tuple(people.get(id_, id_) for id_ in getattr(setting, field)) for field in fields}
    return setting.model_copy(update=called)


def difference_rows(fields: Iterable[Difference]) -> list[tuple[str, str | None, str | None]]:
    """Label, old and new of each field that differs; None where nothing is, or was, set."""
    return [(_field_label(one.field), _or_none(one.field, one.old), _or_none(one.field, one.new)) for one in fields]


def _field_label(name: str) -> str:
    """`priority_matrix.High.Now` is the Priority Matrix, High, Now."""
    top, _, rest = name.partition(".")
    return f"{label(top)}: {rest.replace('.', ' × ')}" if rest else label(top)


def _or_none(field: str, value: Any) -> str | None:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return None if value is None else _in_words(field, value)


def _shown(kind: Kind, setting: Model, name: str) -> FieldValue:
    value = getattr(setting, name)
    text = _in_words(name, value)
    named = NAMING[kind.model].get(name, "")
    if not text:
        return FieldValue(label(name), WHEN_EMPTY.get(name, "–"), is_empty=True)
    leads = named if named in (*BY_NAME, "outgoing-server") and isinstance(value, str) else ""
    return FieldValue(label(name), text, leads, value if leads else "", "\n" in text, is_date=isinstance(value, date))


def _in_words(field: str, value: Any) -> str:
    if field == "event":
        return event_words(value)
    return _words(value) if field in _OF_WORDS else _text(value)


def _words(value: str | tuple[str, ...] | None) -> str:
    return ", ".join(map(word, (value,) if isinstance(value, str) else value or ()))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Secret():
            return _secret(value)
        case bool():
            return "Yes" if value else "No"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ", ".join(map(_text, value))
        case dict():
            return "\n".join(f"{name} = {_text(one)}" for name, one in value.items())
        case _:
            return str(value)


def _secret(secret: Secret) -> str:
    """Where it is, and never what it is."""
    if secret.env is not None:
        return f"In the environment variable {secret.env}"
    return "Set" if secret.file is None else f"In the file {secret.file}"


def _clipped(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _CLIPPED and line == text else line[:_CLIPPED] + "…"


@dataclass(frozen=True, slots=True)
class Place:
    """A setting, such as `Partition IT`, and which of its fields is meant. `href` is empty where it has no page."""

    name: str
    called: str
    field: str
    href: str


def page_of(request: Request, key: str) -> str:
    """Address of the page that shows the setting `kind/id`; empty if there is none that the user may open."""
    kind, _, id_ = key.partition("/")
    parameters: dict[str, Any] = {}
    if kind in BY_NAME:
        name, parameters = f"{kind}.open", {"id": id_}
    elif kind in _SERVERS:
        name, parameters = "servers.open", {"direction": _SERVERS[kind], "server_id": id_}
    else:
        name = f"{kind}.show"
    wanted = request.app.state.routes.by_name.get(name)
    return url(request, name, **parameters) if wanted and may_open(wanted, request.state.identity) else ""


def places(request: Request, referrers: Iterable[str]) -> list[Place]:
    """Of keys, such as `partition/it`, each with or without a field: `partition/it: outgoing_server`."""
    settings, found = view_of(request).settings, []
    for referrer in referrers:
        key, _, field = referrer.partition(": ")
        kind, _, id_ = key.partition("/")
        name = name_of(settings, kind, id_)
        text = called(f"{kind}/{name}")
        found.append(Place(name, text, label(field) if field else "", page_of(request, key)))
    return found


def called(key: str) -> str:
    """A setting as people call it: `Partition it`."""
    kind, _, id_ = key.partition("/")
    if kind == "email-options":
        return "Email options"
    name = BY_NAME[kind].one if kind in BY_NAME else _CALLED.get(kind, kind)
    return f"{name} {id_}"
