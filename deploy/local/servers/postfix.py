"""Debian's Postfix: SMTP as most relays speak it, with Dovecot asked who may log in. Needs root: Postfix does."""

import os
import pwd
import subprocess
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.child import Child
from deploy.local.packages.debian import need
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.servers.certificates import make_certificates
from deploy.local.servers.server import Server

_SERVICES = Path("/usr/lib/postfix/sbin")
_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = {services}
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
maillog_file_prefixes = /dev/stdout
myhostname = localhost
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks =
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
# What it takes goes on to the tests' sink.
default_transport = smtp:[{host}]:{relay_port}
relayhost =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{host}:{auth_port}
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_relay_restrictions =
smtpd_recipient_restrictions =
    check_recipient_access inline:{{
        {{ nobody@example.test = 550 5.1.1 no such user }},
        {{ later@example.test = 450 4.7.1 come again }} }},
    permit_sasl_authenticated, reject
message_size_limit = {size_limit}
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
"""
_MASTER = """\
{host}:{smtp_port} inet n - n - - smtpd
{host}:{smtps_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
{host}:{open_port} inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=no -o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def find_postfix() -> Path:
    """The program, installed where this is root on Debian. Raises `NotAvailableError`."""
    if os.geteuid() != 0:
        raise NotAvailableError("Postfix starts only as root")
    return need("postfix", (_SERVICES / "smtpd", _SERVICES / "postlogd"), ("postfix",))


class Postfix(Server):
    """Takes mail on `smtp_port` (STARTTLS if wanted) and `smtps_port` from whoever logs in, on `open_port` from all.

    `auth_port` of 127.0.0.1 is Dovecot's, which decides about log-ins. What it takes goes to the SMTP server on
    `relay_port`. nobody@example.test does not exist, later@example.test is put off. TLS clients trust `authority`.
    `settings` are further lines of main.cf, in the place of earlier ones of the same name.
    """

    name = "postfix"
    SIZE_LIMIT = 100_000

    def __init__(self, auth_port: int, relay_port: int, *, settings: str = "") -> None:
        super().__init__()
        self.smtp_port, self.smtps_port, self.open_port = free_ports(3)
        certificates = make_certificates(self.directory)
        self.authority = certificates.authority
        self._settings = settings
        self._values = {
            "directory": self.directory,
            "services": _SERVICES,
            "host": HOST,
            "relay_port": relay_port,
            "auth_port": auth_port,
            "certificate": certificates.certificate,
            "key": certificates.key,
            "size_limit": self.SIZE_LIMIT,
            "smtp_port": self.smtp_port,
            "smtps_port": self.smtps_port,
            "open_port": self.open_port,
        }

    def _ready(self) -> bool:
        return all(is_open(HOST, port) for port in (self.smtp_port, self.smtps_port, self.open_port))

    def _prepare(self) -> Child:
        program = find_postfix()
        owner = pwd.getpwnam("postfix")
        self.directory.chmod(0o755)
        configuration = self.directory / "conf"
        for part in ("conf", "spool", "data"):
            (self.directory / part).mkdir()
        os.chown(self.directory / "data", owner.pw_uid, owner.pw_gid)
        (configuration / "main.cf").write_text(_MAIN.format(**self._values) + self._settings)
        (configuration / "master.cf").write_text(_MASTER.format(**self._values))
        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("ab") as log:  # makes the directories of the queue
            subprocess.run([program, "-c", configuration, "check"], stdout=log, stderr=log, check=False)
        # By itself and not by `postfix start-fg`: that leaves its process group, and so the test's reach.
        return Child("Postfix", [_SERVICES / "master", "-c", configuration, "-d"], log=self.log)
