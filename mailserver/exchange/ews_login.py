"""How an account logs in to Exchange Web Services: HTTP's authentication schemes, for requests."""

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth
from requests_ntlm.requests_ntlm import _get_certificate_hash

from mailserver.errors import MailServerError, SaslError
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.ews_http import peer_certificate
from mailserver.sasl_libraries import KerberosContext
from schemas.reasons import Reason


class _Bearer(AuthBase):
    """OAuth2 (RFC 6750): the newest token with each request."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class _Negotiate(AuthBase):
    """Kerberos by SPNEGO (RFC 4559): a ticket with each request."""

    def __init__(self, account: ExchangeAccount) -> None:
        self._account = account

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        profile, host = self._account.profile, urlsplit(str(request.url)).hostname or ""
        try:
            context = KerberosContext(profile.username or "", self._account.password, "HTTP", host)
            token = context.step(None) or b""
        except SaslError as error:
            text = f"the login by kerberos of profile {profile.id} failed: {error}"
            raise MailServerError(Reason.AUTHENTICATION_REFUSED, text, temporary=False) from error
        request.headers["Authorization"] = f"Negotiate {base64.b64encode(token).decode('ascii')}"
        return request


def _basic(account: ExchangeAccount) -> AuthBase:
    return HTTPBasicAuth((account.profile.username or "").encode(), account.password.encode())


class _Ntlm(HttpNtlmAuth):
    """NTLM ([MS-NTHT]): a connection is logged in once, bound to the server's certificate if it has one."""

    def __init__(self, account: ExchangeAccount) -> None:
        super().__init__(account.profile.username or "", account.password)
        self._profile = account.profile.id

    def _get_server_cert(self, response: requests.Response) -> bytes | None:
        """Digest of the certificate: here the connection can no longer be asked for it."""
        certificate = peer_certificate(response)
        return None if certificate is None else _get_certificate_hash(certificate)

    def response_hook(self, r: requests.Response, **kwargs: Any) -> requests.Response:
        try:
            return super().response_hook(r, **kwargs)
        except (requests.RequestException, ConnectionError, TimeoutError):
            raise
        except Exception as error:  # its parser raises whatever foreign bytes lead it to
            text = f"the login by ntlm of profile {self._profile} failed: the server's response cannot be used "
            raise MailServerError(
                Reason.AUTHENTICATION_REFUSED, f"{text}({type(error).__name__})", temporary=False
            ) from error


_METHODS: Mapping[str, Callable[[ExchangeAccount], Any]] = {
    "basic": _basic,
    "ntlm": _Ntlm,
    "kerberos": _Negotiate,
    "oauth2": lambda account: _Bearer(account.access_token),
}


def log_in(account: ExchangeAccount) -> Any:
    """What requests asks for the headers of a login."""
    return _METHODS[account.profile.authentication](account)
