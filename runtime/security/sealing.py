"""Passwords: sealed with a public key where they are entered, opened only inside the processes that use them."""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runtime.security.private_files import write_new
from runtime.security.redaction import remember
from schemas.settings import Secret

if TYPE_CHECKING:
    from nacl.public import PrivateKey


class SecretError(Exception):
    """A password could not be read. The text says where it was looked for and what to do, never the password."""


class HasSecretKey(Protocol):
    @property
    def secret_key_file(self) -> Path | None: ...


def reveal(secret: Secret, config: HasSecretKey) -> str:
    """The password in clear, which no text of this process shows from now on. Raises `SecretError`."""
    value = _found(secret, config)
    remember(value)
    return value


def _found(secret: Secret, config: HasSecretKey) -> str:
    if secret.env is not None:
        return _from_environment(secret.env)
    if secret.file is not None:
        return _from_file(Path(secret.file))
    return unseal(secret.sealed or "", config.secret_key_file)


def seal(value: str, public_key: str) -> Secret:
    """The password as a sealed box for the holder of the private key. `public_key`: base64, as `make_keys` gives it."""
    from nacl.exceptions import CryptoError
    from nacl.public import PublicKey, SealedBox

    remember(value)
    try:
        box = SealedBox(PublicKey(base64.b64decode(public_key, validate=True)))
    except (ValueError, CryptoError):
        raise SecretError("the public key is not one: 32 bytes in base64 are expected") from None
    return Secret(sealed=base64.b64encode(box.encrypt(value.encode())).decode())


def make_keys(path: Path) -> str:
    """Writes a new private key (mode 600) to `path` and its public key to `path`.pub; returns the public key in base64.

    Raises `FileExistsError` rather than replace a key: what is sealed for the old one could never be opened again.
    """
    from nacl.public import PrivateKey

    key = PrivateKey.generate()
    public = base64.b64encode(bytes(key.public_key)).decode()
    private = base64.b64encode(bytes(key)).decode()
    remember(private)
    write_new(path, private + "\n")
    path.with_name(path.name + ".pub").write_text(public + "\n")
    return public


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SecretError(f"environment variable {name} is not set; set it for this process")
    return value


def _from_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SecretError(
            f"password file {path} cannot be read ({error.strerror}); mount it for this process"
        ) from None
    except UnicodeDecodeError:
        raise SecretError(f"password file {path} is not UTF-8 text") from None


def unseal(sealed: str, key_file: Path | None) -> str:
    """What was sealed for the holder of the private key in that file. Raises `SecretError`."""
    from nacl.exceptions import CryptoError
    from nacl.public import SealedBox

    if key_file is None:
        raise SecretError("a password is sealed and there is no key to open it: set MAILCALL_SECRET_KEY_FILE")
    box = SealedBox(_private_key(key_file))
    try:
        return box.decrypt(base64.b64decode(sealed, validate=True)).decode()
    except (ValueError, CryptoError):
        raise SecretError(f"a sealed password does not fit the key in {key_file}; enter the password again") from None


def seal_for_us(value: str, key_file: Path) -> str:
    """The text sealed for the processes that share this private key, in base64. Raises `SecretError`."""
    from nacl.public import SealedBox

    box = SealedBox(_private_key(key_file).public_key)
    return base64.b64encode(box.encrypt(value.encode())).decode()


def _private_key(key_file: Path) -> "PrivateKey":
    from nacl.exceptions import CryptoError
    from nacl.public import PrivateKey

    key = _from_file(key_file)
    remember(key)
    try:
        return PrivateKey(base64.b64decode(key, validate=True))
    except (ValueError, CryptoError):
        raise SecretError(f"{key_file} holds no private key: 32 bytes in base64 are expected") from None
