"""TLS as a client: contexts that verify certificate and host name, and whose files may be replaced meanwhile."""

import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def trusting(ca_file: str | None, minimum_tls: str = "1.2") -> ssl.SSLContext:
    """Trusts the authority in `ca_file` alone where that is set, else those of the system.

    Shared by all that trust the same, since loading the system's authorities takes time and a megabyte. Raises
    `OSError`, `ValueError` where `ca_file` cannot be used.
    """
    return _context(ca_file, _changed(ca_file), minimum_tls)


def _changed(ca_file: str | None) -> int:
    """When the file was changed, in nanoseconds: a new authority is taken up without a restart."""
    return Path(ca_file).stat().st_mtime_ns if ca_file else 0


@lru_cache(maxsize=64)
def _context(ca_file: str | None, _changed: int, minimum_tls: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = _VERSIONS[minimum_tls]
    return context


class FreshContext(ssl.SSLContext):
    """Of all connections to brokers, by either client: for the next one it reads its files again if they have changed.

    An authority that is no longer in its file stays trusted until the process ends: OpenSSL only adds to a context.
    """

    _ca: Path | None
    _certificate: Path | None
    _key: Path | None
    _lock: threading.Lock
    _seen: tuple[int, ...] = ()  # when the files were changed that are read

    @classmethod
    def of(cls, ca_file: Path | None, certificate_file: Path | None = None, key_file: Path | None = None) -> Self:
        """Raises `OSError` (`ssl.SSLError`) or `ValueError` where a file cannot be used."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context._ca, context._certificate, context._key = ca_file, certificate_file, key_file
        context._lock = threading.Lock()
        if ca_file is None:
            context.load_default_certs()
        context._refresh()
        return context

    def wrap_socket(self, *arguments: Any, **settings: Any) -> ssl.SSLSocket:
        """For kafka-python, which makes the handshake later."""
        with self._lock:
            self._refresh()
            return super().wrap_socket(*arguments, **settings)

    def wrap_bio(self, *arguments: Any, **settings: Any) -> ssl.SSLObject:
        """For asyncio, and so for aiokafka."""
        with self._lock:
            self._refresh()
            return super().wrap_bio(*arguments, **settings)

    def _refresh(self) -> None:
        files = [file for file in (self._ca, self._certificate, self._key) if file]
        seen = tuple(file.stat().st_mtime_ns for file in files)
        if seen == self._seen:
            return
        if self._ca:
            self.load_verify_locations(self._ca)
        if self._certificate:
            self.load_cert_chain(self._certificate, self._key, _no_password)
        self._seen = seen


def _no_password() -> str:
    """Without it OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted")
