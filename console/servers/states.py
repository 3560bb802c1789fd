"""How a mail server is, in the same words and colour on every page. Pure."""

from collections.abc import Mapping
from typing import Literal

from schemas.servers import ServerState, ServerStatus

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


def state_of(status: ServerStatus | None, *, enabled: bool = True) -> tuple[str, Tone]:
    """What the process that uses the server told last; what is set comes before that."""
    if not enabled:
        return _OFF
    return STATES[status.state] if status else _SILENT
