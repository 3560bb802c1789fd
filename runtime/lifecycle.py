"""From start to exit of a process: configuration, logs, signals, health server, exit code."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from runtime.config import ProcessConfig, fail, load_config
from runtime.garbage import collect_seldom
from runtime.security.private_files import keep_private
from runtime.telemetry import traces
from runtime.telemetry.health import Health, HealthServer
from runtime.telemetry.logs import configure, get_logger
from runtime.telemetry.metrics import BUILD_INFO
from runtime.version import VERSION

C = TypeVar("C", bound=ProcessConfig)

DONE = 0
FAILED = 1
TOO_MANY_DEAD_LETTERS = 3


class StopProcess(Exception):  # noqa: N818 - it is no defect of the program
    """Ends the process with an exit code; the text says why and what to do."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def run(
    program: str,
    cls: type[C],
    main: Callable[[C, threading.Event, Health], None],
    argv: Sequence[str] | None = None,
) -> int:
    """Runs `main(config, stop, health)` until it returns; gives the exit code: 0 after a stop, 1 or 3 after a failure.

    SIGTERM and SIGINT make the process not ready and set `stop`; `main` then finishes its batch and returns.
    A wrong configuration exits with 2 before anything starts.
    """
    collect_seldom()
    keep_private()
    config = load_config(cls, program, argv)
    configure(program, config.log_level)
    log = get_logger(program)
    try:
        traces.start(program, config.topic_prefix)
    except traces.TracesError as error:
        fail(program, str(error))
    health = Health(config.stall_seconds)
    # Every process reads topics. Said before all else: once another condition holds, it would be ready for a moment.
    health.ready("assignment", False, "no partitions yet")
    BUILD_INFO.labels(program, VERSION).set(1)
    stop = threading.Event()
    _stop_on_signals(stop, health)
    server = _health_server(program, config, health)
    log.info("started")
    try:
        main(config, stop, health)
    except StopProcess as reason:
        log.error("stopped", why=str(reason))
        return reason.exit_code
    except Exception:
        log.exception("failed")
        return FAILED
    finally:
        stop.set()
        if server:
            server.close()
        traces.stop()
    log.info("done")
    return DONE


@contextmanager
def beside(loop: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Runs a second loop of the process in a thread until the block ends; `loop` returns after `stop`.

    What it raises ends the process: `stop` is set, and it is raised at the end of the block.
    """
    failures: list[BaseException] = []

    def body() -> None:
        try:
            loop()
        except BaseException as error:  # raised again below, in the main thread
            failures.append(error)
            stop.set()

    thread = threading.Thread(target=body, name="beside")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def _health_server(program: str, config: ProcessConfig, health: Health) -> HealthServer | None:
    """The started server, if there is to be one. Exits with 2 where the address cannot be had."""
    if config.metrics_port is None:
        return None
    try:
        return HealthServer(health, config.metrics_host, config.metrics_port).start()
    except (OSError, UnicodeError) as error:  # the latter: a host that is no name at all
        fail(
            program,
            f"MAILCALL_METRICS_HOST and MAILCALL_METRICS_PORT: {config.metrics_host}:{config.metrics_port} cannot be "
            f"listened on ({getattr(error, 'strerror', None) or error}); name another port, 0 for any free one, or off",
        )


def _stop_on_signals(stop: threading.Event, health: Health) -> None:
    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        health.ready("process", False, "stopping")
        # Not set here: the main thread may hold the event's lock at this very moment, and this runs in the main thread.
        threading.Thread(target=stop.set, name="stop", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
