"""A mail host: GreenMail, with IMAP (IDLE, MOVE, UIDPLUS), POP3 and SMTP, each plain and over TLS."""

import json
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from deploy.local.child import Child
from deploy.local.packages.jars import java_command
from deploy.local.ports import HOST, free_ports
from deploy.local.servers.certificates import KEYSTORE_PASSWORD, make_certificates
from deploy.local.servers.server import Server

API_SECONDS = 10.0
_SERVICES = ("smtp", "smtps", "imap", "imaps", "pop3", "pop3s")


class MailHost(Server):
    """Accounts log in with their whole address. A mail to an address without an account makes one for it.

    `authority` is the PEM file that a TLS client has to trust.
    """

    name = "mail-host"

    def __init__(
        self, accounts: Mapping[str, str] | None = None, directory: Path | None = None, heap_mb: int = 256
    ) -> None:
        """`accounts`: address -> password."""
        super().__init__(directory)
        self._accounts = dict(accounts or {})
        self._heap_mb = heap_mb
        ports = free_ports(len(_SERVICES) + 1)
        self.smtp_port, self.smtps_port, self.imap_port, self.imaps_port = ports[:4]
        self.pop3_port, self.pop3s_port, self._api_port = ports[4:]
        self._certificates = make_certificates(self.directory)
        self.authority = self._certificates.authority

    def start(self) -> None:
        """As of any server; all accounts are there when it returns. Mails are in memory and do not survive a stop."""
        super().start()
        for address, password in self._accounts.items():
            self._create(address, password)

    def add_account(self, address: str, password: str) -> None:
        """Raises `ValueError` where there is one already, be it made by a mail that came for it."""
        self._accounts[address] = password
        self._create(address, password)

    def _create(self, address: str, password: str) -> None:
        status = self._call("POST", "/api/user", {"email": address, "login": address, "password": password})
        if status != HTTPStatus.OK:
            raise ValueError(f"the mail host refused the account {address} ({status}): is there one already?")

    def _ready(self) -> bool:
        try:
            return self._call("GET", "/api/service/readiness") == HTTPStatus.OK
        except (OSError, HTTPException):
            return False

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> int:
        connection = HTTPConnection(HOST, self._api_port, timeout=API_SECONDS)
        with closing(connection):
            connection.request(method, path, json.dumps(body or {}), {"Content-Type": "application/json"})
            return connection.getresponse().status

    def _prepare(self) -> Child:
        settings = {
            "users.login": "email",
            "startup.timeout": 60_000,  # of each service; with 2 s, GreenMail gives up where many things start at once
            "tls.keystore.file": self._certificates.keystore,
            "tls.keystore.password": KEYSTORE_PASSWORD,
            "tls.key.password": KEYSTORE_PASSWORD,
            "api.hostname": HOST,
            "api.port": self._api_port,
        }
        for service in _SERVICES:
            settings[f"{service}.hostname"] = HOST
            settings[f"{service}.port"] = getattr(self, f"{service}_port")
        options = [f"-Dgreenmail.{name}={value}" for name, value in settings.items()]
        options += ["-XX:TieredStopAtLevel=1", f"-Xmx{self._heap_mb}m"]
        main_class = "com.icegreen.greenmail.standalone.GreenMailStandaloneRunner"
        return Child("GreenMail", java_command("greenmail", main_class, options), log=self.log)
