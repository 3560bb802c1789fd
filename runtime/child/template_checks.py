"""Message templates checked in a child process, before any is compiled in a process that has other work to do.

The child is `python -m runtime.child.template_checks`.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from runtime.child import limits
from runtime.child.process import ChildEndedError, ChildProcess, Limit
from schemas.settings import MessageTemplate
from schemas.template_language import check

CPU_SECONDS = 2.0  # per template
MEMORY_BYTES = 128 << 20  # more than the child has when it is ready
COMMAND = (sys.executable, "-m", "runtime.child.template_checks")
PATIENCE_SECONDS = 30.0  # only for a child that hangs without using CPU
_ENDED = {
    Limit.CPU: f"it takes more than {CPU_SECONDS:.0f} s of CPU: shorten it",
    Limit.MEMORY: f"it takes more than {MEMORY_BYTES >> 20} MiB: shorten it",
    Limit.TIME: f"it is not done within {PATIENCE_SECONDS:.0f} s: shorten it",
    Limit.CRASH: "it ends the process that tries it out: shorten it",
}


class TemplateChecker:
    """What is known of templates: each version is checked once. For one thread.

    `command` starts the child, which runs only while there is something to check.
    """

    def __init__(self, command: Sequence[str] = COMMAND, patience: float = PATIENCE_SECONDS) -> None:
        self._command = command
        self._patience = patience
        self._known: dict[MessageTemplate, str | None] = {}

    def faults(self, templates: Iterable[MessageTemplate]) -> dict[str, str]:
        """By the id of each template that cannot be used: why. Forgets all templates but these.

        Raises `OutageError` where no child can be started.
        """
        asked = tuple(templates)
        child = TemplateChild(self._command, self._patience)
        try:
            self._known = {
                one: self._known[one] if one in self._known else _fault(child, one) for one in dict.fromkeys(asked)
            }
        finally:
            child.end()
        return {one.id: fault for one in asked if (fault := self._known[one])}


def _fault(child: "TemplateChild", template: MessageTemplate) -> str | None:
    try:
        fault: str | None
        [fault] = child.ask(template)
        return fault
    except TemplateLimitError as error:
        return str(error)


class TemplateLimitError(Exception):
    """A template that took more than its share. The text says of what, and what to do."""


class TemplateChild:
    """The child process, started when it is needed and again after a template that ended it. For one thread."""

    def __init__(self, command: Sequence[str] = COMMAND, patience: float = PATIENCE_SECONDS) -> None:
        self._command = command
        self._patience = patience
        self._process: ChildProcess | None = None

    def ask(self, question: Any) -> list[Any]:
        """The child's results. Raises `TemplateLimitError`; `OutageError` where no child can be started.

        A template is at fault past the CPU limit, or at the end of two children: something else may have ended the
        first.
        """
        for last in (False, True):
            self._process = self._process or ChildProcess(
                self._command, self._patience, None, "tries out message templates"
            )
            try:
                return self._process.ask(question)
            except ChildEndedError as end:
                self._process = None
                limit = end.limit
            if last or limit is Limit.CPU:
                break
        raise TemplateLimitError(_ENDED[limit])

    def end(self) -> None:
        if self._process:
            self._process.end()


def check_template(_given: None, template: MessageTemplate) -> Iterator[str | None]:
    limits.limit_cpu(CPU_SECONDS)
    yield check(template)


if __name__ == "__main__":
    limits.serve(check_template, MEMORY_BYTES)
