"""What the history calls settings and persons: by their names, and by their ids where those are not known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from console.audit.history import PastChange
from console.audit.restore import MODELS
from console.settings.differences import Difference
from console.settings.links import called
from console.settings.referring import NAMING
from console.web.foreign import visible
from console.web.names import name_of
from schemas.snapshot import SettingsSnapshot

_PERSON = "person"


@dataclass(frozen=True, slots=True)
class Names:
    """`people`: names of persons by their ids."""

    settings: SettingsSnapshot
    people: Mapping[str, str]

    def title(self, past: PastChange) -> str:
        """What was changed, such as `Partition IT`; what is not there any more by the name that it had."""
        kind, _, id_ = past.key.partition("/")
        now = self._name(kind, id_)
        return called(f"{kind}/{visible(_name_then(past) or id_ if now == id_ else now)}")

    def fields(self, key: str, fields: Iterable[Difference]) -> tuple[Difference, ...]:
        """The differences of a setting, what they name by name and id: two may be called alike."""
        named = _naming(key)
        return tuple(
            replace(one, old=self._called(named[one.field], one.old), new=self._called(named[one.field], one.new))
            if one.field in named
            else one
            for one in fields
        )

    def _called(self, kind: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._called(kind, one) for one in value]
        if not value:
            return value
        name = self._name(kind, str(value))
        return value if name == value else f"{visible(name)} ({value})"

    def _name(self, kind: str, id_: str) -> str:
        return self.people.get(id_, id_) if kind == _PERSON else name_of(self.settings, kind, id_)


def persons_of(pasts: Iterable[PastChange]) -> list[str]:
    """Ids of the persons that were changed."""
    keys = (past.key.partition("/") for past in pasts)
    return sorted({id_ for kind, _, id_ in keys if kind == _PERSON})


def persons_named(key: str, fields: Iterable[Difference]) -> list[str]:
    """Ids of the persons that the differences of a setting name."""
    named = {field for field, kind in _naming(key).items() if kind == _PERSON}
    values = (value for one in fields if one.field in named for value in (one.old, one.new))
    return sorted({str(id_) for value in values for id_ in (value if isinstance(value, list | tuple) else [value])})


def _naming(key: str) -> Mapping[str, str]:
    model = MODELS.get(key.partition("/")[0])
    return NAMING.get(model, {}) if model else {}


def _name_then(past: PastChange) -> str:
    """Of a record that may be of any release."""
    value = past.after or past.before or {}
    words = (value.get(field) for field in ("name", "first_name", "last_name"))
    return " ".join(word for word in words if isinstance(word, str)).strip()
