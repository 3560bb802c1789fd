"""The rows of the two tables of Email Settings: each server with how it is, in the same words and colour on every page,
and whether it is known to work. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from console.servers.server_settings import Direction, Server, all_servers, direction_of
from console.servers.server_types import type_of
from console.settings.apply import Change, event_id
from console.views.snapshot import ViewSnapshot
from console.web.labels import name_of
from mailserver.connection import port_of
from schemas.servers import ServerState, ServerStatus, ServerTestResult, SettingsChange
from schemas.snapshot import SettingsSnapshot

Tone = Literal["good", "busy", "warn", "bad", "off"]
STATES: Mapping[ServerState, tuple[str, Tone]] = {
    "starting": ("Starting", "busy"),
    "connected": ("Connected", "good"),
    "idle": ("Idle", "good"),
    "authentication-refused": ("Log-in refused", "bad"),
    "unreachable": ("Unreachable", "bad"),
    "throttled": ("Throttled", "warn"),
    "disabled": ("Switched off", "off"),
}
_OFF: tuple[str, Tone] = ("Switched off", "off")
_SILENT: tuple[str, Tone] = ("No news yet", "off")
_TROUBLE = ("authentication-refused", "unreachable", "throttled")


def state_and_tone(status: ServerStatus | None, *, enabled: bool = True) -> tuple[str, Tone]:
    """What the process that uses the server told last; what is set comes before that."""
    if not enabled:
        return _OFF
    return STATES[status.state] if status else _SILENT


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One row. `proof`: what is known of its settings where they are not known to work; empty where they are.

    `server` None: its newest record cannot be read, `unreadable` says why; then it can only be looked at.
    """

    key: str
    direction: Direction
    id: str
    server: Server | None
    state: str
    tone: Tone
    type_label: str = ""
    address: str = ""
    status: ServerStatus | None = None
    proof: str = ""
    unreadable: str = ""
    managed_by: str = ""

    @property
    def name(self) -> str:
        return (self.server.name if self.server else "") or self.id

    @property
    def choice(self) -> str:
        """What stands for it in a form."""
        return f"{self.direction}/{self.id}"

    @property
    def element(self) -> str:
        """What its live parts are called in the page: an id may hold what means something in a selector."""
        return f"{self.direction}-" + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in self.id)

    @property
    def in_trouble(self) -> bool:
        on = self.server is None or self.server.enabled
        return bool(on and self.status and self.status.state in _TROUBLE)


def rows_of(view: ViewSnapshot, direction: Direction) -> list[ServerRow]:
    """The table's rows in the order of their ids."""
    kind = f"{direction}-server/"
    readable = {
        f"{kind}{server.id}": server for server in all_servers(view.settings) if direction_of(server) == direction
    }
    keys = sorted({*readable, *(key for key in view.undecodable if key.startswith(kind))})
    return [_row(view, direction, key, readable.get(key)) for key in keys]


def row_of(view: ViewSnapshot, direction: Direction, server_id: str) -> ServerRow | None:
    return next((row for row in rows_of(view, direction) if row.id == server_id), None)


def _row(view: ViewSnapshot, direction: Direction, key: str, server: Server | None) -> ServerRow:
    id_ = key.partition("/")[2]
    status = view.status(direction, id_)
    unreadable = view.undecodable.get(key, "")
    if server is None:
        state, tone = state_and_tone(status)
        return ServerRow(key, direction, id_, None, state, tone, status=status, unreadable=unreadable)
    state, tone = state_and_tone(status, enabled=server.enabled)
    return ServerRow(
        key,
        direction,
        id_,
        server,
        state,
        tone,
        type_of(server).label,
        address_of(server, view.settings),
        status,
        "" if unreadable or not server.enabled else proof(key, server, view),
        unreadable,
        view.managed.get(key, ""),
    )


def address_of(server: Server, settings: SettingsSnapshot) -> str:
    """Where it is: host and port, the folder, or the mailbox and its profile."""
    if server.protocol == "folder":
        return getattr(server, "path", None) or ""
    if server.protocol == "mapi":
        return f"{server.mailbox} ({name_of(settings, 'mapi-profile', server.profile or '')})"
    return f"{server.host}:{port_of(server, server.protocol)}"


def proof(key: str, server: Server, view: ViewSnapshot) -> str:
    """Empty where just these settings are known to work: by the newest test of them, or since they have been in use."""
    result = view.tests.get(key)
    if result is not None and result.tested == tested_id(key, server):
        return "" if result.ok else "last test failed"
    status = view.status(server.kind.removesuffix("-server"), server.id)
    changed = last_change(view, key)
    worked = status.last_success if status else None
    return "" if worked and (changed is None or worked >= changed.at) else "saved untested"


def tested_id(key: str, server: Server) -> str:
    """What a test of just these values is known by: `schemas.servers.ServerTestResult.tested`."""
    return event_id(Change(key, "new", None, server))


def last_test(view: ViewSnapshot, key: str, server: Server) -> ServerTestResult | None:
    """The newest test of just these values, where there was one in the last hour."""
    result = view.tests.get(key)
    return result if result and result.tested == tested_id(key, server) else None


def last_change(view: ViewSnapshot, key: str) -> SettingsChange | None:
    """Who changed the setting last, where that is among the newest changes."""
    changes = (recorded.change for recorded in reversed(tuple(view.changes.values())))
    return next((change for change in changes if change.key == key), None)
