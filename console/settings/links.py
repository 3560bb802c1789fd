"""Where the page of a setting is, by its key; and the places that refer to one, as links."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from console.settings.kinds import BY_NAME
from console.web.current import view_of
from console.web.explorer import may_open
from console.web.labels import label
from console.web.names import name_of
from console.web.render import url

_SERVERS = {"incoming-server": "incoming", "outgoing-server": "outgoing"}
_CALLED = {
    "incoming-server": "Incoming Email Server",
    "outgoing-server": "Outgoing Email Server",
    "person": "Person",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A setting, such as `Partition IT`, and which of its fields is meant. `href` is empty where it has no page."""

    name: str
    called: str
    field: str
    href: str


def page_of(request: Request, key: str) -> str:
    """Address of the page that shows the setting `kind/id`; empty where there is none for whoever asks."""
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
