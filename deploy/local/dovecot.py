"""Debian's Dovecot: IMAP, POP3 and submission by user and password, each plain, with STARTTLS and over TLS."""

import grp
import imaplib
import os
import pwd
from pathlib import Path

from deploy.local.account import hand_over, unprivileged
from deploy.local.certificates import make_certificates
from deploy.local.child import Child
from deploy.local.debian import need
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.server import Server

PACKAGES = ("dovecot-imapd", "dovecot-pop3d", "dovecot-submissiond")
_PLUG_INS = tuple(Path("/usr/lib/dovecot", name) for name in ("imap", "pop3", "submission"))
CONFIGURATION_FILE = "dovecot.conf"
_SERVICES = ("imap", "imaps", "pop3", "pop3s", "submission", "submissions")

_CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = /dev/stderr
protocols = imap pop3 submission
listen = {host}
hostname = localhost
# It is not root, so every part of it runs as the one user there is.
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = {uid}
last_valid_uid = {uid}
mail_location = maildir:{directory}/mail/%u
ssl = yes
ssl_cert = <{directory}/{certificate}
ssl_key = <{directory}/{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
# A refused login is answered at once, also the tenth.
auth_failure_delay = 0
mail_max_userip_connections = 1000
submission_relay_host = {host}
submission_relay_port = {relay_port}
# Every address is an account. (A file of users is read again only a second after it was changed.)
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/mail/%u allow_all_users=yes
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {ports[submission]}
  }}
  inet_listener submissions {{
    port = {ports[submissions]}
    ssl = yes
  }}
}}
"""


def find_dovecot() -> Path:
    """The program, installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("dovecot", _PLUG_INS, PACKAGES)


class Dovecot(Server):
    """Every address is an account, with this password; its mailbox comes into being at the first login.

    What is submitted goes to the SMTP server on `relay_port` of 127.0.0.1. `authority` is the PEM file that TLS clients
    have to trust; the certificate is that of `localhost` and 127.0.0.1.
    """

    name = "dovecot"

    def __init__(self, password: str, relay_port: int) -> None:
        super().__init__()
        self.password = password
        self._relay_port = relay_port
        self._ports = dict(zip(_SERVICES, free_ports(len(_SERVICES)), strict=True))
        self.imap_port, self.imaps_port = self._ports["imap"], self._ports["imaps"]
        self.pop3_port, self.pop3s_port = self._ports["pop3"], self._ports["pop3s"]
        self.submission_port, self.submissions_port = self._ports["submission"], self._ports["submissions"]
        self._certificates = make_certificates(self.directory)
        self.authority = self._certificates.authority

    def deliver(self, address: str, raw: bytes) -> None:
        """Put one mail into that account's inbox."""
        with imaplib.IMAP4(HOST, self.imap_port, timeout=30) as imap:
            imap.login(address, self.password)
            imap.append("INBOX", "", "", raw)

    def _ready(self) -> bool:
        return all(is_open(HOST, port) for port in self._ports.values())

    def _prepare(self) -> Child:
        program = find_dovecot()
        account = unprivileged()
        user = pwd.getpwuid(account.uid if account else os.getuid())
        self._write_configuration(self.directory, user, grp.getgrgid(user.pw_gid).gr_name)
        hand_over(self.directory, account)
        configuration = self.directory / CONFIGURATION_FILE
        return Child("Dovecot", [program, "-c", configuration, "-F"], log=self.log, account=account)

    def _write_configuration(self, directory: Path, user: pwd.struct_passwd, group: str) -> None:
        """For a Dovecot that runs as that user and finds these files in `directory`."""
        text = _CONFIGURATION.format(
            directory=directory,
            host=HOST,
            user=user.pw_name,
            group=group,
            uid=user.pw_uid,
            gid=user.pw_gid,
            certificate=self._certificates.certificate.name,
            key=self._certificates.key.name,
            ports=self._ports,
            relay_port=self._relay_port,
            password=self.password,
        )
        (self.directory / CONFIGURATION_FILE).write_text(text)
