"""What we write is for our own user alone: directories 0700, files 0600, whatever umask the process was started with.

A process takes the umask 0077 at its start, which holds for all of its libraries. Blobs and the desk's file are also
checked by name: those of an earlier release are tightened, and so are those that other programs create with our code.
"""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600


def keep_private() -> None:
    """For the whole process, and those that it starts."""
    os.umask(_OTHERS)


def private_directory(path: Path) -> None:
    """Makes it where it is missing, with what is missing above it; takes it from others where it is ours.

    Raises `OSError` where it cannot be made.
    """
    if not path.is_dir():
        path.parent.mkdir(PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        path.mkdir(PRIVATE_DIRECTORY, exist_ok=True)
    _tighten(path)


def private_file(path: Path) -> None:
    """Makes it, empty, where it is missing; takes it from others where it is ours. Raises `OSError`.

    It is never opened: to close a file takes away the locks that this process, SQLite say, has on it.
    """
    try:
        os.mknod(path, stat.S_IFREG | _PRIVATE_FILE)
    except FileExistsError:
        _tighten(path)


def tighten_file(path: Path) -> None:
    """Takes a file from others where it is there, and ours."""
    if path.exists():
        _tighten(path)


def write_new(path: Path, text: str) -> None:
    """Writes a file that only its owner may read. Raises `FileExistsError` rather than replace one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _tighten(path: Path) -> None:
    """What belongs to somebody else is theirs to guard; so is what lies on a file system without modes."""
    try:
        seen = path.stat()
        if seen.st_uid == os.geteuid() and seen.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(seen.st_mode) & ~_OTHERS)
    except OSError:
        pass  # read-only, or without modes: to be refused for that would stop a desk that works
