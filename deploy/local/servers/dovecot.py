"""Debian's Dovecot: IMAP, POP3 and submission with every mechanism, each plain, with STARTTLS and over TLS."""

import grp
import imaplib
import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from deploy.local.account import hand_over, unprivileged
from deploy.local.child import Child
from deploy.local.packages.debian import need
from deploy.local.ports import HOST, free_ports, is_open, wait_until
from deploy.local.servers.certificates import GOOD, Kind, make_certificates
from deploy.local.servers.dovecot_configuration import (
    ALL_MECHANISMS,
    CONFIGURATION_FILE,
    KERBEROS_FILE,
    KEYTAB,
    Configuration,
)
from deploy.local.servers.kerberos import Realm
from deploy.local.servers.oauth import OAuthServer
from deploy.local.servers.server import Server

CLOSE_SECONDS = 10.0
PACKAGES = ("dovecot-imapd", "dovecot-pop3d", "dovecot-submissiond", "dovecot-gssapi", "winbind")
_FILES = (
    *(Path("/usr/lib/dovecot", name) for name in ("imap", "pop3", "submission", "modules/auth/libmech_gssapi.so")),
    Path("/usr/bin/ntlm_auth"),  # of winbind
)
_SERVICES = ("imap", "imaps", "pop3", "pop3s", "submission", "submissions", "auth")


def find_dovecot() -> Path:
    """The program, installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("dovecot", _FILES, PACKAGES)


class Dovecot(Server):
    """Every user name is an account, with this password; its mailbox comes into being at the first login.

    A token of `oauth` opens the mailbox of the user it is for. What is submitted goes to the SMTP server on
    `relay_port` of 127.0.0.1. `mechanisms` are those that are offered. `authority` is the PEM file that TLS clients
    have to trust; a good `certificate` is that of `localhost` and 127.0.0.1.
    """

    name = "dovecot"

    def __init__(
        self,
        password: str,
        relay_port: int,
        oauth: OAuthServer,
        *,
        mechanisms: Sequence[str] = ALL_MECHANISMS,
        certificate: Kind = GOOD,
    ) -> None:
        super().__init__()
        self.password = password
        self.oauth = oauth
        self._ports = dict(zip(_SERVICES, free_ports(len(_SERVICES)), strict=True))
        self.imap_port, self.imaps_port = self._ports["imap"], self._ports["imaps"]
        self.pop3_port, self.pop3s_port = self._ports["pop3"], self._ports["pop3s"]
        self.submission_port, self.submissions_port = self._ports["submission"], self._ports["submissions"]
        self.auth_port = self._ports["auth"]
        certificates = make_certificates(self.directory, certificate)
        self.authority = certificates.authority
        self._configuration = Configuration(
            ports=self._ports,
            relay_port=relay_port,
            introspection_url=oauth.introspection_url,
            mechanisms=mechanisms,
            password=password,
            certificate=certificates.certificate.name,
            key=certificates.key.name,
        )

    def deliver(self, address: str, raw: bytes) -> None:
        """Put one mail into that account's inbox."""
        with imaplib.IMAP4(HOST, self.imap_port, timeout=30) as imap:
            imap.login(address, self.password)
            imap.append("INBOX", "", "", raw)

    def join(self, realm: Realm) -> None:
        """Let that realm's users in by GSSAPI, from now on: alice@TEST.LOCAL is the account alice@test.local."""
        for file, name in ((realm.keytab, KEYTAB), (realm.configuration, KERBEROS_FILE)):
            hand_over(Path(shutil.copy(file, self.directory / name)), unprivileged())

    def stop(self) -> None:
        super().stop()
        self._wait_closed()

    def kill(self) -> None:
        super().kill()
        self._wait_closed()

    def _wait_closed(self) -> None:
        """Its log-in processes outlive the master for a moment: a new one would find the ports taken."""
        wait_until(lambda: not any(is_open(HOST, port) for port in self._ports.values()), CLOSE_SECONDS)

    def _ready(self) -> bool:
        return all(is_open(HOST, port) for port in self._ports.values())

    def _prepare(self) -> Child:
        program = find_dovecot()
        account = unprivileged()
        user = pwd.getpwuid(account.uid if account else os.getuid())
        group = grp.getgrgid(user.pw_gid).gr_name
        self._configuration.write(self.directory, seen_at=self.directory, user=user, group=group)
        hand_over(self.directory, account)
        configuration = self.directory / CONFIGURATION_FILE
        return Child(
            "Dovecot",
            [program, "-c", configuration, "-F"],
            log=self.log,
            account=account,
            stop_signal=signal.SIGKILL,  # in order it would wait for seconds until the last client is gone
        )
