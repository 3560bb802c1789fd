"""Passwords, sealed for the processes that use them: what is sealed here cannot be opened here."""

from collections.abc import Callable
from pathlib import Path

from console.errors import Remedy, UserError
from runtime.secrets import SecretError, make_keys, seal
from runtime.token_keys import make_token_key, read_token_keys
from schemas.settings import Secret
from schemas.tokens import TokenKeys


def new_keys(path: Path) -> str:
    """Make a key pair: the private key at `path`, the public one at `path`.pub; returns that. Raises `UserError`."""
    try:
        return make_keys(path)
    except FileExistsError:
        raise UserError(
            f"{path} exists already", "choose another file: what is sealed for a key can only be opened with that key"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "choose a folder that you may write to"
        ) from None


def new_token_key(path: Path) -> None:
    """Make a file with a new token key. Raises `UserError`."""
    try:
        make_token_key(path)
    except FileExistsError:
        raise UserError(
            f"{path} exists already",
            "choose another file; to replace a key, put the new one on the first line and leave the old one below",
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}", "choose a folder that you may write to"
        ) from None


def sealer(public_key_file: Path) -> Callable[[str], Secret]:
    """Seals with the public key in this file what is not `unfit`. Raises `UserError`, and sealing `SecretError`."""
    try:
        public_key = public_key_file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UserError(
            f"the public key {public_key_file} cannot be read: {error.strerror}",
            Remedy.MAKE_PUBLIC_KEY,
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{public_key_file} holds no public key", "name the file that ends in .pub") from None

    return lambda password: seal(password, public_key)


def unfit(password: str, *, of_lines: bool = False) -> tuple[str, str] | None:
    """Why no mail server can be told this password, and what to do; None where it can. Never the password.

    `of_lines`: it is a certificate with its key, and told to nobody.
    """
    if "\0" in password or (not of_lines and any(character in password for character in "\r\n")):
        return "the password holds a line end or a NUL, which no mail server can be told", "enter it without"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "the password is no Unicode text", "enter it in UTF-8"
    return None


def token_keys(path: Path | None) -> TokenKeys:
    """Those that tokens of mails are checked with, none where there is no file. Raises `UserError`."""
    try:
        return read_token_keys(path)
    except SecretError as error:
        raise UserError(f"MAILCALL_TOKEN_KEY_FILE: {error}", "or leave it out: then no token is checked") from None
