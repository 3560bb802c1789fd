"""Where the tests put their temporary files: `python -m deploy.local.memory` says it, for TMPDIR.

In memory where there is room for a whole run: a broker flushes each of hundreds of files that it makes for a test, and
SQLite each commit, and on a disk that is half of what these tests take. Nothing of it has to survive the machine.
"""

import os
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 << 30  # what a run writes, its programs beside it


def temporary_directory(memory: Path = MEMORY, room_bytes: int = ROOM_BYTES) -> Path:
    """`memory` where it has that much room, the machine too, and programs may run from it; else the usual directory.

    What the environment has named is kept to.
    """
    if "TMPDIR" not in os.environ and memory.is_dir() and _runs_programs(memory) and _room_bytes(memory) >= room_bytes:
        return memory
    return Path(tempfile.gettempdir())


def _runs_programs(directory: Path) -> bool:
    """Whether it is not mounted `noexec`, as containers have it: some tests install programs."""
    return not os.statvfs(directory).f_flag & getattr(os, "ST_NOEXEC", 0)


def _room_bytes(directory: Path) -> int:
    found = os.statvfs(directory)
    return min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)


if __name__ == "__main__":
    print(temporary_directory())
