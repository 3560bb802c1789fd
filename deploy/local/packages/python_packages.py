"""Packages that tests need and the environment cannot hold: fetched once from PyPI into a folder of their own.

Amazon's signer for log-in at MSK holds python-dateutil below 3, and would take that down for everything else.
Microsoft's client of Graph, which drives our fake of it, has 240 MB.
"""

import hashlib
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.packages.jars import cache_directory, locked

_REQUIREMENTS = Path(__file__).parents[3] / "requirements"


def fetch_packages(name: str) -> Path:
    """What requirements/NAME.txt lists: the folder to put on Python's path, downloaded where it is not there.

    Raises `NotAvailableError`.
    """
    requirements, cache = _REQUIREMENTS / f"{name}.txt", cache_directory()
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = cache / name / digest[:16]
    with locked(cache):
        if folder.exists():
            return folder
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            made = Path(directory) / "made"
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            command = [*install, "--require-hashes", "--requirement", str(requirements), "--target", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotAvailableError(f"pip could not fetch what {requirements.name} lists:\n{done.stderr[-2000:]}")
            made.rename(folder)
    return folder


fetch_signer = partial(fetch_packages, "msk")
fetch_graph_client = partial(fetch_packages, "msgraph")
