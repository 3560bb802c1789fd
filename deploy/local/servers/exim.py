"""Debian's Exim: takes mail from this machine and hands it on. Needs root: the server does."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.child import Child
from deploy.local.packages.debian import need, unpack
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.servers.server import Server

_USER = "Debian-exim"  # compiled in; the package makes it where it is installed
_LIBRARIES = ("libdb5.3", "libgnutls-dane0", "libidn12", "libnsl2", "libpcre2-8-0")
_CONFIGURATION = """\
primary_hostname = localhost
exim_path = {directory}/exim4
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
pid_file_path = {directory}/exim.pid
local_interfaces = {host}
daemon_smtp_ports = {port}
disable_ipv6
keep_environment =
tls_advertise_hosts =
acl_smtp_rcpt = accept hosts = {host}
acl_smtp_data = accept
{settings}
begin routers
{routers}
all:
  driver = manualroute
  transport = relay
  route_list = * {host}
  self = send

begin transports
relay:
  driver = smtp
  port = {relay_port}
  allow_localhost
{transports}

begin retry
* * {retry}
"""


def find_exim() -> Path:
    """The program. It is unpacked and not installed: Debian's mail servers exclude one another.

    Raises `NotAvailableError`.
    """
    if os.geteuid() != 0:
        raise NotAvailableError("Exim starts only as root")
    program = unpack("exim4-daemon-light", _LIBRARIES) / "usr/sbin/exim4"
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        useradd = need("useradd", (), ("passwd",))
        subprocess.run([useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER], check=True)
    return program


class Exim(Server):
    """Takes mail from this machine on `port`. What it takes goes to the SMTP server on `relay_port`, and what is for
    `away` to nobody: there no server listens. `retry` and `settings` are Exim's own, of how long it tries.
    """

    name = "exim"

    def __init__(self, relay_port: int, *, away: str, retry: str, settings: str) -> None:
        super().__init__()
        self.port, nobody = free_ports(2)
        self._configuration = _CONFIGURATION.format(
            directory=self.directory,
            host=HOST,
            port=self.port,
            relay_port=relay_port,
            retry=retry,
            settings=settings,
            routers=f"away:\n  driver = manualroute\n  domains = {away}\n  transport = nobody\n"
            f"  route_list = * {HOST}\n  self = send\n",
            transports=f"nobody:\n  driver = smtp\n  port = {nobody}\n  allow_localhost",
        )

    def _ready(self) -> bool:
        return is_open(HOST, self.port)

    def _prepare(self) -> Child:
        # It starts itself anew as its own user, who may not see the folder of whoever started it.
        program = shutil.copy(find_exim(), self.directory)
        owner = pwd.getpwnam(_USER)
        self.directory.chmod(0o755)
        os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        file = self.directory / "exim.conf"
        file.write_text(self._configuration)
        return Child("Exim", [program, "-C", file, "-bdf", "-q1s"], log=self.log)
