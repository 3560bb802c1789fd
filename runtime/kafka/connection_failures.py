"""Where a connection check ended, as an administrator reads it: what it means, and what to do."""

import ssl
from dataclasses import dataclass
from typing import Any

from runtime.kafka.credentials import PasswordLogin
from runtime.kafka.security import Security
from runtime.security.redaction import printable
from schemas.explanations import EXPLANATIONS
from schemas.reasons import Reason

_HOST_MISMATCH, _ADDRESS_MISMATCH, _EXPIRED = 62, 64, 10  # OpenSSL's X509_V_ERR_...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step met. `reason`: None where it went well."""

    step: str
    text: str
    reason: Reason | None = None
    remedy: str = ""


class StepError(Exception):
    def __init__(self, step: str, reason: Reason, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.finding = Finding(step, text, reason, remedy or EXPLANATIONS[reason].remedy)


def not_secure(error: Exception) -> StepError:
    """What a handshake met, in an administrator's words."""
    match error:
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=said):
            remedy = {
                _EXPIRED: "Renew the broker's certificate, or correct this machine's clock.",
                _HOST_MISMATCH: "Use a host name that the certificate has, in MAILCALL_KAFKA_BOOTSTRAP_SERVERS and in "
                "the broker's advertised.listeners.",
            }
            remedy[_ADDRESS_MISMATCH] = remedy[_HOST_MISMATCH]
            default = "Set MAILCALL_KAFKA_CA_FILE to the PEM file of the authority that signed it."
            text = f"the broker's certificate is not trusted: {printable(said)}"
            return StepError("TLS", Reason.BROKER_NOT_SECURE, text, remedy.get(code, default))
        case FileNotFoundError() | PermissionError():
            return StepError("TLS", Reason.BROKER_NOT_SECURE, f"{error.filename}: {error.strerror}")
        case TimeoutError():
            return StepError("TLS", Reason.BROKER_AWAY, "no answer to the beginning of TLS")
        case ssl.SSLEOFError() | ConnectionResetError() | ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return StepError(
                "TLS", Reason.BROKER_NOT_SECURE, "it does not speak TLS at this port",
                "Use the port of a listener with TLS, or a MAILCALL_KAFKA_SECURITY_PROTOCOL without SSL.",
            )  # fmt: skip
    return certificate_refused(error)


def certificate_refused(error: Exception) -> StepError:
    """TLS 1.3 reports it after the handshake, instead of the first response."""
    said = printable(getattr(error, "reason", None) or error)
    return StepError(
        "TLS", Reason.BROKER_NOT_SECURE, f"the broker ends TLS: {said}",
        "If it wants a client's certificate (mutual TLS), set MAILCALL_KAFKA_CERTIFICATE_FILE and "
        "MAILCALL_KAFKA_KEY_FILE to one that its truststore trusts.",
    )  # fmt: skip


def unasked(security: Security, error: OSError) -> StepError:
    """No response to the first request after the versions: without a login, because there has to be one."""
    if security.login:
        return StepError("log-in", Reason.BROKER_AWAY, f"no answer after the log-in: {printable(error)}")
    protocol = "SASL_SSL" if security.context else "SASL_PLAINTEXT"
    return StepError(
        "log-in", Reason.BROKER_LOGIN_REFUSED, "the broker wants a log-in at this port",
        f"Set MAILCALL_KAFKA_SECURITY_PROTOCOL to {protocol} and MAILCALL_KAFKA_SASL_MECHANISM, or use another port.",
    )  # fmt: skip


def mechanism_refused(mechanism: str, offered: Any) -> StepError:
    there = ", ".join(offered.mechanisms)
    text = f"the broker has no {mechanism} at this port" + (f"; it has {there}" if there else ", nor any log-in")
    remedy = (
        f"Set MAILCALL_KAFKA_SASL_MECHANISM to one of {there}, or have the broker's administrator add {mechanism}."
        if there
        else "Use the port of a listener with SASL, or a MAILCALL_KAFKA_SECURITY_PROTOCOL without it."
    )
    return StepError("log-in", Reason.BROKER_LOGIN_REFUSED, text, remedy)


def login_remedy(security: Security) -> str:
    if isinstance(security.login, PasswordLogin):
        return f"Correct MAILCALL_KAFKA_USERNAME ({security.login.username}) or the password in {security.login.file}."
    return (
        "Check that the broker takes tokens of this issuer, for this audience and scope, and what user they name; "
        "and the clocks of both."
    )
