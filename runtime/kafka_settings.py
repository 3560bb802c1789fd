"""The settings of how brokers are reached, protected and logged in to; and which of them go together."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from runtime.broker_address import addresses
from runtime.kafka_tls import FreshContext

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]
# RFC 7628, section 3.1, less the commas and blanks that this setting is written with.
_EXTENSION = re.compile(r"([A-Za-z]+)=[\x21-\x2b\x2d-\x7e]+")
_ENDPOINT = re.compile(r"(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?/)[^\x00-\x20\x7f]*")
_PROTOCOL_AND_MECHANISM = frozenset({"kafka_security_protocol", "kafka_sasl_mechanism"})


class KafkaSettings(BaseSettings):
    """Shared by every process; a wrong combination is a fault of the field that is missing or has no use."""

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
        if _PROTOCOL_AND_MECHANISM - {name} <= info.data.keys():  # else they are wrong themselves, and told so
            _check_use(_USES[name], bool(value), info.data)
        if isinstance(value, Path):
            _check_file(name, value, info.data)
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


class _Use(NamedTuple):
    """When a setting is needed, when it may stand, and in words beside which other one."""

    needed: Callable[[Mapping[str, Any]], bool]
    allowed: Callable[[Mapping[str, Any]], bool]
    beside: str


def _is(name: str, *values: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda chosen: chosen.get(name) in values


def _given(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda chosen: bool(chosen.get(name))


def _never(_chosen: Mapping[str, Any]) -> bool:
    return False


def _asks_for_tokens(chosen: Mapping[str, Any]) -> bool:
    return _bearer(chosen) and not chosen.get("kafka_token_file")


_tls = _is("kafka_security_protocol", "SSL", "SASL_SSL")
_sasl = _is("kafka_security_protocol", "SASL_PLAINTEXT", "SASL_SSL")
_password = _is("kafka_sasl_mechanism", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_mutual = _given("kafka_certificate_file")
_endpoint = _given("kafka_token_url")
_bearer = _is("kafka_sasl_mechanism", "OAUTHBEARER")
_iam = _is("kafka_sasl_mechanism", "AWS_MSK_IAM")
_BY_PASSWORD = "kafka_sasl_mechanism PLAIN or SCRAM"
_USES: Mapping[str, _Use] = {
    "kafka_sasl_mechanism": _Use(_sasl, _sasl, "kafka_security_protocol SASL_SSL or SASL_PLAINTEXT"),
    "kafka_ca_file": _Use(_never, _tls, "kafka_security_protocol SSL or SASL_SSL"),
    "kafka_certificate_file": _Use(_never, _tls, "kafka_security_protocol SSL or SASL_SSL"),
    "kafka_key_file": _Use(
        _given("kafka_certificate_file"), _given("kafka_certificate_file"), "kafka_certificate_file"
    ),
    "kafka_username": _Use(_password, _password, _BY_PASSWORD),
    "kafka_password_file": _Use(_password, _password, _BY_PASSWORD),
    "kafka_token_file": _Use(_never, _bearer, "kafka_sasl_mechanism OAUTHBEARER"),
    "kafka_token_url": _Use(
        _asks_for_tokens, _asks_for_tokens, "kafka_sasl_mechanism OAUTHBEARER without kafka_token_file"
    ),
    "kafka_token_client_id": _Use(_endpoint, _endpoint, "kafka_token_url"),
    "kafka_token_client_secret_file": _Use(_endpoint, _endpoint, "kafka_token_url"),
    "kafka_token_scope": _Use(_never, _endpoint, "kafka_token_url"),
    "kafka_token_ca_file": _Use(_never, _endpoint, "kafka_token_url"),
    "kafka_token_extensions": _Use(_never, _bearer, "kafka_sasl_mechanism OAUTHBEARER"),
    "kafka_aws_region": _Use(
        _iam, lambda chosen: _iam(chosen) and _tls(chosen), "kafka_sasl_mechanism AWS_MSK_IAM and SASL_SSL"
    ),
}


def _check_use(use: _Use, given: bool, chosen: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a setting that is missing, or has no use."""
    if use.needed(chosen) and not given:
        raise ValueError(f"is missing, and needed beside {use.beside}: set it")
    if given and not use.allowed(chosen):
        raise ValueError(f"has no use here, it goes with {use.beside}: set that, or leave this one out")


def _check_file(name: str, file: Path, chosen: Mapping[str, Any]) -> None:
    """Raises `ValueError` where it cannot be read, or is no PEM file and should be one."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): check the path and who may read it") from None
    if not content.strip():
        raise ValueError(f"{file} is empty: put into it what the setting says")
    certificate = chosen.get("kafka_certificate_file")
    match name:
        case "kafka_ca_file" | "kafka_token_ca_file":
            _check_tls(lambda: FreshContext.of(file), f"{file} holds no certificate in PEM")
        case "kafka_key_file" if certificate:
            _check_tls(
                lambda: FreshContext.of(None, certificate, file),
                f"{file} is no private key that fits {certificate}, both in PEM and the key not encrypted",
            )


def _check_tls(make: Callable[[], object], fault: str) -> None:
    try:
        make()
    except (OSError, ValueError) as error:
        raise ValueError(f"{fault} ({getattr(error, 'reason', None) or error}): name the right file") from None
