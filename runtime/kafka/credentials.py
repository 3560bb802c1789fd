"""What a process logs in to the broker with: a password or a token, read again for each connection, by either client.

Passwords, secrets and tokens lie in files that may be replaced at any time. Nothing of them is logged
(`runtime/security/redaction.py`).
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from runtime.kafka.settings import KafkaSettings, extensions_in
from runtime.net.token_request import TokenRefused, request_token
from runtime.security.redaction import printable, remember

EARLY_SECONDS = 60.0  # a token is renewed this long before its end, or at three quarters of a short life
TOKEN_SECONDS = 5.0  # for a response of the token endpoint: less than a session in the group, which waits for it


class LoginError(OSError):
    """There is nothing to log in with. The text says why, where and what to do, without any secret.

    An `OSError`, because aiokafka takes only those for a connection that failed and will be tried again.
    """


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """PLAIN or SCRAM."""

    mechanism: str
    username: str
    file: Path

    def password(self) -> str:
        """As it is now. Raises `LoginError`."""
        return _secret_in(self.file, "MAILCALL_KAFKA_PASSWORD_FILE")

    def forget(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and until when it is used (monotonic): 0.0 for one that is read again each time."""

    value: str = field(repr=False)
    good_until: float = 0.0


class TokenLogin:
    """OAUTHBEARER. Threads share the token, and wait for one another while it is renewed."""

    mechanism = "OAUTHBEARER"

    def __init__(self, source: Callable[[], Token], extensions: Mapping[str, str] = MappingProxyType({})) -> None:
        """`extensions`: what is sent to the broker beside the token."""
        self.extensions = extensions
        self._source = source
        self._lock = threading.Lock()
        self._kept: Token | None = None

    def token(self) -> str:
        """A token that is good for a while. Raises `LoginError`."""
        with self._lock:
            if self._kept is None or time.monotonic() >= self._kept.good_until:
                self._kept = self._source()
                remember(self._kept.value)
            return self._kept.value

    def forget(self) -> None:
        """The broker refuses the token: the next one is a new one."""
        with self._lock:
            self._kept = None


Login = PasswordLogin | TokenLogin


def login_of(config: KafkaSettings) -> Login | None:
    """What the settings say; None where the protocol has no login."""
    extensions = extensions_in(config.kafka_token_extensions)
    match config.kafka_sasl_mechanism:
        case None:
            return None
        case "AWS_MSK_IAM":
            return TokenLogin(lambda: _of_aws(config.kafka_aws_region))
        case "OAUTHBEARER" if config.kafka_token_file:
            file = config.kafka_token_file
            return TokenLogin(lambda: Token(_secret_in(file, "MAILCALL_KAFKA_TOKEN_FILE")), extensions)
        case "OAUTHBEARER":
            return TokenLogin(lambda: _of_endpoint(config), extensions)
        case mechanism:
            assert config.kafka_password_file is not None  # the settings are checked
            return PasswordLogin(mechanism, config.kafka_username, config.kafka_password_file)


def _secret_in(file: Path, setting: str) -> str:
    try:
        secret = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise LoginError(f"{file} ({setting}) cannot be read: {why}. Put the secret there") from None
    if not secret:
        raise LoginError(f"{file} ({setting}) is empty. Put the secret there")
    remember(secret)
    return secret


def _of_endpoint(config: KafkaSettings) -> Token:
    """Client credentials (RFC 6749, section 4.4)."""
    assert config.kafka_token_client_secret_file is not None  # the settings are checked
    form = {
        "grant_type": "client_credentials",
        "client_id": config.kafka_token_client_id,
        "client_secret": _secret_in(config.kafka_token_client_secret_file, "MAILCALL_KAFKA_TOKEN_CLIENT_SECRET_FILE"),
        **({"scope": config.kafka_token_scope} if config.kafka_token_scope else {}),
    }
    ca_file = str(config.kafka_token_ca_file) if config.kafka_token_ca_file else None
    now = time.monotonic()
    try:
        granted = request_token(config.kafka_token_url, ca_file, form, TOKEN_SECONDS)
    except TokenRefused as error:
        raise LoginError(
            f"{error.text}. Check MAILCALL_KAFKA_TOKEN_URL, and client id, secret, scope and CA beside it"
        ) from None
    return Token(granted.access_token, now + _used_for(granted.lifetime))


def _of_aws(region: str) -> Token:
    """IAM: a signed address, made here of the credentials that AWS's own tools find."""
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    except ImportError:
        raise LoginError(
            "AWS_MSK_IAM needs the package aws-msk-iam-sasl-signer-python: install mailcall[msk]"
        ) from None
    try:
        token, ends_ms = MSKAuthTokenProvider.generate_auth_token(region)
    except Exception as error:  # it has no errors of its own: without credentials it is an AttributeError
        raise LoginError(
            f"no token by AWS's credentials ({type(error).__name__}: {printable(error)}). "
            "Give this process a role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    return Token(token, time.monotonic() + _used_for(ends_ms / 1000 - time.time()))


def _used_for(lifetime: float) -> float:
    return lifetime - min(EARLY_SECONDS, lifetime / 4)
