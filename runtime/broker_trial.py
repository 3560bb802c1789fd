"""One connection to a broker, step by step in plain code: where it ends, and why.

Kafka's clients do not tell: whatever goes wrong before the first answer, they say that they cannot bootstrap.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from runtime.broker_address import addresses
from runtime.foreign_words import words
from runtime.kafka_login import LoginError, PasswordLogin
from runtime.kafka_security import Security, for_kafka_python
from runtime.outcomes import OutageError
from schemas.reasons import EXPLANATIONS, Reason

LOOK_SECONDS = 3.0  # for all brokers together, while a process waits
_CLIENT_ID = "mailcall-trial"
_HOST_MISMATCH, _ADDRESS_MISMATCH, _EXPIRED = 62, 64, 10  # OpenSSL's X509_V_ERR_...
_TLS_ALERT = b"\x15\x03"  # begins what a TLS listener answers a plain request with


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step met. `reason`: None where it went well."""

    step: str
    text: str
    reason: Reason | None = None
    remedy: str = ""


@dataclass
class Trial:
    """What the steps found, up to the first that failed. `brokers`: the addresses that the broker sends clients to."""

    place: str
    findings: list[Finding] = field(default_factory=list)
    brokers: tuple[tuple[str, int], ...] = ()

    @property
    def failed(self) -> Finding | None:
        return next((finding for finding in self.findings if finding.reason), None)


