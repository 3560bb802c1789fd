"""Makes the virtual environment: `python make_venv.py DIRECTORY STAMP`. Standard library only: it is the first to run.

Two at once do not disturb one another: the second waits, and finds the work done.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
# compat: a package that is added later is found without a new installation.
INSTALLS = (
    ["--require-hashes", "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)],
    ["--no-deps", "--no-build-isolation", "--config-settings", "editable_mode=compat", "--editable", str(ROOT)],
)


def fingerprint() -> str:
    """Of all that the environment is made from."""
    state = hashlib.sha256(sys.version.encode())
    for file in (REQUIREMENTS, ROOT / "pyproject.toml", Path(__file__)):
        state.update(file.read_bytes())
    return state.hexdigest()


def make(directory: Path, stamp: Path) -> None:
    lock = ROOT / "build" / "venv.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == fingerprint():
            stamp.touch()
            return
        print(
            f"Making {directory} with Python {sys.version.split()[0]}; this takes about a minute, once ...", flush=True
        )
        create(directory)
        for arguments in INSTALLS:
            install(directory, arguments)
        stamp.write_text(fingerprint())


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
