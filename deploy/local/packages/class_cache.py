"""Java's cache of a server's classes, loaded and linked (JEP 514): half of the CPU of each of its starts.

It is made once for a machine, by a start and an end in order.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.local.packages.jars import class_cache, fetch
from deploy.local.servers.server import Server

OPTIONS = "JDK_JAVA_OPTIONS"  # the variable of which Java takes further ones
MAKE_SECONDS = 180.0


def make_class_cache(program: str, make_server: Callable[[], Server]) -> None:
    """Of a program of `jars.PROGRAMS` as this server runs it; nothing where it is there.

    Raises `NotAvailableError` or `StartError`.
    """
    file = class_cache(fetch(program))
    if file.exists():
        return
    file.parent.mkdir(exist_ok=True)
    server = make_server()
    server.stop_seconds = MAKE_SECONDS  # it is made at the end
    before = os.environ.get(OPTIONS)
    with tempfile.TemporaryDirectory(dir=file.parent) as directory:
        made = Path(directory) / "made.aot"
        os.environ[OPTIONS] = f"-XX:AOTCacheOutput={made}"
        try:
            with server:
                pass
        finally:
            os.environ.pop(OPTIONS)
            if before is not None:
                os.environ[OPTIONS] = before
        if made.exists():
            made.rename(file)
