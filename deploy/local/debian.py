"""Servers that only Debian's packages bring: found where they are installed, installed where this program is root."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.jars import cache_directory, locked

SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
# RUNLEVEL keeps the package from starting the server as a service of the machine.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def need(program: str, files: Sequence[Path], packages: Sequence[str]) -> Path:
    """Where the program is. `files` must be there too: a program's plug-ins may be packages of their own.

    Installs the packages where this is root on Debian. Raises `NotAvailableError`: what is missing, how to get it.
    """
    found = _find(program, files)
    if found:
        return found
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotAvailableError(f"{program} is not installed: run `{' '.join(command)}` as root on Debian")
    with locked(cache_directory()):
        for step in (["apt-get", "update"], command):
            done = subprocess.run(step, capture_output=True, text=True, env={**os.environ, **_ENVIRONMENT}, check=False)
            if done.returncode:
                raise NotAvailableError(f"`{' '.join(step)}` failed, and {program} is needed:\n{done.stderr[-2000:]}")
    found = _find(program, files)
    if not found:
        raise NotAvailableError(f"{program} is not there although {', '.join(packages)} are installed")
    return found


def _find(program: str, files: Sequence[Path]) -> Path | None:
    found = shutil.which(program, path=SEARCH)
    return Path(found) if found and all(file.exists() for file in files) else None
