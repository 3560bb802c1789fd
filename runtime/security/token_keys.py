"""The file of token keys: one key per line, the first signs. Without one nothing is signed, and no reply is proof."""

import base64
import os
from pathlib import Path

from runtime.config import WRONG_CONFIGURATION, ProcessConfig
from runtime.lifecycle import StopProcess
from runtime.security.private_files import write_new
from runtime.security.redaction import remember
from runtime.security.sealing import SecretError
from runtime.telemetry.logs import get_logger
from schemas.tokens import MIN_KEY_BYTES, NO_KEYS, TokenKeys

log = get_logger(__name__)


def make_token_key(path: Path) -> None:
    """Writes a new key to `path` (mode 600). Raises `FileExistsError` rather than replace one."""
    key = base64.b64encode(os.urandom(MIN_KEY_BYTES)).decode()
    remember(key)
    write_new(path, key + "\n")


def read_token_keys(path: Path | None) -> TokenKeys:
    """The keys of a file, none where there is no file. Raises `SecretError`, which never quotes a key."""
    if path is None:
        return NO_KEYS
    try:
        lines = path.read_text(encoding="ascii").split()
    except OSError as error:
        raise SecretError(f"{path} cannot be read ({error.strerror}); mount it for this process") from None
    except UnicodeDecodeError:
        lines = []
    if not lines:
        raise SecretError(f"{path} holds no token key; `mailcall secrets make-token-key` creates one")
    return TokenKeys(tuple(_key(line, path) for line in lines))


def token_keys_of(config: ProcessConfig) -> TokenKeys:
    """The keys of a process, read once at its start. Raises `StopProcess` where the file cannot be used."""
    try:
        keys = read_token_keys(config.token_key_file)
    except SecretError as error:
        raise StopProcess(WRONG_CONFIGURATION, f"MAILCALL_TOKEN_KEY_FILE: {error}") from None
    if not keys.keys:
        log.warning(
            "messages are not signed, so a reply does not prove its item",
            remedy="set MAILCALL_TOKEN_KEY_FILE for outbound and resolver (`mailcall secrets make-token-key`)",
        )
    return keys


def _key(line: str, path: Path) -> bytes:
    remember(line)
    try:
        key = base64.b64decode(line, validate=True)
    except ValueError:
        key = b""
    if len(key) < MIN_KEY_BYTES:
        raise SecretError(f"a line of {path} is no token key: {MIN_KEY_BYTES} bytes or more in base64 are expected")
    return key
