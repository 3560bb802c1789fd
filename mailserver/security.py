"""The security of a connection: TLS with verified certificates, and when a password may go unencrypted."""

import ssl
from ipaddress import ip_address

from mailserver.errors import MailServerError, server_label
from runtime.foreign_words import words
from runtime.tls import trusting
from schemas.reasons import Reason
from schemas.settings import MailServer, Security


def tls_context(server: MailServer) -> ssl.SSLContext:
    """A context that verifies certificate and host name, TLS `minimum_tls` or newer.

    Raises `MailServerError`.
    """
    try:
        return trusting(server.ca_file, server.minimum_tls)
    except (OSError, ValueError) as error:
        text = (
            f"ca_file {server.ca_file!r} of {server_label(server)} cannot be used: {words(error)}. "
            "It must be a PEM file that this process can read"
        )
        raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False) from error


def check_password_may_travel(server: MailServer) -> None:
    """Raise `MailServerError` where a password would go readable over a network without the administrator's leave."""
    if server.security is not Security.NONE or server.allow_password_in_clear or is_loopback(server.host):
        return
    text = (
        f"the password for {server_label(server)} would travel unencrypted. Set security to tls or starttls; "
        "if it has to be so, set allow_password_in_clear"
    )
    raise MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)


def starttls_missing(server: MailServer) -> MailServerError:
    """The server offers no STARTTLS, or refused it: never gone on in clear text."""
    text = (
        f"{server_label(server)} offers no STARTTLS: nothing was sent. Set security to tls with that port, or ask the "
        "server's administrator whether somebody in between removes the offer"
    )
    return MailServerError(Reason.SECURITY_REFUSED, text, temporary=False)


def is_loopback(host: str) -> bool:
    """Whether this is the machine itself. Names are not looked up: only `localhost` is taken for it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
