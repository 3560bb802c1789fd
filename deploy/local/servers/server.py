"""What all servers that are started here have in common: a directory, one child process, a port that opens."""

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.child import STOP_SECONDS, Child
from deploy.local.ports import HOST


class Server(ABC):
    """`stop` or `kill`, then `start` again: the same ports, the same data. A directory that was given is kept at the
    end, a temporary one is removed. As a context manager it runs from the beginning to the end of the block.
    """

    name: str
    start_seconds = 180.0
    stop_seconds = STOP_SECONDS
    host = HOST

    def __init__(self, directory: Path | None = None) -> None:
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix=f"mailcall-{self.name}-")) if directory is None else directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self._child: Child | None = None
        self._pid: int | None = None  # of a copy in another process

    def __getstate__(self) -> dict[str, object]:
        """For another process: a copy that knows where the server is, and cannot end it or remove its files."""
        return {**self.__dict__, "_child": None, "_temporary": False, "_pid": self.pid}

    @abstractmethod
    def _prepare(self) -> Child:
        """Make ready what the first start needs, and say what to start."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether it serves. Asked every few milliseconds after a start."""

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else self._pid

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    def start(self) -> None:
        """Ready when it returns. Raises `NotAvailableError` or `StartError`."""
        if self._child is None:
            self._child = self._prepare()
        self._child.start()
        self._child.wait_ready(self._ready, self.start_seconds)

    def stop(self) -> None:
        if self._child:
            self._child.stop(self.stop_seconds)

    def kill(self) -> None:
        """SIGKILL, for tests of what the server's death does."""
        if self._child:
            self._child.kill()

    def close(self) -> None:
        """Stop it, and remove its directory where that is a temporary one."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
