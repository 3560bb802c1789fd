"""TLS as a client: contexts that verify certificate and host name."""

import ssl
from functools import lru_cache
from pathlib import Path

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def trusting(ca_file: str | None, minimum_tls: str = "1.2") -> ssl.SSLContext:
    """Trusts the authority in `ca_file` alone where that is set, else those of the system.

    Shared by all who trust the same, since loading the system's authorities takes time and a megabyte. Raises
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
