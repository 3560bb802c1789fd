"""Which of the broker's settings go together, and whether the files that they name can be used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runtime.net.tls import FreshContext


class Use(NamedTuple):
    """When a setting is needed, when it is allowed, and the text that names the other setting it goes with."""

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
_endpoint = _given("kafka_token_url")
_bearer = _is("kafka_sasl_mechanism", "OAUTHBEARER")
_iam = _is("kafka_sasl_mechanism", "AWS_MSK_IAM")
_BY_PASSWORD = "kafka_sasl_mechanism PLAIN or SCRAM"
USES: Mapping[str, Use] = {
    "kafka_sasl_mechanism": Use(_sasl, _sasl, "kafka_security_protocol SASL_SSL or SASL_PLAINTEXT"),
    "kafka_ca_file": Use(_never, _tls, "kafka_security_protocol SSL or SASL_SSL"),
    "kafka_certificate_file": Use(_never, _tls, "kafka_security_protocol SSL or SASL_SSL"),
    "kafka_key_file": Use(_given("kafka_certificate_file"), _given("kafka_certificate_file"), "kafka_certificate_file"),
    "kafka_username": Use(_password, _password, _BY_PASSWORD),
    "kafka_password_file": Use(_password, _password, _BY_PASSWORD),
    "kafka_token_file": Use(_never, _bearer, "kafka_sasl_mechanism OAUTHBEARER"),
    "kafka_token_url": Use(
        _asks_for_tokens, _asks_for_tokens, "kafka_sasl_mechanism OAUTHBEARER without kafka_token_file"
    ),
    "kafka_token_client_id": Use(_endpoint, _endpoint, "kafka_token_url"),
    "kafka_token_client_secret_file": Use(_endpoint, _endpoint, "kafka_token_url"),
    "kafka_token_scope": Use(_never, _endpoint, "kafka_token_url"),
    "kafka_token_ca_file": Use(_never, _endpoint, "kafka_token_url"),
    "kafka_token_extensions": Use(_never, _bearer, "kafka_sasl_mechanism OAUTHBEARER"),
    "kafka_aws_region": Use(
        _iam, lambda chosen: _iam(chosen) and _tls(chosen), "kafka_sasl_mechanism AWS_MSK_IAM and SASL_SSL"
    ),
}


def check_use(use: Use, given: bool, chosen: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a setting that is missing, or has no effect."""
    if use.needed(chosen) and not given:
        raise ValueError(f"is missing, and needed beside {use.beside}: set it")
    if given and not use.allowed(chosen):
        raise ValueError(f"has no use here, it goes with {use.beside}: set that, or leave this one out")


def check_file(name: str, file: Path, chosen: Mapping[str, Any]) -> None:
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
