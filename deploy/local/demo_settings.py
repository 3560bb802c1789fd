"""`demo.yaml` at a mail host that was started here: its ports and its certificate authority put in."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from console.operations.settings_file import SettingsFile, read_settings_file
from deploy.local.mail_host import MailHost
from schemas.settings import MailServer, Security, Setting

DEMO_FILE = Path(__file__).with_name("demo.yaml")
PASSWORD_VARIABLE = "MAILCALL_DEMO_PASSWORD"
PASSWORD = "demo"

_PORTS: Mapping[tuple[str, Security], str] = {
    ("imap", Security.NONE): "imap_port",
    ("imap", Security.TLS): "imaps_port",
    ("pop3", Security.NONE): "pop3_port",
    ("pop3", Security.TLS): "pop3s_port",
    ("smtp", Security.NONE): "smtp_port",
    ("smtp", Security.TLS): "smtps_port",
}


def demo_settings(mail_host: MailHost, file: Path = DEMO_FILE) -> SettingsFile:
    """The settings and persons of the file, every mail server of it at this mail host."""
    read = read_settings_file(file)
    return replace(read, settings={key: _at(mail_host, setting) for key, setting in read.settings.items()})


def _at(mail_host: MailHost, setting: Setting) -> Setting:
    if not isinstance(setting, MailServer):
        return setting
    port = getattr(mail_host, _PORTS[setting.protocol, setting.security])
    ca_file = str(mail_host.authority.absolute()) if setting.security is Security.TLS else None
    return setting.model_copy(update={"port": port, "ca_file": ca_file})
