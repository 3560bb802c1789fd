"""`demo.yaml` at a mail host that was started here: its ports and its certificate authority put in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from console.settings.file_reading import read_settings_file
from console.settings.settings_file import SettingsFile
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.relay import Relay
from schemas.settings import IncomingServer, OutgoingServer, Security, Setting

DEMO_FILE = Path(__file__).with_name("demo.yaml")
PASSWORD_VARIABLE = "MAILCALL_DEMO_PASSWORD"
PASSWORD = "s3cret-demo"


def demo_settings(mail_host: MailHost, relay: Relay, file: Path = DEMO_FILE) -> SettingsFile:
    """The settings and persons of the file: incoming servers at the mail host, outgoing servers at the relay."""
    places: dict[tuple[str, Security], _Place] = {
        ("imap", Security.NONE): _Place(mail_host.imap_port),
        ("imap", Security.TLS): _Place(mail_host.imaps_port, mail_host.authority),
        ("pop3", Security.NONE): _Place(mail_host.pop3_port),
        ("pop3", Security.TLS): _Place(mail_host.pop3s_port, mail_host.authority),
        ("smtp", Security.NONE): _Place(relay.port),
        ("smtp", Security.TLS): _Place(relay.tls_port, relay.authority),
    }
    read = read_settings_file(file)
    return replace(read, settings={key: _placed(setting, places) for key, setting in read.settings.items()})


@dataclass(frozen=True)
class _Place:
    """Where a server listens, and the authority to trust there."""

    port: int
    authority: Path | None = None


def _placed(setting: Setting, places: Mapping[tuple[str, Security], _Place]) -> Setting:
    if not isinstance(setting, IncomingServer | OutgoingServer):
        return setting
    place = places[setting.protocol, setting.security]
    ca_file = str(place.authority.absolute()) if place.authority else None
    return setting.model_copy(update={"port": place.port, "ca_file": ca_file})
