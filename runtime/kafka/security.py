"""How connections to the broker are protected and logged in: one TLS context and one login for both clients.

kafka-python 3.0.12 and aiokafka 0.14.0 take a password once, when a client is created. Here each connection asks for
it. What is aiokafka's alone is in `aiokafka_security.py`, which only the process with Faust imports.
"""

import ssl
from functools import cache, lru_cache
from typing import Any, NamedTuple

from runtime.kafka.credentials import Login, PasswordLogin, TokenLogin, login_of
from runtime.kafka.settings import KafkaSettings
from runtime.net.tls import FreshContext


class Security(NamedTuple):
    """What the settings say, ready for use. `context`: None without TLS; `login`: None without one."""

    protocol: str
    context: ssl.SSLContext | None
    login: Login | None


@lru_cache(maxsize=16)
def security_of(config: KafkaSettings) -> Security:
    """One for all clients of a process, so that they share tokens. Raises `OSError` where a file is gone meanwhile."""
    over_tls = config.kafka_security_protocol.endswith("SSL")
    files = (config.kafka_ca_file, config.kafka_certificate_file, config.kafka_key_file)
    return Security(config.kafka_security_protocol, FreshContext.of(*files) if over_tls else None, login_of(config))


def for_kafka_python(security: Security) -> dict[str, Any]:
    """Settings of each of its clients."""
    settings: dict[str, Any] = {"security_protocol": security.protocol, "ssl_context": security.context}
    match security.login:
        case PasswordLogin() as login:
            _ask_kafka_python_for_passwords()
            return settings | {
                "sasl_mechanism": login.mechanism,
                "sasl_plain_username": login.username,
                "sasl_plain_password": login.password,
            }
        case TokenLogin() as login:
            return settings | {"sasl_mechanism": login.mechanism, "sasl_oauth_token_provider": _provider(login)}
    return settings


@cache
def _ask_kafka_python_for_passwords() -> None:
    """Once a process: a password may be a function, called for each connection.

    kafka-python does not escape a user name in SCRAM either (RFC 5802, section 5.1).
    """
    from kafka.net.sasl import register_sasl_mechanism
    from kafka.net.sasl.plain import SaslMechanismPlain
    from kafka.net.sasl.scram import SaslMechanismScram

    class Plain(SaslMechanismPlain):  # type: ignore[misc]  # it has no types
        def __init__(self, **config: Any) -> None:
            super().__init__(**{**config, "sasl_plain_password": password_now(config["sasl_plain_password"])})

    class Scram(SaslMechanismScram):  # type: ignore[misc]
        def __init__(self, **config: Any) -> None:
            user = config["sasl_plain_username"].replace("=", "=3D").replace(",", "=2C")
            password = password_now(config["sasl_plain_password"])
            super().__init__(**{**config, "sasl_plain_username": user, "sasl_plain_password": password})

    register_sasl_mechanism("PLAIN", Plain, overwrite=True)
    for name in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        register_sasl_mechanism(name, Scram, overwrite=True)


def password_now(password: Any) -> Any:
    """What it is at this moment; a password that is text stays as it is."""
    return password() if callable(password) else password


def _provider(login: TokenLogin) -> Any:
    from kafka.net.sasl.oauth import AbstractTokenProvider

    class Provider(AbstractTokenProvider):  # type: ignore[misc]
        def token(self) -> str:
            return login.token()

        def extensions(self) -> dict[str, str]:
            return dict(login.extensions)

    return Provider()
