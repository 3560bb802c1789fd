"""What is wrong with settings: each problem with its place and remedy, all of them at once."""

from dataclasses import dataclass

from console.operations.errors import UserError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in settings. `file` and `line` are empty for the command line.

    `path` as in `incoming_servers[0].port`; on the command line as in `oauth.token_url`.
    """

    file: str
    line: int | None
    path: str
    text: str
    remedy: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.path) if part)
        return (f"{place}: " if place else "") + self.text + (f" - {self.remedy}" if self.remedy else "")


class SettingsError(UserError):
    """Settings that are not right: everything that is wrong with them, at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def dotted(path: tuple[int | str, ...]) -> str:
    """A path as people write it: `incoming_servers[0].port`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
