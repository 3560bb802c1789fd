"""The way out of the desk: an SMTP server with log-in and TLS that hands every mail on to the mail host.

GreenMail refuses the empty envelope sender (its issue 28) that automatic answers have (RFC 3834, 3.3): here it is
taken, and an address that means the same is handed on.
"""

import asyncio
import logging
import smtplib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.local.ports import HOST, free_ports
from deploy.local.servers.certificates import make_certificates
from deploy.local.servers.mail_host import MailHost

EMPTY = "<>"  # as aiosmtpd gives it
NO_SENDER = "mailer-daemon@desk.example"
logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of its own use of `login_data`


class Relay:
    """Listens on `port` (plain) and `tls_port` from the beginning to the end of its block.

    `accounts`: user name -> password; logging in is offered, not asked for. `authority` is the PEM file that a TLS
    client has to trust; it and the certificate are made in `directory`.
    """

    host = HOST

    def __init__(self, mail_host: MailHost, accounts: Mapping[str, str], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        certificates = make_certificates(directory)
        self.authority = certificates.authority
        self._mail_host = mail_host
        self._accounts = accounts
        self.port, self.tls_port = free_ports(2)
        self._controllers = [
            Controller(
                self,
                hostname=HOST,
                port=port,
                ssl_context=tls,
                authenticator=self._authenticate,
                auth_require_tls=False,  # the implicit TLS of `tls_port` does not count as such for aiosmtpd
                enable_SMTPUTF8=True,
            )
            for port, tls in ((self.port, None), (self.tls_port, certificates.context()))
        ]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        return await asyncio.to_thread(self._hand_on, envelope)

    def _hand_on(self, envelope: Envelope) -> str:
        sender = envelope.mail_from or EMPTY
        try:
            with smtplib.SMTP(self._mail_host.host, self._mail_host.smtp_port, timeout=30) as smtp:
                smtp.sendmail(
                    NO_SENDER if sender == EMPTY else sender, envelope.rcpt_tos, envelope.original_content or b""
                )
        except (smtplib.SMTPException, OSError):
            return "451 the mail host did not take it, try again later"
        return "250 OK"

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=self._accounts.get(data.login.decode()) == data.password.decode(), handled=False)

    def __enter__(self) -> Self:
        for controller in self._controllers:
            controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for controller in self._controllers:
            controller.stop(no_assert=True)
