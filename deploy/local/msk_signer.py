"""Amazon's signer for log-in at MSK by IAM: fetched once from PyPI into a folder of its own, with what it needs.

It holds python-dateutil below 3, and would take that down for everything else.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.jars import cache_directory, locked

_REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "msk.txt"


def fetch_signer() -> Path:
    """The folder to put on Python's path, downloaded where it is not there. Raises `NotAvailableError`."""
    cache = cache_directory()
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    folder = cache / "msk" / digest[:16]
    with locked(cache):
        if folder.exists():
            return folder
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
            made = Path(directory) / "made"
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            command = [*install, "--require-hashes", "--requirement", str(_REQUIREMENTS), "--target", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotAvailableError(f"pip could not fetch the signer of Amazon's MSK:\n{done.stderr[-2000:]}")
            made.rename(folder)
    return folder
