"""`python -m tests.console.templates.burning`: a child that fills templates and never gets done."""

from collections.abc import Iterator

from runtime.child import limits as bounded_child
from runtime.child.template_checks import CPU_SECONDS, MEMORY_BYTES


def burn(_given: None, _question: object) -> Iterator[None]:
    bounded_child.limit_cpu(CPU_SECONDS)
    while True:
        pass
    yield


if __name__ == "__main__":
    bounded_child.serve(burn, MEMORY_BYTES)
