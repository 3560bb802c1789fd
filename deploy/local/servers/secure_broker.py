"""A real Kafka with a listener for each way to protect connections and to log in, and an OAuth2 provider beside it."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deploy.local.servers.broker import QUICK_START, KafkaProcess, Listener
from deploy.local.servers.certificates import KEYSTORE_PASSWORD, Certificates, make_certificates
from deploy.local.servers.oauth import OAuthServer

PASSWORD = "s3cret of the broker"
PLAIN_USER, SCRAM_USER = "mailcall", "mail,call=1"  # SCRAM writes comma and equals sign in a way of its own
AUDIENCE = "kafka"
_MODULES = "org.apache.kafka.common.security"
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
# Of a broker whose users may do what ACLs allow. Who uses the open port may do all.
ACLS_HOLD: Mapping[str, str] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
WAYS = ("SSL", "mutual TLS", "PLAIN", *_SCRAM, "OAUTHBEARER", "OAUTHBEARER, extensions")


class SecureBroker:
    """Runs in its block. `settings_of` gives what a process is configured with for one of `WAYS`.

    Sessions of those who log in end after `session_seconds`, and so do the provider's tokens (0: never, an hour).
    `settings` are the broker's. Files of all kinds lie in `directory`, which is kept.
    """

    def __init__(
        self, directory: Path, session_seconds: int = 0, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.directory = directory
        folders = {name: directory / name for name in ("certificates", "others", "oauth", "secrets")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        self.certificates = make_certificates(folders["certificates"])
        self.others = make_certificates(folders["others"])  # of an authority that nobody trusts
        self.password_file = folders["secrets"] / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self._client_secret_file = folders["secrets"] / "client-secret"
        self.oauth = OAuthServer(folders["oauth"])
        self._token_seconds = session_seconds or 3600
        reauthenticate = {"connections.max.reauth.ms": str(session_seconds * 1000)}
        self.kafka = KafkaProcess(
            directory / "broker",
            (*QUICK_START, f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.oauth.keys_url}"),
            listeners=_listeners(self.certificates, self.oauth.keys_url),
            settings={**reauthenticate, **settings},
        )
        self._stack = ExitStack()

    def __enter__(self) -> "SecureBroker":
        with self._stack:
            self._stack.enter_context(self.oauth)
            self._stack.enter_context(self.kafka)
            self.client = self.oauth.register("mailcall", audience=AUDIENCE, lifetime_seconds=self._token_seconds)
            self._client_secret_file.write_text(f"{self.client.client_secret}\n")
            self.change_password(PASSWORD)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings_of(self, way: str) -> dict[str, Any]:
        """Of `runtime.kafka.settings.KafkaSettings`, by their names."""
        trust = {"kafka_ca_file": self.certificates.authority}
        match way:
            case "SSL":
                return self._at("SSL", "SSL") | trust
            case "mutual TLS":
                own = {
                    "kafka_certificate_file": self.certificates.certificate,
                    "kafka_key_file": self.certificates.key,
                }
                return self._at("MUTUAL", "SSL") | trust | own
            case "OAUTHBEARER":
                return self._at("OAUTH", "SASL_SSL", way) | trust | self._token_settings()
            case "OAUTHBEARER, extensions":
                more = {"kafka_token_extensions": "logicalCluster=lkc-12345,identityPoolId=pool-abc"}
                return self.settings_of("OAUTHBEARER") | more
        login = {
            "kafka_username": PLAIN_USER if way == "PLAIN" else SCRAM_USER,
            "kafka_password_file": self.password_file,
        }
        return self._at("PASSWORD", "SASL_SSL", way) | trust | login

    def _at(self, listener: str, protocol: str, mechanism: str | None = None) -> dict[str, Any]:
        return {
            "kafka_bootstrap_servers": self.kafka.address_of(listener),
            "kafka_security_protocol": protocol,
            "kafka_sasl_mechanism": mechanism,
        }

    def _token_settings(self) -> dict[str, Any]:
        return {
            "kafka_token_url": self.oauth.tls_token_url,
            "kafka_token_client_id": self.client.client_id,
            "kafka_token_client_secret_file": self._client_secret_file,
            "kafka_token_ca_file": self.oauth.authority,
        }

    def change_password(self, password: str) -> None:
        """Of the user who logs in by SCRAM, at the broker alone. One mechanism at a time: Kafka takes no two changes of
        one user in one request."""
        from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

        with closing(KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)) as admin:
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                admin.alter_user_scram_credentials([UserScramCredentialUpsertion(SCRAM_USER, mechanism, password)])


def tls_settings(certificates: Certificates) -> dict[str, str]:
    """Of a listener with TLS."""
    return {
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(certificates.keystore),
        "ssl.keystore.password": KEYSTORE_PASSWORD,
        "ssl.key.password": KEYSTORE_PASSWORD,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
    }


def plain_users(users: Mapping[str, str]) -> dict[str, str]:
    """Of a listener where these log in by PLAIN: their passwords by their names."""
    known = " ".join(f'user_{name}="{password}"' for name, password in users.items())
    return {
        "sasl.enabled.mechanisms": "PLAIN",
        "plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required {known};",
    }


def _listeners(certificates: Certificates, keys_url: str) -> list[Listener]:
    tls = tls_settings(certificates)
    by_password = plain_users({PLAIN_USER: PASSWORD}) | {"sasl.enabled.mechanisms": ",".join(("PLAIN", *_SCRAM))}
    by_password |= {
        f"{name.lower()}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;" for name in _SCRAM
    }
    by_token = {
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        "oauthbearer.sasl.jaas.config": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;",
        "oauthbearer.sasl.server.callback.handler.class": (
            f"{_MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": keys_url,
        "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
    }
    return [
        Listener("SSL", "SSL", tls),
        Listener("MUTUAL", "SSL", tls | {"ssl.client.auth": "required"}),
        Listener("PASSWORD", "SASL_SSL", tls | by_password),
        Listener("OAUTH", "SASL_SSL", tls | by_token),
    ]
