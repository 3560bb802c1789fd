"""What was entered in a form about access, and what is wrong with it."""

from collections.abc import Iterable
from dataclasses import replace

from console.errors import UserError
from console.web.forms import Field, told
from console.web.render import PageError

CHANGED = "Somebody else changed it in the meantime: what is shown now is theirs. Enter your change again."


def page_errors(error: UserError, field: str) -> list[PageError]:
    """At the field that it is about; at this one where it names none."""
    return [PageError(one.place or field, told(one.cause, one.remedy)) for one in error.problems]


def with_errors(field: Field, errors: Iterable[PageError]) -> Field:
    return replace(field, errors=tuple(error.text for error in errors if error.field == field.name))
