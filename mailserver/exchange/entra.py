"""One access token of an application from Microsoft Entra, or from the platform, by msal; readable refusals.

Codes: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mailserver.errors import MailServerError
from mailserver.exchange.account import audience, authority
from mailserver.exchange.msal_http import Answer, AnswerError, MsalHttp
from mailserver.exchange.proof import proof
from runtime.net.dialling import RefusedAddressError
from runtime.security.redaction import printable, remember
from runtime.security.sealing import HasSecretKey, SecretError
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason
from schemas.settings import MapiProfile

TIMEOUT_SECONDS = 20.0  # for each of two requests: where the directory is, and the token
DEFAULT_LIFETIME = 3600.0
LONGEST_LIFETIME = 7 * 24 * 3600.0
LONGEST_WAIT = 3600.0  # seconds; a longer Retry-After is not trusted
_CODE = re.compile(r"AADSTS(\d{5,7})")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """`lifetime` in seconds."""

    access_token: str = field(repr=False)
    lifetime: float


# Code -> what is wrong, and what to do; with the profile's fields.
_REFUSALS: Mapping[int, tuple[str, str]] = {
    90002: ("there is no directory {tenant!r} in this cloud", "Check tenant and cloud"),
    900021: ("there is no directory {tenant!r}", "Check tenant: the directory's id, or one of its domains"),
    900023: ("{tenant!r} names no directory", "Check tenant: the directory's id, or one of its domains"),
    700016: ("the directory {tenant!r} has no application {client_id!r}", "Check client_id and tenant"),
    7000229: (
        "the application {client_id!r} is not set up in the directory {tenant!r}",
        "Have an administrator of that directory consent to it",
    ),
    7000112: ("the application {client_id!r} is switched off", "Have it switched on under Enterprise applications"),
    7000215: (
        "the secret is wrong",
        "Enter the secret's value, not its id, as it was shown when it was made; or make a new one",
    ),
    7000222: ("the secret has ended", "Make a new one on the application's page and enter it"),
    7000216: ("the application's secret is missing", "Set client_secret, certificate, token_file or managed_identity"),
    7000218: ("the application's secret is missing", "Set client_secret, certificate, token_file or managed_identity"),
    700027: (
        "the certificate is not one of the application's, or has ended",
        "Upload the certificate on the application's page, under Certificates & secrets",
    ),
    7000214: ("the certificate is revoked or was replaced", "Upload the new one on the application's page"),
    700024: (
        "what proves the application is not valid at this time",
        "Check this machine's clock; with token_file that the platform renews the file",
    ),
    700021: ("the token in token_file is not meant for the application", "Check its federated credential: subject"),
    70021: ("no federated credential fits the token in token_file", "Check issuer, subject and audience of it"),
    700211: ("no federated credential has the token's issuer", "Check the application's federated credential: issuer"),
    700212: ("no federated credential has the token's audience", "Check the federated credential: audience"),
    700213: ("no federated credential has the token's subject", "Check the federated credential: subject"),
    50013: ("the token in token_file is no longer good, or of somebody else", "Check that the platform renews it"),
    65001: (
        "nobody has consented to the application",
        "Have an administrator grant its permissions, or assign its roles",
    ),
    500011: (
        "the directory {tenant!r} knows no {audience}",
        "Check cloud and tenant; with ews and url, that hybrid modern authentication is set up for that address",
    ),
    53003: ("a Conditional Access policy blocks it", "Have the application left out of it, or this network let in"),
    900382: ("the application belongs to another cloud", "Check cloud"),
}
_LATER = frozenset({50196, 90006, 90012, 90020, 90024, 90033, 90055, 900561})  # of the directory itself, now
_WORDS_LATER = frozenset({"temporarily_unavailable", "server_error"})


def request_token(profile: MapiProfile, config: HasSecretKey) -> Token:
    """Raises `MailServerError`, which never holds a secret."""
    seconds = min(profile.timeout_seconds, TIMEOUT_SECONDS)
    http = MsalHttp(profile.ca_file, seconds, of_platform=profile.managed_identity)
    try:
        granted = _of_platform(profile, http) if profile.managed_identity else _of_directory(profile, config, http)
    except SecretError as error:
        raise refused(profile, f"{error}") from error
    except (OSError, ValueError) as error:
        if isinstance(cause := getattr(error, "reason", error), RefusedAddressError):
            raise refused(profile, f"it is not connected to: {printable(cause)}. Check login_url") from error
        if codes_of(http.last):
            raise _refusal(profile, _json(http.last), http.last) from None
        raise _unreachable(profile, error, http.last) from None
    except Exception as error:  # msal trusts that responses have the right form
        log.warning("msal could not decode a response", profile=profile.id, error=type(error).__name__)
        raise _unreachable(profile, ValueError("its response is not what was expected"), http.last) from None
    if not isinstance(granted, Mapping) or "access_token" not in granted:
        raise _refusal(profile, granted if isinstance(granted, Mapping) else {}, http.last)
    return _token(profile, granted)


def refused(profile: MapiProfile, text: str, *, temporary: bool = False) -> MailServerError:
    return MailServerError(Reason.AUTHENTICATION_REFUSED, f"MAPI profile {profile.id}: {text}", temporary=temporary)


def codes_of(answer: Answer | None) -> tuple[int, ...]:
    """The AADSTS numbers in a response."""
    return _codes(_json(answer)) if answer is not None else ()


def _of_directory(profile: MapiProfile, config: HasSecretKey, http: MsalHttp) -> Any:
    """Two requests: a new application each time, so that only the token is kept, and only by us."""
    from msal import ConfidentialClientApplication

    _silence()
    application = ConfidentialClientApplication(
        profile.client_id or "",
        client_credential=proof(profile, config),
        authority=authority(profile),
        instance_discovery=False,  # the authority is a known cloud's, or the administrator's own
        http_client=http,
        enable_pii_log=False,
    )
    return application.acquire_token_for_client([f"{audience(profile)}/.default"])


def _of_platform(profile: MapiProfile, http: MsalHttp) -> Any:
    from msal import ManagedIdentityClient, SystemAssignedManagedIdentity, UserAssignedManagedIdentity

    _silence()
    identity = (
        UserAssignedManagedIdentity(client_id=profile.client_id)
        if profile.client_id
        else SystemAssignedManagedIdentity()
    )
    return ManagedIdentityClient(identity, http_client=http).acquire_token_for_client(resource=audience(profile))


def _silence() -> None:
    """msal logs whole responses."""
    logging.getLogger("msal").disabled = True
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("msal."):
            logging.getLogger(name).disabled = True


def _token(profile: MapiProfile, granted: Mapping[str, Any]) -> Token:
    token, lifetime = granted["access_token"], granted.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token or " " in token:
        raise _unreachable(profile, ValueError("it answered without an access token"), None)
    remember(token)
    try:
        seconds = float(lifetime if isinstance(lifetime, int | float | str) else 0)
    except ValueError:
        seconds = 0.0
    return Token(token, min(seconds, LONGEST_LIFETIME) if seconds > 0 else DEFAULT_LIFETIME)


def _unreachable(profile: MapiProfile, error: Exception, answer: Answer | None) -> MailServerError:
    cause = getattr(error, "reason", error)
    who = "the platform's token service" if profile.managed_identity else f"the directory at {authority(profile)}"
    is_answer = answer is not None and (answer.status_code >= 400 or not isinstance(error, OSError))
    said = (
        f"HTTP status {answer.status_code}" if answer and is_answer and answer.status_code >= 400 else printable(cause)
    )
    hint = "; check login_url" if profile.login_url and not isinstance(error, AnswerError) else ""
    text = f"MAPI profile {profile.id}: no token from {who}: {said}{hint}"
    return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True, after=_asked(answer))


def _refusal(profile: MapiProfile, answer: Mapping[str, Any], last: Answer | None) -> MailServerError:
    codes = _codes(answer)
    said = _first_sentence(answer)
    status = last.status_code if last is not None else 0
    known = next((code for code in codes if code in _REFUSALS), None)
    is_later = bool(_LATER.intersection(codes)) or str(answer.get("error")) in _WORDS_LATER or status == 429
    if known is None and is_later:
        text = f"MAPI profile {profile.id}: the directory gives no token now: {said or f'HTTP status {status}'}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True, after=_asked(last))
    if known is None:
        who, check = (
            ("the platform", "that this machine has a managed identity, and client_id")
            if profile.managed_identity
            else ("the directory", "tenant, client_id and what proves the application")
        )
        return refused(profile, f"{who} gives no token: {said or f'HTTP status {status}'}. Check {check}")
    what, remedy = _REFUSALS[known]
    fields = {"tenant": profile.tenant, "client_id": profile.client_id, "audience": audience(profile)}
    return refused(profile, f"{what.format(**fields)} (AADSTS{known}). {remedy.format(**fields)}")


def _codes(answer: Mapping[str, Any]) -> tuple[int, ...]:
    listed = answer.get("error_codes")
    numbers: Iterable[Any] = listed[:20] if isinstance(listed, list) else ()
    found = [number for number in numbers if isinstance(number, int)]
    described = answer.get("error_description")
    said = _CODE.findall(described[:2000]) if isinstance(described, str) else []
    return (*found, *map(int, said))


def _first_sentence(answer: Mapping[str, Any]) -> str:
    """Their own words, without trace and correlation ids."""
    described = answer.get("error_description") or answer.get("error") or ""
    text = described if isinstance(described, str) else ""
    return printable(text.partition(" Trace ID")[0].partition("\n")[0])


def _json(answer: Answer | None) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.text) if answer is not None else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _asked(answer: Answer | None) -> float:
    """Seconds that the directory asks to be left alone."""
    text = answer.headers.get("Retry-After", "") if answer is not None else ""
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < 8 else 0.0
