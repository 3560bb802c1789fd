"""Makes the virtual environment: `python make_venv.py DIRECTORY STAMP`. Standard library only: it is the first to run.

Two at once do not disturb one another: the second waits, and finds the work done.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
PROJECT = ROOT / "pyproject.toml"


def make(directory: Path, stamp: Path) -> None:
    lock = ROOT / "build" / "venv.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = stamp.read_text().splitlines() if stamp.exists() else []
        requirements, project = fingerprint(REQUIREMENTS), fingerprint(PROJECT)
        if requirements not in done:
            print(f"Making {directory} with Python {sys.version.split()[0]}: about a minute, once ...", flush=True)
            create(directory)
            install(directory, ["--require-hashes", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)])
        if not {requirements, project} <= set(done):
            # compat: a package that is added later is found without a new installation.
            options = ["--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat"]
            install(directory, [*options, "--editable", str(ROOT)])
        stamp.write_text(f"{requirements}\n{project}\n")


def fingerprint(file: Path) -> str:
    """Of what is made from that file with this Python."""
    return hashlib.sha256(sys.version.encode() + file.read_bytes()).hexdigest()


def create(directory: Path) -> None:
    try:
        venv.create(directory, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, ImportError) as error:
        sys.exit(
            f"{getattr(error, 'output', None) or error}\nThis Python cannot make a virtual environment with pip in it: "
            f"on Debian and Ubuntu install python3.{sys.version_info.minor}-venv, or name another Python: "
            "make PYTHON=/path/to/python3"
        )


def install(directory: Path, arguments: list[str]) -> None:
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{done.stdout}\npip could not install what {REQUIREMENTS.relative_to(ROOT)} names, see its words above. "
            "Check the connection to the package index, behind a proxy set HTTPS_PROXY; then run make again."
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
