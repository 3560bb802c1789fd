"""Who may read what we write: nobody but our own user, whatever the umask, and whatever an earlier release left."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from desk.engine import open_desk, read_transaction, write_transaction
from runtime.blobs import BlobStore

PROCESS = """
import os, sys
from pathlib import Path
os.umask(0)
from runtime.blobs import BlobStore
from runtime.config import ProcessConfig
from runtime.lifecycle import run

def main(config, stop, health):
    BlobStore(config.blob_url).put(b"mail")
    Path("beside").mkdir()
    Path("beside", "file").write_text("x")

sys.exit(run("test", ProcessConfig, main, []))
"""


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.rglob("*")}


def test_whatever_a_process_writes_is_its_users_alone(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILCALL_")}
    environment |= {"MAILCALL_METRICS_PORT": "off", "PYTHONPATH": str(Path.cwd()), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", PROCESS], cwd=tmp_path, env=environment, check=True, timeout=60)
    modes = _modes(tmp_path)
    assert {"blobs", "sha256", "beside", "file"} < modes.keys()
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_command_of_the_console_writes_for_its_user_alone(tmp_path: Path) -> None:
    key = tmp_path / "key"
    code = "import os; os.umask(0); from console.cli import main; main()"
    command = [sys.executable, "-c", code, "secrets", "make-keys", "key"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path.cwd())}, check=True, timeout=60)
    assert key.exists()
    assert set(_modes(tmp_path).values()) == {0o600}


def test_a_desk_in_a_file_and_its_journals_are_private(tmp_path: Path, open_umask: None) -> None:
    engine = open_desk(f"sqlite:///{tmp_path}/desk.db")
    with write_transaction(engine) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        assert _modes(tmp_path) == {"desk.db": 0o600, "desk.db-wal": 0o600, "desk.db-shm": 0o600}
    engine.dispose()


def test_a_desk_of_an_earlier_release_is_tightened_when_it_is_opened(tmp_path: Path, open_umask: None) -> None:
    url = f"sqlite:///{tmp_path}/desk.db"
    first = open_desk(url)
    with write_transaction(first) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    second = open_desk(url)
    with read_transaction(second) as connection:
        connection.execute(text("SELECT * FROM t"))
        assert set(_modes(tmp_path).values()) == {0o600}
    first.dispose()
    second.dispose()


def test_opening_a_desk_takes_no_lock_from_another_connection_of_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/desk.db"
    first, second = open_desk(url), open_desk(url)
    with write_transaction(first) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        before = _locks(tmp_path / "desk.db")
        with read_transaction(second) as other:
            other.execute(text("SELECT 1"))
            assert _locks(tmp_path / "desk.db") >= before > 0
    first.dispose()
    second.dispose()


def _locks(path: Path) -> int:
    """How many locks of this process the kernel names for a file."""
    lines = Path("/proc/locks").read_text().splitlines()
    inode = f":{path.stat().st_ino}"
    return sum(line.split()[-3].endswith(inode) and line.split()[-4] == str(os.getpid()) for line in lines)


@pytest.mark.parametrize("existing", [None, 0o755])
def test_nobody_else_gets_to_a_blob(tmp_path: Path, open_umask: None, existing: int | None) -> None:
    root = tmp_path / "the blobs"
    if existing:
        (root / "sha256").mkdir(existing, parents=True)
    key = BlobStore(root.as_uri()).put(b"mail")
    assert BlobStore(root.as_uri()).get(key) == b"mail"
    assert _modes(tmp_path)["sha256"] == 0o700


def test_what_stands_beside_the_blobs_is_left_as_it_is(tmp_path: Path, open_umask: None) -> None:
    tmp_path.chmod(0o755)
    BlobStore(tmp_path.as_uri()).put(b"mail")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
