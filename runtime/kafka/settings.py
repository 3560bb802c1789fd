"""The settings of how brokers are reached, protected and logged in to."""

import os
import re
import socket
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from runtime.kafka.setting_rules import USES, check_file, check_use

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]
# RFC 7628, section 3.1, less the commas and blanks that this setting is written with.
_EXTENSION = re.compile(r"([A-Za-z]+)=[\x21-\x2b\x2d-\x7e]+")
_ENDPOINT = re.compile(r"(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/)[^\x00-\x20\x7f]*")
_PROTOCOL_AND_MECHANISM = frozenset({"kafka_security_protocol", "kafka_sasl_mechanism"})
DEFAULT_PORT = 9092
MAX_PORT = 65_535
_ADDRESS = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


class KafkaSettings(BaseModel):
    """Shared by every process; a wrong combination is an error of the field that is missing or has no effect."""

    model_config = ConfigDict(defer_build=True)  # of the classes below it, each process uses its own alone

    kafka_bootstrap_servers: str = Field(
        default_factory=lambda: os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
        min_length=1,
        description="host:port of one or more brokers, separated by commas; "
        "KAFKA_BOOTSTRAP_SERVERS is read where this is not set",
    )
    kafka_security_protocol: Protocol = Field("PLAINTEXT", description="with SSL: over TLS; with SASL: with a log-in")
    kafka_sasl_mechanism: Mechanism | None = Field(
        None, description="how to log in: " + ", ".join(get_args(Mechanism)) + " (IAM, by OAUTHBEARER)"
    )
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed the brokers' certificates; off: those of the system"
    )
    kafka_certificate_file: Path | None = Field(
        None, description="PEM file of our own certificate, and those between it and its authority, for mutual TLS"
    )
    kafka_key_file: Path | None = Field(None, description="PEM file of its private key, not encrypted")
    kafka_username: str = Field("", description="user name for PLAIN and SCRAM")
    kafka_password_file: Path | None = Field(
        None, description="file with its password; read anew for each connection, so it may be replaced at any time"
    )
    kafka_token_file: Path | None = Field(
        None, description="file with an access token for OAUTHBEARER, which somebody keeps fresh; read as the password"
    )
    kafka_token_url: str = Field(
        "", description="token endpoint where access tokens for OAUTHBEARER are asked for (client credentials)"
    )
    kafka_token_client_id: str = Field("", description="our id there")
    kafka_token_client_secret_file: Path | None = Field(None, description="file with our secret there; read as above")
    kafka_token_scope: str = Field("", description="scope that is asked for, where it wants one")
    kafka_token_ca_file: Path | None = Field(
        None, description="PEM file of the authority that signed its certificate; off: those of the system"
    )
    kafka_token_extensions: str = Field(
        "",
        description="what is told beside the token (SASL extensions, RFC 7628): name=value, several separated by "
        "commas, such as logicalCluster=lkc-12345,identityPoolId=pool-abc for Confluent Cloud",
    )
    kafka_aws_region: str = Field("", description="region of the MSK cluster, for AWS_MSK_IAM, such as eu-central-1")

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _are_addresses(cls, servers: str) -> str:
        addresses(servers)
        return servers

    @field_validator("kafka_token_url")
    @classmethod
    def _is_protected(cls, url: str) -> str:
        if url and not _ENDPOINT.fullmatch(url):
            raise ValueError("write an address that begins with https://, since a secret is sent there")
        return url

    @field_validator("kafka_token_extensions")
    @classmethod
    def _are_extensions(cls, text: str) -> str:
        extensions_in(text)
        return text

    @field_validator(
        "kafka_sasl_mechanism", "kafka_ca_file", "kafka_certificate_file", "kafka_key_file", "kafka_username",
        "kafka_password_file", "kafka_token_file", "kafka_token_url", "kafka_token_client_id",
        "kafka_token_client_secret_file", "kafka_token_scope", "kafka_token_ca_file", "kafka_token_extensions",
        "kafka_aws_region",
    )  # fmt: skip
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        if _PROTOCOL_AND_MECHANISM - {name} <= info.data.keys():  # else they are wrong themselves, and reported
            check_use(USES[name], bool(value), info.data)
        if isinstance(value, Path):
            check_file(name, value, info.data)
        return value


def extensions_in(text: str) -> dict[str, str]:
    """Names and values of `kafka_token_extensions`. Raises `ValueError`."""
    found: dict[str, str] = {}
    for one in text.split(",") if text else ():
        written = _EXTENSION.fullmatch(one.strip())
        if not written:
            raise ValueError(f"{one.strip()!r} is no name=value: a name has letters only, a value no blanks and commas")
        name, _, value = written.group().partition("=")
        if name == "auth" or name in found:
            raise ValueError(f"{name} is there already" if name in found else "auth is the token itself: leave it out")
        found[name] = value
    return found


def addresses(servers: str) -> tuple[tuple[str, int], ...]:
    """(host, port) of each of `host:port,...`. Raises `ValueError` where one cannot be read."""
    return tuple(map(_address, servers.split(",")))


def _address(server: str) -> tuple[str, int]:
    server = server.strip().rpartition("://")[2]  # as Kafka's own clients do
    found = _ADDRESS.fullmatch(f"[{server}]" if _is_ipv6(server) else server)
    host, port = (found[1], int(found[2] or DEFAULT_PORT)) if found else ("", 0)
    if not 0 < port <= MAX_PORT:
        raise ValueError("write host:port, several with commas between them")
    return host.strip("[]"), port


def _is_ipv6(server: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, server)
    except (OSError, ValueError):
        return False
    return True
