"""Servers that only Debian's packages bring: found where they are installed, installed where this program is root."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from platform import freedesktop_os_release

from deploy.local import NotAvailableError
from deploy.local.packages.jars import cache_directory, locked

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
    _run(program, ["apt-get", "update"], command)
    found = _find(program, files)
    if not found:
        raise NotAvailableError(f"{program} is not there although {', '.join(packages)} are installed")
    return found


def find_mbsync() -> Path:
    """mbsync of isync, which people move mailboxes with.

    Installed where this is root on Debian. Raises `NotAvailableError`.
    """
    return need("mbsync", (), ("isync",))


def find_kcat() -> Path:
    """kcat, the Kafka client that docs/integrate.md shows.

    Installed where this is root on Debian. Raises `NotAvailableError`.
    """
    return need("kcat", (), ("kcat",))


def find_text_reader() -> Path:
    """S-nail, installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("s-nail", (), ("s-nail",))


def find_browser() -> Path:
    """Chromium without windows, which takes a quarter of the time that one with them takes to show a page.

    Installed where this is root on Debian. Raises `NotAvailableError`.
    """
    return need("chromium-headless-shell", (), ("chromium-headless-shell", "fonts-liberation"))


def unpack(package: str, libraries: Sequence[str]) -> Path:
    """The files of a package that cannot be installed beside another one, under the folder that is returned.

    Its libraries are installed. Raises `NotAvailableError`: root and Debian are needed.
    """
    folder = cache_directory() / package
    if folder.exists():
        return folder
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *libraries]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotAvailableError(f"{package} is needed: as root on Debian it is unpacked into {folder}")
    with tempfile.TemporaryDirectory(dir=cache_directory()) as name:
        fresh = Path(name)
        download = [
            "sh",
            "-c",
            'cd "$0" && apt-get download "$1" && dpkg-deb --extract "$1"_*.deb files',
            name,
            package,
        ]
        _run(package, ["apt-get", "update"], install, download)
        _put_in_place(fresh / "files", folder)
    return folder


def unpack_with_needs(name: str, packages: Sequence[str]) -> Path:
    """The files of the packages, and of what they depend on and this machine lacks, under the folder that is returned.

    Nothing is installed and no root is needed; the versions are those of the machine's release. Raises
    `NotAvailableError`.
    """
    if not shutil.which("apt-get"):
        raise NotAvailableError(f"{name} comes from Debian's packages, and this machine has no apt-get")
    made_of = "\n".join((freedesktop_os_release().get("VERSION_ID", "testing"), *packages))
    folder = cache_directory() / "debian" / f"{name}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    print(f"Fetching {name} from Debian's packages into {folder.parent}, once ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        files = Path(fresh) / "files"
        for needed in ("lists", "cache/archives"):
            (Path(fresh) / needed / "partial").mkdir(parents=True)
        own = [f"-oDir::State::Lists={fresh}/lists", f"-oDir::Cache={fresh}/cache", "-oDebug::NoLocking=1"]
        apt = ["apt-get", "--yes", *own, "-oAPT::Sandbox::User="]
        install = [*apt, "install", "--download-only", "--no-install-recommends", *packages]
        extract = ["sh", "-c", 'for one in "$0"/*.deb; do dpkg-deb --extract "$one" "$1" || exit; done']
        _run(name, [*apt, "update"], install, [*extract, f"{fresh}/cache/archives", str(files)])
        _put_in_place(files, folder)
    return folder


def _put_in_place(files: Path, folder: Path) -> None:
    """No program among them runs as root for everybody."""
    for file in files.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.chmod(0o755 if file.stat().st_mode & 0o111 else 0o644)
    try:
        files.rename(folder)
    except OSError:
        pass  # another process was faster


def need_module(
    module: str, requirements: Path, *, compiler: str, headers: Sequence[Path], packages: Sequence[str]
) -> None:
    """A Python module that has to be compiled. Builds it where that can be done: this Python has it then.

    Raises `NotAvailableError`: what is missing, how to get it.
    """
    if find_spec(module):
        return
    need(compiler, headers, packages)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run(f"Python's {module}", [*install, "--requirement", str(requirements)])
    invalidate_caches()


def _run(needed: str, *commands: Sequence[str]) -> None:
    """One after the other, and not while another process does the same. Raises `NotAvailableError`."""
    environment = {**os.environ, **_ENVIRONMENT}
    with locked(cache_directory()):
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                raise NotAvailableError(f"`{' '.join(command)}` failed, and {needed} is needed:\n{done.stderr[-2000:]}")


def _find(program: str, files: Sequence[Path]) -> Path | None:
    found = shutil.which(program, path=SEARCH)
    return Path(found) if found and all(file.exists() for file in files) else None
