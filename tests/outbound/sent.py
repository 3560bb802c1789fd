"""A notification as the bytes that a mail server gets of it."""

from datetime import datetime

from outbound.choose import Chosen
from outbound.compose import compose
from outbound.render import Templates, render
from schemas.events import NotificationRequested
from schemas.settings import Format, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenKeys

KEYS = TokenKeys((b"a key of thirty-two bytes, for tests",))


def sent(request: NotificationRequested, server: OutgoingServer, format_: Format, now: datetime) -> bytes:
    """By the built-in template of its event and role."""
    rendered = render(request, Templates(SettingsSnapshot()), format_)
    return compose(request, rendered, Chosen(server, server), now, KEYS).content
