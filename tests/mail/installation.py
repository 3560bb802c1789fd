"""An installation of its own: mails come in as bytes, and go out as bytes."""

from dataclasses import dataclass, field

from outbound.choose import Chosen
from outbound.compose import compose
from outbound.render import Templates, render
from schemas import ids
from schemas.events import NotificationRequested
from schemas.settings import EmailOptions, Format, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import NOTIFICATION_REQUESTED
from tests.mail.stored import NOW, SETTINGS
from tests.mail.walk import Walk, values


@dataclass
class Installation:
    """A desk of its own, whose address is `address`; `sent` are the mails that it has written, with their recipient."""

    walk: Walk
    address: str
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def receive(self, raw: bytes) -> list[tuple[str, bytes]]:
        told = values(self.walk.arrive(raw, "it-mailbox"), NOTIFICATION_REQUESTED)
        new = [(one.recipient, self._mail(one)) for one in told]
        self.sent += new
        return new

    def _mail(self, request: NotificationRequested) -> bytes:
        settings = self.walk.settings
        server = settings.outgoing_server_for(request.partition)
        assert server is not None
        rendered = render(request, Templates(settings), Format.TEXT)
        return compose(request, rendered, Chosen(server, server), NOW, self.walk.token_keys).content

    def reference_of(self, raw: bytes) -> str:
        """The item that a mail went to."""
        logged = self.walk.ledger(ids.mail_id("it-mailbox", raw))
        assert logged is not None
        return logged[1].reference


def of_address(address: str) -> SettingsSnapshot:
    """The settings, with the limits that hold unless somebody changes them, and this address for all that is sent."""
    servers = [
        one.model_copy(update={"from_address": address, "reply_to": None}) for one in SETTINGS.all_of(OutgoingServer)
    ]
    options = EmailOptions(default_outgoing_server=SETTINGS.email_options().default_outgoing_server)
    changes = [(f"outgoing-server/{one.id}", one, 2) for one in servers]
    return SETTINGS.with_changes([*changes, ("email-options/email-options", options, 2)])
