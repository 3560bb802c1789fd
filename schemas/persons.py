"""A person of the CMDB: the value of topic `persons`, in which senders are looked up."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.addresses import SafeAddress
from schemas.base import Checked, Id, Line, together
from schemas.settings import Format

_FLAGS = ("is_user", "is_analyst")
_FLAGGED: dict[str, Any] = {"anyOf": [{"properties": {flag: {"const": True}}, "required": [flag]} for flag in _FLAGS]}


class Person(Checked):
    """Flagged as User (who asks), as Analyst (who works), or both. The first address is the primary one."""

    model_config = ConfigDict(json_schema_extra=_FLAGGED)

    id: Id
    first_name: Line = ""
    last_name: Line = ""
    addresses: tuple[SafeAddress, ...] = ()
    is_user: bool = False
    is_analyst: bool = False
    email_format: Format | None = Field(None, description="used when Message Format per Analyst/User is selected")
    office: Line = ""
    disabled: bool = False
    version: int = Field(0, ge=0, description="raised by every change")

    TOGETHER = (
        together(
            "is_user is_analyst",
            lambda person: person.is_user or person.is_analyst,
            "a person is flagged as a User, as an Analyst, or as both",
            "set one of the two, or both",
        ),
    )

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


def first_found(persons: Iterable[Person]) -> Person | None:
    """Which of several persons with one address is used; None where there is nobody.

    Requirement R9.6: the first one counts. That is the one with the lowest id; a disabled person is found only where
    all of them are disabled.
    """
    return min(persons, key=lambda one: (one.disabled, one.id), default=None)


PersonKind = Literal["unknown", "analyst-only", "user-only", "analyst-and-user"]
