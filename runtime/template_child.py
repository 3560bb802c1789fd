"""`python -m runtime.template_child`: tries out message templates within limits (`runtime/bounded_child.py`)."""

from collections.abc import Iterator

from runtime import bounded_child
from schemas.settings import MessageTemplate
from schemas.template_language import check

CPU_SECONDS = 2.0  # a template
MEMORY_BYTES = 128 << 20  # more than the process has when it is ready


def try_out(_given: None, template: MessageTemplate) -> Iterator[str | None]:
    bounded_child.limit_cpu(CPU_SECONDS)
    yield check(template)


if __name__ == "__main__":
    bounded_child.serve(try_out, MEMORY_BYTES)