class _FailedError(Exception):
    def __init__(self, step: str, reason: Reason, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.finding = Finding(step, text, reason, remedy or EXPLANATIONS[reason].remedy)


def try_broker(host: str, port: int, security: Security, seconds: float) -> Trial:
    """Name, connection, TLS, log-in, and a first request; all within so many seconds. Changes nothing."""
    trial = Trial(f"{host}:{port}")
    deadline = time.monotonic() + seconds
    try:
        with _connected(trial, host, port, security, deadline) as sock:
            _talk(trial, _Exchange(sock, deadline), host, security)
    except _FailedError as error:
        trial.findings.append(error.finding)
    return trial


def why_unreachable(servers: str, security: Security) -> OutageError:
    """For after a client has failed: what each broker of `host:port,...` met."""
    deadline = time.monotonic() + LOOK_SECONDS
    trials = [try_broker(*at, security, max(0.1, deadline - time.monotonic())) for at in addresses(servers)]
    failed = [trial.failed for trial in trials if trial.failed]
    if len(failed) < len(trials):
        return OutageError(Reason.BROKER_AWAY, "the Kafka broker takes us, and did not answer a moment ago")
    worst = next((one for one in failed if one.reason is not Reason.BROKER_AWAY), failed[0])
    assert worst.reason is not None
    text = "; ".join(f"{trial.place}: {finding.text}" for trial, finding in zip(trials, failed, strict=True))
    what = "reached" if worst.reason is Reason.BROKER_AWAY else "used"
    return OutageError(worst.reason, f"the Kafka broker cannot be {what}: {text}", worst.remedy)


@contextmanager
def _connected(trial: Trial, host: str, port: int, security: Security, deadline: float) -> Iterator[socket.socket]:
    """A socket, with TLS where that is set; closed at the end."""
    step = "address"
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        trial.findings.append(Finding(step, f"{host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"))
        step = "connection"
        sock: socket.socket = socket.create_connection((host, port), _left(deadline))
    except (OSError, UnicodeError) as error:  # the latter: no name at all
        text = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
        raise _FailedError(step, Reason.BROKER_AWAY, text) from error
    trial.findings.append(Finding(step, "is taken"))
    try:
        if security.context:
            sock = _with_tls(trial, sock, host, security.context)
        yield sock
    finally:
        sock.close()


def _with_tls(trial: Trial, sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    try:
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        wrapped.do_handshake()
    except (OSError, ValueError) as error:
        sock.close()
        raise _not_secure(error) from error
    trial.findings.append(Finding("TLS", f"{wrapped.version()}, the broker's certificate is trusted"))
    return wrapped


def _not_secure(error: Exception) -> _FailedError:
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
            text = f"the broker's certificate is not trusted: {words(said)}"
            return _FailedError("TLS", Reason.BROKER_NOT_SECURE, text, remedy.get(code, default))
        case FileNotFoundError() | PermissionError():
            return _FailedError("TLS", Reason.BROKER_NOT_SECURE, f"{error.filename}: {error.strerror}")
        case TimeoutError():
            return _FailedError("TLS", Reason.BROKER_AWAY, "no answer to the beginning of TLS")
        case ssl.SSLEOFError() | ConnectionResetError() | ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return _FailedError(
                "TLS", Reason.BROKER_NOT_SECURE, "it does not speak TLS at this port",
                "Use the port of a listener with TLS, or a MAILCALL_KAFKA_SECURITY_PROTOCOL without SSL.",
            )  # fmt: skip
    return _certificate_refused(error)


def _certificate_refused(error: Exception) -> _FailedError:
    """TLS 1.3 tells of it after the handshake, in the place of the first answer."""
    said = words(getattr(error, "reason", None) or error)
    return _FailedError(
        "TLS", Reason.BROKER_NOT_SECURE, f"the broker ends TLS: {said}",
        "If it wants a client's certificate (mutual TLS), set MAILCALL_KAFKA_CERTIFICATE_FILE and "
        "MAILCALL_KAFKA_KEY_FILE to one that its truststore trusts.",
    )  # fmt: skip


class _Exchange:
    """Requests and answers, one after the other, with kafka-python's own coder."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        from kafka.protocol.parser import KafkaProtocol

        self._sock = sock
        self._deadline = deadline
        self._parser = KafkaProtocol(client_id=_CLIENT_ID)

    def ask(self, request: Any, version: int) -> Any:
        """Raises `OSError`, of it `ConnectionError` where the broker ends the connection; `ssl.SSLError`."""
        request.API_VERSION = version
        self._parser.send_request(request)
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(self._parser.send_bytes())
        while True:
            self._sock.settimeout(_left(self._deadline))
            received = self._sock.recv(65_536)
            if not received:
                raise ConnectionError("the broker closes the connection")
            if received.startswith(_TLS_ALERT):
                raise ssl.SSLError("a listener with TLS")
            for _, answer in self._parser.receive_bytes(received):
                return answer


def _talk(trial: Trial, exchange: _Exchange, host: str, security: Security) -> None:
    from kafka.protocol.broker_version_data import BrokerVersionData
    from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest

    try:
        answer = exchange.ask(ApiVersionsRequest(), 0)
        versions = BrokerVersionData(api_versions={one.api_key: one[1:3] for one in answer.api_keys})
    except ssl.SSLError as error:
        if security.context:
            raise _certificate_refused(error) from error
        raise _FailedError(
            "Kafka", Reason.BROKER_NOT_SECURE, "it speaks TLS at this port",
            "Set MAILCALL_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or use the port of a listener without TLS.",
        ) from error  # fmt: skip
    except Exception as error:  # whatever it is that answers there
        tls = "with" if security.context else "without"
        text = f"takes a connection, but does not answer as a Kafka broker {tls} TLS does"
        raise _FailedError("Kafka", Reason.BROKER_AWAY, text) from error
    trial.findings.append(Finding("Kafka", f"version {versions.broker_version_str} or newer"))
    if security.login:
        _log_in(trial, exchange, host, security)
    try:
        metadata = exchange.ask(MetadataRequest(topics=[]), min(versions.api_version(MetadataRequest), 9))
    except OSError as error:
        raise _unasked(security, error) from error
    trial.brokers = tuple((broker.host, broker.port) for broker in metadata.brokers)


def _unasked(security: Security, error: OSError) -> _FailedError:
    """The first request after the versions is not answered: without a log-in, because there has to be one."""
    if security.login:
        return _FailedError("log-in", Reason.BROKER_AWAY, f"no answer after the log-in: {words(error)}")
    protocol = "SASL_SSL" if security.context else "SASL_PLAINTEXT"
    return _FailedError(
        "log-in", Reason.BROKER_LOGIN_REFUSED, "the broker wants a log-in at this port",
        f"Set MAILCALL_KAFKA_SECURITY_PROTOCOL to {protocol} and MAILCALL_KAFKA_SASL_MECHANISM, or use another port.",
    )  # fmt: skip


def _log_in(trial: Trial, exchange: _Exchange, host: str, security: Security) -> None:
    from kafka.errors import for_code
    from kafka.net.sasl import get_sasl_mechanism
    from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

    login = security.login
    assert login is not None
    try:
        offered = exchange.ask(SaslHandshakeRequest(mechanism=login.mechanism), 1)
        if offered.error_code:
            raise _mechanism_refused(login.mechanism, offered)
        settings = for_kafka_python(security)
        mechanism = get_sasl_mechanism(login.mechanism)(host=host, **settings)
        while not mechanism.is_done():
            answer = exchange.ask(SaslAuthenticateRequest(mechanism.auth_bytes()), 1)
            if answer.error_code:
                login.forget()
                said = words(answer.error_message or for_code(answer.error_code).__name__)
                raise _FailedError("log-in", Reason.BROKER_LOGIN_REFUSED, f"refused: {said}", _remedy(security))
            mechanism.receive(answer.auth_bytes)
    except LoginError as error:
        raise _FailedError("log-in", Reason.BROKER_LOGIN_MISSING, words(error)) from error
    except OSError as error:
        raise _FailedError(
            "log-in", Reason.BROKER_AWAY, f"the connection broke at the log-in: {words(error)}"
        ) from error
    except ValueError as error:  # SCRAM: the broker does not prove that it knows the password
        raise _FailedError("log-in", Reason.BROKER_LOGIN_REFUSED, words(error), _remedy(security)) from error
    ends = f"; again every {answer.session_lifetime_ms / 1000:g} s" if answer.session_lifetime_ms else ""
    trial.findings.append(Finding("log-in", f"{login.mechanism} is taken{ends}"))


def _mechanism_refused(mechanism: str, offered: Any) -> _FailedError:
    there = ", ".join(offered.mechanisms)
    text = f"the broker has no {mechanism} at this port" + (f"; it has {there}" if there else ", nor any log-in")
    remedy = (
        f"Set MAILCALL_KAFKA_SASL_MECHANISM to one of {there}, or have the broker's administrator add {mechanism}."
        if there
        else "Use the port of a listener with SASL, or a MAILCALL_KAFKA_SECURITY_PROTOCOL without it."
    )
    return _FailedError("log-in", Reason.BROKER_LOGIN_REFUSED, text, remedy)


def _remedy(security: Security) -> str:
    if isinstance(security.login, PasswordLogin):
        return f"Correct MAILCALL_KAFKA_USERNAME ({security.login.username}) or the password in {security.login.file}."
    return (
        "Check that the broker takes tokens of this issuer, for this audience and scope, and what user they name; "
        "and the clocks of both."
    )


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())
