"""What authenticates the application to the directory, from the profile's settings, for msal; and when it expires."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from runtime.security.sealing import HasSecretKey, SecretError, reveal
from schemas.settings import MapiProfile

MAX_TOKEN_BYTES = 64 * 1024


def proof(profile: MapiProfile, config: HasSecretKey) -> str | Mapping[str, Any]:
    """msal's `client_credential`, read again each time: a changed secret is used at once. Raises `SecretError`."""
    if profile.client_secret is not None:
        return reveal(profile.client_secret, config)
    if profile.token_file is not None:
        token = _token(Path(profile.token_file))
        return {"client_assertion": lambda: token}
    pem = _pem(profile, config)
    _certificate(pem)
    _check_key(pem)
    return {"private_key": pem, "public_certificate": pem}


def ends(profile: MapiProfile, config: HasSecretKey) -> date | None:
    """The last day of the secret or certificate, if one is known. Raises `SecretError`."""
    if profile.certificate is None:
        return profile.secret_ends
    found: date = _certificate(_pem(profile, config)).not_valid_after_utc.date()
    return found


def _pem(profile: MapiProfile, config: HasSecretKey) -> str:
    return reveal(profile.certificate, config) if profile.certificate is not None else ""


def _token(path: Path) -> str:
    """The platform renews it all the time."""
    try:
        with path.open(encoding="ascii") as file:
            return file.read(MAX_TOKEN_BYTES).strip()
    except OSError as error:
        raise SecretError(
            f"the token file {path} cannot be read ({error.strerror}); mount it for this process"
        ) from None
    except UnicodeDecodeError:
        raise SecretError(f"the token file {path} holds no token") from None


def _certificate(pem: str) -> Any:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise SecretError(
            "certificate holds no certificate: put both into it as PEM, the certificate and its private key"
        ) from None


def _check_key(pem: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise SecretError(
            "the private key in certificate has a passphrase: take it away, the whole is sealed"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SecretError("certificate holds no private key: put both into it, the certificate and its key") from None
    if not isinstance(key, RSAPrivateKey):
        raise SecretError(
            "the private key in certificate is not of RSA, which the directory asks for: make an RSA pair"
        )
    if key.public_key() != _certificate(pem).public_key():
        raise SecretError("the private key in certificate is not the certificate's: put both of one pair into it")
