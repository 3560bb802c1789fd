"""The blob store, for what is too large for a topic (claim check): messages above 700 kB, attachments.

The content gives the key.
"""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from runtime.outages import OutageError
from runtime.security.private_files import private_directory
from schemas.reasons import Reason

_PIECE_BYTES = 1_000_000
_DIRECTORY = "sha256"
_KEY = re.compile(r"^sha256/[0-9a-f]{2}/[0-9a-f]{64}$")


class BlobMissingError(Exception):
    """The store is available and has no such blob, or the key is none of ours."""


class BlobStore:
    """Blobs behind a URL: `file:///path`, `s3://bucket/prefix`, `gs://`, `az://`; credentials from the environment."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _store(self) -> Any:
        from obstore.store import LocalStore, from_url  # here: a process that meets no blob need not load it

        if self._url.startswith("file:"):
            root = Path(unquote(urlsplit(self._url).path))
            private_directory(root / _DIRECTORY)  # ours alone, while others may keep things beside it
            return LocalStore.from_url(self._url)
        return from_url(self._url)

    def put(self, data: bytes, sha256: str = "") -> str:
        """Stores the bytes and returns their key, `sha256/<2 digits>/<64 digits>`; the same bytes give the same key.

        `sha256`: of the bytes, in hexadecimal, where it is known already. Raises `OutageError` (BLOB_STORE_AWAY).
        """
        key = key_of(sha256 or hashlib.sha256(data).hexdigest())
        try:
            self._store.put(key, data)
        except Exception as error:
            raise self._away(error) from error
        return key

    def put_file(self, file: BinaryIO) -> str:
        """`put` for what a file holds from its beginning on, however large. Raises `OutageError` (BLOB_STORE_AWAY)."""
        file.seek(0)
        state = hashlib.sha256()
        while piece := file.read(_PIECE_BYTES):
            state.update(piece)
        key = key_of(state.hexdigest())
        file.seek(0)
        try:
            self._store.put(key, file)
        except Exception as error:
            raise self._away(error) from error
        return key

    def get(self, key: str) -> bytes:
        """The bytes under the key. Raises `BlobMissingError`, `OutageError` (BLOB_STORE_AWAY)."""
        if not _KEY.match(key):
            raise BlobMissingError("the key is not of the form sha256/<2 digits>/<64 digits>")
        try:
            return bytes(self._store.get(key).bytes())
        except FileNotFoundError:
            raise BlobMissingError(f"the blob store holds no {key}") from None
        except Exception as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> OutageError:
        """Whatever a store raises other than "not found" is a failure that the next record would meet, too.

        Its text is shown only where it is a directory: elsewhere it may hold a URL with a token.
        """
        kind = type(error).__name__
        first_line = str(error).partition("\n")[0][:300]
        why = f"{self._url}: {first_line}" if self._url.startswith("file:") else kind
        return OutageError(Reason.BLOB_STORE_AWAY, f"the blob store does not answer ({why})")


def digest_of(key: str) -> str:
    """SHA-256 (hexadecimal) of the blob under that key."""
    return key.rpartition("/")[2]


def key_of(digest: str) -> str:
    """The key of the bytes with this SHA-256 (hexadecimal), whether they are stored or not."""
    return f"{_DIRECTORY}/{digest[:2]}/{digest}"
