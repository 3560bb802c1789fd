"""One connection to a broker, step by step in plain code: where it ends, and why.

Kafka's clients do not say: whatever goes wrong before the first response, they report that they cannot bootstrap.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from runtime.kafka.connection_failures import (
    Finding,
    StepError,
    certificate_refused,
    login_remedy,
    mechanism_refused,
    not_secure,
    unasked,
)
from runtime.kafka.credentials import LoginError
from runtime.kafka.security import Security, for_kafka_python
from runtime.kafka.settings import addresses
from runtime.outages import OutageError
from runtime.security.redaction import printable
from schemas.reasons import Reason

LOOK_SECONDS = 3.0  # for all brokers together, while a process waits
_CLIENT_ID = "mailcall-check"
_TLS_ALERT = b"\x15\x03"  # the beginning of a TLS listener's response to a plain request


@dataclass
class ConnectionCheck:
    """What the steps found, up to the first that failed. `brokers`: the addresses that the broker sends clients to."""

    place: str
    findings: list[Finding] = field(default_factory=list)
    brokers: tuple[tuple[str, int], ...] = ()

    @property
    def failed(self) -> Finding | None:
        return next((finding for finding in self.findings if finding.reason), None)


def check_connection(host: str, port: int, security: Security, seconds: float) -> ConnectionCheck:
    """Name, connection, TLS, login, and a first request; all within this many seconds. Changes nothing."""
    check = ConnectionCheck(f"{host}:{port}")
    deadline = time.monotonic() + seconds
    try:
        with _connected(check, host, port, security, deadline) as sock:
            _talk(check, _Exchange(sock, deadline), host, security)
    except StepError as error:
        check.findings.append(error.finding)
    return check


def why_unreachable(servers: str, security: Security) -> OutageError:
    """For after a client has failed: what each broker of `host:port,...` met."""
    deadline = time.monotonic() + LOOK_SECONDS
    checks = [check_connection(*at, security, max(0.1, deadline - time.monotonic())) for at in addresses(servers)]
    failed = [check.failed for check in checks if check.failed]
    if len(failed) < len(checks):
        return OutageError(Reason.BROKER_AWAY, "the Kafka broker takes us, and did not answer a moment ago")
    worst = next((one for one in failed if one.reason is not Reason.BROKER_AWAY), failed[0])
    assert worst.reason is not None
    text = "; ".join(f"{check.place}: {finding.text}" for check, finding in zip(checks, failed, strict=True))
    what = "reached" if worst.reason is Reason.BROKER_AWAY else "used"
    return OutageError(worst.reason, f"the Kafka broker cannot be {what}: {text}", worst.remedy)


@contextmanager
def _connected(
    check: ConnectionCheck, host: str, port: int, security: Security, deadline: float
) -> Iterator[socket.socket]:
    """A socket, with TLS where that is set; closed at the end."""
    step = "address"
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        check.findings.append(Finding(step, f"{host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"))
        step = "connection"
        sock: socket.socket = socket.create_connection((host, port), _left(deadline))
    except (OSError, UnicodeError) as error:  # the latter: no name at all
        text = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
        raise StepError(step, Reason.BROKER_AWAY, text) from error
    check.findings.append(Finding(step, "is taken"))
    try:
        if security.context:
            sock = _with_tls(check, sock, host, security.context)
        yield sock
    finally:
        sock.close()


def _with_tls(check: ConnectionCheck, sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    try:
        wrapped = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        wrapped.do_handshake()
    except (OSError, ValueError) as error:
        sock.close()
        raise not_secure(error) from error
    check.findings.append(Finding("TLS", f"{wrapped.version()}, the broker's certificate is trusted"))
    return wrapped


class _Exchange:
    """Requests and responses, one after the other, with kafka-python's own coder."""

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


def _talk(check: ConnectionCheck, exchange: _Exchange, host: str, security: Security) -> None:
    from kafka.protocol.broker_version_data import BrokerVersionData
    from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest

    try:
        answer = exchange.ask(ApiVersionsRequest(), 0)
        versions = BrokerVersionData(api_versions={one.api_key: one[1:3] for one in answer.api_keys})
    except ssl.SSLError as error:
        if security.context:
            raise certificate_refused(error) from error
        raise StepError(
            "Kafka", Reason.BROKER_NOT_SECURE, "it speaks TLS at this port",
            "Set MAILCALL_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or use the port of a listener without TLS.",
        ) from error  # fmt: skip
    except Exception as error:  # whatever it is that answers there
        tls = "with" if security.context else "without"
        text = f"takes a connection, but does not answer as a Kafka broker {tls} TLS does"
        raise StepError("Kafka", Reason.BROKER_AWAY, text) from error
    check.findings.append(Finding("Kafka", f"version {versions.broker_version_str} or newer"))
    if security.login:
        _log_in(check, exchange, host, security)
    try:
        metadata = exchange.ask(MetadataRequest(topics=[]), min(versions.api_version(MetadataRequest), 9))
    except OSError as error:
        raise unasked(security, error) from error
    check.brokers = tuple((broker.host, broker.port) for broker in metadata.brokers)


def _log_in(check: ConnectionCheck, exchange: _Exchange, host: str, security: Security) -> None:
    from kafka.errors import for_code
    from kafka.net.sasl import get_sasl_mechanism
    from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

    login = security.login
    assert login is not None
    try:
        offered = exchange.ask(SaslHandshakeRequest(mechanism=login.mechanism), 1)
        if offered.error_code:
            raise mechanism_refused(login.mechanism, offered)
        settings = for_kafka_python(security)
        mechanism = get_sasl_mechanism(login.mechanism)(host=host, **settings)
        while not mechanism.is_done():
            answer = exchange.ask(SaslAuthenticateRequest(mechanism.auth_bytes()), 1)
            if answer.error_code:
                login.forget()
                said = printable(answer.error_message or for_code(answer.error_code).__name__)
                raise StepError("log-in", Reason.BROKER_LOGIN_REFUSED, f"refused: {said}", login_remedy(security))
            mechanism.receive(answer.auth_bytes)
    except LoginError as error:
        raise StepError("log-in", Reason.BROKER_LOGIN_MISSING, printable(error)) from error
    except OSError as error:
        raise StepError(
            "log-in", Reason.BROKER_AWAY, f"the connection broke at the log-in: {printable(error)}"
        ) from error
    except ValueError as error:  # SCRAM: the broker does not prove that it knows the password
        raise StepError("log-in", Reason.BROKER_LOGIN_REFUSED, printable(error), login_remedy(security)) from error
    ends = f"; again every {answer.session_lifetime_ms / 1000:g} s" if answer.session_lifetime_ms else ""
    check.findings.append(Finding("log-in", f"{login.mechanism} is taken{ends}"))


def is_listening(servers: str) -> bool:
    """Whether one of them accepts connections: then it is slow, and its address correct."""
    deadline = time.monotonic() + LOOK_SECONDS
    return any(_takes_connections(at, max(0.1, deadline - time.monotonic())) for at in addresses(servers))


def _takes_connections(at: tuple[str, int], seconds: float) -> bool:
    try:
        socket.create_connection(at, seconds).close()
    except (OSError, UnicodeError):  # the latter: no name at all
        return False
    return True


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())
