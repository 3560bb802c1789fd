"""`python -m tests.resolver.misbehaving`: a reading child that does what a mail asks for, and reads all others."""

import os
import re
import signal
from pathlib import Path

from resolver.examine import examine
from resolver.resolve import Examined
from resolver.sandbox import child
from resolver.sandbox.child import MEMORY_BYTES, serve

_ASKED = re.compile(rb"please (\w+) *(\S*)")


def burn(_: Path) -> None:
    while True:
        pass


def devour(_: Path) -> None:
    bytes(2 * MEMORY_BYTES)


def die(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(file: Path) -> None:
    if not file.exists():
        file.touch()
        die(file)


def hang(_: Path) -> None:
    signal.pause()


def fail(word: Path) -> None:
    raise ValueError(word)


def tell(file: Path) -> None:
    """Which process this is."""
    new = file.with_suffix(".new")
    new.write_text(str(os.getpid()))
    new.rename(file)


def count(file: Path) -> None:
    """How often mails with this file were read: one byte each time."""
    with file.open("ab") as times:
        times.write(b".")


def tell_and_burn(file: Path) -> None:
    tell(file)
    burn(file)


ACTS = {act.__name__: act for act in (burn, devour, die, die_once, hang, fail, tell, count, tell_and_burn)}


def act_and_examine(raw: bytes, own: frozenset[str]) -> Examined:
    for name, file in _ASKED.findall(raw):
        ACTS[name.decode()](Path(file.decode()))
    return examine(raw, own)


if __name__ == "__main__":
    child.CPU_SECONDS = 0.2  # what burns for ever need not burn long
    serve(act_and_examine)
