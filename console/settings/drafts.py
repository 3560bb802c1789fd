"""What the form of a setting holds: nothing yet, what is stored, what was typed; and the same as an entry."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from console.settings.entries import MISSING
from console.settings.kinds import AnySetting, FieldGroup, Kind
from console.settings.parts import PARTS, as_shown
from console.web import form_errors, form_values
from console.web.form_errors import PageError
from console.web.form_values import Values
from console.web.labels import event_name
from schemas.settings import MapiProfile

_OF_EWS = ("url", "authentication", "impersonation")
_OF_ACCOUNT = ("username", "password")
_OF_DIRECTORY = (
    "cloud",
    "tenant",
    "client_id",
    "client_secret",
    "secret_ends",
    "certificate",
    "token_file",
    "managed_identity",
    "login_url",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """`values`: the plain fields as typed; `parts`: by field what its editor shows (`console/settings/parts.py`)."""

    kind: Kind
    values: Values
    parts: Mapping[str, Any]

    def names(self, group: FieldGroup) -> tuple[str, ...]:
        """The fields of a group that the form has: of a stored setting the id is no field."""
        return tuple(name for name in group.fields if name in self.values)

    def entry(self, form: FormData, stored: AnySetting | None) -> dict[str, Any]:
        """What a settings file would hold, not yet checked."""
        plain = form_values.entry_of(self.kind.model, self.values, form, stored)
        id_ = {} if stored is None else {"id": stored.id}
        entry = id_ | plain | {name: PARTS[name].entry(shown) for name, shown in self.parts.items()}
        return of_use(entry) if self.kind.name == "mapi-profile" else entry

    def errors(self) -> list[PageError]:
        """What the parts' editors know to be wrong, lines that are no pairs, and a new setting without an id: a
        partition's has a default, for a desk that has but one."""
        found = form_errors.pair_errors(self.kind.model, self.values)
        found += (error for name in self.parts for error in self._part_errors(name))
        return (
            found
            if self.values.get("id", "new")
            else [PageError("id", f"Id: {form_errors.problem_text(*MISSING)}"), *found]
        )

    def reported(self) -> frozenset[tuple[str]]:
        """The paths of the parts of which `errors` says what is wrong."""
        return frozenset((name,) for name in self.parts if any(self._part_errors(name)))

    def _part_errors(self, name: str) -> Iterator[PageError]:
        return PARTS[name].errors(self.parts[name], self.values)


def empty(kind: Kind, given: Values) -> Draft:
    """For a new setting; `given`: fields that are known already."""
    defaults = {
        name: info.get_default(call_default_factory=True, validated_data={})
        for name, info in kind.model.model_fields.items()
        if not info.is_required()
    }
    values = {**form_values.default_values(kind.model, kind.fields), **given}
    return Draft(kind, values, {name: PARTS[name].show(defaults) for name in kind.parts})


def of(kind: Kind, setting: AnySetting, *, with_id: bool = False) -> Draft:
    """Of a stored setting, whose id is no field; `with_id`: of one that is proposed."""
    shown = as_shown(setting)
    values = form_values.values_of(setting, [name for name in kind.fields if with_id or name != "id"])
    return Draft(kind, values, {name: PARTS[name].show(shown) for name in kind.parts})


def like(kind: Kind, setting: AnySetting) -> Draft:
    """For a new setting that begins with what another one has, but for id and name."""
    draft = of(kind, setting)
    own = {name: draft.values.get(name, "") for name in kind.fields} | {"id": "", "name": ""}
    return Draft(kind, {name: own[name] for name in kind.fields}, draft.parts)


def typed(kind: Kind, form: FormData, stored: AnySetting | None) -> Draft:
    """Of what a form says."""
    names = [name for name in kind.fields if stored is None or name != "id"]
    values = form_values.typed_values(kind.model, names, form, form_values.values_of(stored, names) if stored else {})
    if "event" in values:
        values["event"] = event_name(str(values["event"]))
    plain = {name: [one for one in form.getlist(name) if isinstance(one, str)] for name in form}
    return Draft(kind, values, {name: PARTS[name].read(plain, values) for name in kind.parts})


def fields_of_use(profile: MapiProfile, names: Iterable[str]) -> list[str]:
    """Those of a saved profile's fields that mean something for it."""
    useless = frozenset(_useless(profile.model_dump(mode="json")))
    return [name for name in names if name not in useless]


def of_use(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry without the fields of the other transport, and of the other way to log in."""
    useless = frozenset(_useless(entry))
    return {name: value for name, value in entry.items() if name not in useless}


def _useless(entry: Mapping[str, Any]) -> Iterator[str]:
    is_ews = entry.get("transport") == "ews"
    is_of_directory = not is_ews or entry.get("authentication") == "oauth2"
    if is_ews:
        yield "graph_url"
    else:
        yield from _OF_EWS
    yield from _OF_ACCOUNT if is_of_directory else _OF_DIRECTORY
