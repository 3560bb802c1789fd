"""`python -m tests.runtime.misbehaving_templates`: a trial child that does what a template asks for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from runtime.child import limits as bounded_child
from runtime.child import template_checks as template_child
from runtime.child.template_checks import MEMORY_BYTES, check_template
from schemas.settings import MessageTemplate


def burn() -> None:
    while True:
        pass


def devour() -> None:
    bytes(2 * MEMORY_BYTES)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    signal.pause()


def act_and_try_out(given: None, template: MessageTemplate) -> Iterator[str | None]:
    """The subject is what to do; the text a file that has a line for each time it was done, or "" ."""
    told, act = Path(template.text), template.subject
    if told.is_absolute():
        with told.open("a") as file:
            file.write(f"{template.id}\n")
    if act == "die-once" and len(told.read_text().splitlines()) == 1:
        die()
    bounded_child.limit_cpu(template_child.CPU_SECONDS)
    if act in ACTS:
        ACTS[act]()
    yield from check_template(given, template)


ACTS = {act.__name__: act for act in (burn, devour, die, hang)}

if __name__ == "__main__":
    template_child.CPU_SECONDS = 0.2  # what burns for ever need not burn long
    bounded_child.serve(act_and_try_out, MEMORY_BYTES)
