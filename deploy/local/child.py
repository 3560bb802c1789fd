"""One operating-system process started here: its own log file and process group, and it never outlives its parent."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local import StartError
from deploy.local.account import Account
from deploy.local.ports import wait_until

STOP_SECONDS = 10.0
_REAPER = Path(__file__).with_name("reaper.py")


class Child:
    """One process. `start` and `stop` may be called again and again; `pid` is None while it does not run.

    `stop_signal` asks it to end in order; after `STOP_SECONDS`, or the time given to `stop`, it is killed, and with it
    whatever is left of its group.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = environment
        self._account = account
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended last (negative: by that signal), None while it runs or has never run."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        account = self._account
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self._environment is None else dict(self._environment),
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                umask=0o077 if account else -1,
                cwd="/" if account else None,  # it may not be allowed to stand where root stands
            )
        _Reaper.tell(f"+ {self._process.pid} {self._stop_signal.value}")

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()` says so. Raises `StartError` with the end of its log where it ends before that, or is
        not ready in time; then it no longer runs.
        """
        if wait_until(lambda: self.pid is None or ready(), seconds) and self.pid:
            return
        what = f"was not ready after {seconds:.0f} s" if self.pid else f"ended with exit code {self.exit_code}"
        self.stop()
        raise StartError(f"{self.name} {what}; {self.log} ends:\n{self.log_tail()}")

    def wait(self, seconds: float) -> int | None:
        """Wait until it ends on its own: its exit code, or None where it still runs after that time."""
        return _wait(self._process, seconds) if self._process else None

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it in order, else by force. Nothing happens where it has never been started."""
        if self._process:
            self._process.send_signal(self._stop_signal)
            self.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and its whole process group at once (SIGKILL)."""
        process = self._process  # another thread may start it again as soon as it is gone
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left; macOS says so with PermissionError
        _wait(process, STOP_SECONDS)

    def log_tail(self, lines: int = 15) -> str:
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        exit_code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    _Reaper.tell(f"- {process.pid}")
    return exit_code


def reaper_pid() -> int | None:
    """The process that ends what this one leaves behind; None where nothing has been started here."""
    return _Reaper.pid()


class _Reaper:
    """The one `reaper.py` process of this process; a forked copy of this process starts its own."""

    _lock = threading.Lock()
    _process: subprocess.Popen[bytes] | None = None  # kept, so that the pipe stays open
    _pipe: int | None = None
    _owner = 0

    @classmethod
    def pid(cls) -> int | None:
        return cls._process.pid if cls._process and cls._owner == os.getpid() else None

    @classmethod
    def tell(cls, line: str) -> None:
        with cls._lock:
            if cls._pipe is None or cls._owner != os.getpid():
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", _REAPER, str(os.getpid())],
                    stdin=subprocess.PIPE,
                    start_new_session=True,
                    bufsize=0,
                )
                assert process.stdin is not None
                cls._pipe, cls._owner = process.stdin.fileno(), os.getpid()
                cls._process = process
            os.write(cls._pipe, line.encode() + b"\n")
