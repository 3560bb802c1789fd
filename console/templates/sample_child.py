"""`python -m console.templates.sample_child`: fills message templates within limits (`runtime/child/limits.py`)."""

from collections.abc import Iterator

from outbound.render import Rendered, RenderError, fill, source_of
from runtime.child import limits
from runtime.child.template_checks import CPU_SECONDS, MEMORY_BYTES
from schemas.events import NotificationRequested
from schemas.settings import Format, MessageTemplate
from schemas.template_language import TemplateFault, compiled, faults

Question = tuple[MessageTemplate, NotificationRequested]
Answer = tuple[tuple[TemplateFault, ...], Rendered | None]


def fill_sample(_given: None, question: Question) -> Iterator[Answer]:
    """Everything that is wrong with the template, or the mail that it makes."""
    limits.limit_cpu(CPU_SECONDS)
    template, request = question
    found = tuple(faults(template))
    if found:
        yield found, None
        return
    try:
        yield (), fill(source_of(template), _with_names(template, request), Format.HTML)
    except RenderError as error:
        yield (TemplateFault("text", None, str(error)),), None


def _with_names(template: MessageTemplate, request: NotificationRequested) -> NotificationRequested:
    """With every name that the template uses; one that the request does not bring stands for itself."""
    parts = (template.subject, False), (template.text, False), (template.html or "", True)
    names = {name for source, html in parts for name in compiled(source, html).times}
    given = {"recipient_name": request.recipient_name, **request.data}
    return request.model_copy(update={"data": {name: f"({name})" for name in names} | given})


if __name__ == "__main__":
    limits.serve(fill_sample, MEMORY_BYTES)
