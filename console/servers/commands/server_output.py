"""How settings, mostly mail servers, and what a test of one found, are shown to people."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from console.command_line.output import format_value, harmless, print_fields, print_table

if TYPE_CHECKING:
    from console.servers.probing import Probed
    from console.servers.server_tests import ServerTestResponse
    from schemas.base import Model

_SECRET_FIELDS = {"sealed", "env", "file"}


def print_setting(value: "Model") -> None:
    """Every field by the key that `mailcall servers update` takes; secrets are only named."""
    from console.settings.setting_secrets import redacted

    print_fields(_fields(redacted(value, defaults=True)))


def print_answer(answer: "ServerTestResponse") -> None:
    """Each step with its status, then the mail that was found; or why there is no answer."""
    result = answer.result
    if answer.note:
        print(harmless(answer.note))
    if result is None:
        return
    rows = ((step.step, "ok" if step.ok else "failed", step.status) for step in result.steps)
    print_table(("step", "", "status"), rows, "the process took no step")
    if result.sender or result.subject or result.message:
        print()
        print_fields((("Sender", result.sender), ("Subject", result.subject)))
        print("Message")
        print("\n".join(f"    {harmless(line)}".rstrip() for line in result.message.splitlines()))


def print_probed(found: "Probed") -> None:
    """The steps of sending, then what became of the mail on its way."""
    print_answer(found.answer)
    if found.note:
        print(harmless(found.note))
    if found.rows:
        print()
        print_table(("of the mail", "came back", ""), found.rows, "nothing was compared")


def _fields(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if not isinstance(value, dict):
            yield before + name, format_value(value)
        elif set(value) == _SECRET_FIELDS:
            yield before + name, _secret(value)
        else:
            yield from _fields(value, f"{before}{name}.")


def _secret(value: Mapping[str, str | None]) -> str:
    """`(sealed)`, `env NAME` or `file PATH`."""
    return value["sealed"] or next(f"{source} {where}" for source, where in value.items() if where)
