"""The one base of every model that travels."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """Frozen; unknown fields are ignored, so that an older reader survives a newer writer.

    Where a person types (`mailcall apply`), validation is called with `extra="forbid"`, so that a typing error is told.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)


CONTROL_FREE = r"^[^\x00-\x1f\x7f]*$"

# One line of text, safe to stand in a header, a command or a log: no control characters (RFC 5322, section 2.2).
Line = Annotated[str, StringConstraints(pattern=CONTROL_FREE, max_length=1000)]
# The name an administrator gives to a server, template, partition or person; also a Kafka key and a file name.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", max_length=100)]
PLAIN_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

# Lines of text that somebody writes: tabs and line ends are the only control characters in them.
Text = Annotated[str, StringConstraints(pattern=PLAIN_TEXT, max_length=100_000)]
# The name of a further field of an item.
FieldName = Annotated[str, StringConstraints(pattern=CONTROL_FREE, min_length=1, max_length=100)]
