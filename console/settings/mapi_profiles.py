"""The form of a MAPI profile: what does not go with the transport that is chosen counts as not typed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
