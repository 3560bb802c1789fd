"""The one kind of error that is the user's to correct: where, what is wrong, and what to do about it.

Every operation raises `UserError`, with one `Problem` or all that there are. The words fit window and command line
alike. Where each has words of its own for the way out, `Remedy` names it; the command line's are in
`command_line/error_text.py`. Forms show problems at their fields: `web/form_errors.py` is that border.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Self

FieldPath = tuple[int | str, ...]


class Remedy(StrEnum):
    """What to do, where window and command line say it differently. The value is what the window says."""

    ADD_PROFILE = "there is none yet: add one"
    ADD_SERVER = "there is none yet: add one"
    APPLY_EXPORTED = "export again and make your change there, or apply the file over it: a trial shows what that does"
    CHANGE_SERVER = "choose another id, or change that one"
    CONFIGURE_DESK = "MAILCALL_DESK_URL names the desk's database"
    CONFIGURE_PUBLIC_KEY = "MAILCALL_PUBLIC_KEY_FILE names the public key that passwords are sealed with"
    CONFIGURE_TOKEN_KEY = "MAILCALL_TOKEN_KEY_FILE names the file of a token key, for the console and for resolver"
    FILL_IN = "enter or choose it"
    FIND_CHANGE = "the change history shows the ids"
    FIND_DEAD_LETTER = "the list of dead letters shows the ids"
    FIND_HELD_MAIL = "the list of held mails shows those in quarantine"
    FIND_ITEM = "the list of calls, tasks and requests shows the references, such as C-000001"
    FIND_NOTIFICATION = "the list of notifications shows the ids"
    FIND_PERSON = "the list of persons shows their ids and addresses"
    FIND_SETTING = "the lists of settings show what there is"
    GIVE_EVENT = "choose an event, or a template"
    LOOK_AGAIN = "look at what there is now, and make your change again"
    LOG_CALL = "log a call first"
    MAKE_PUBLIC_KEY = "make a pair of keys; MAILCALL_PUBLIC_KEY_FILE names the public one"
    MAY_ARRIVE_TWICE = "choose “Also those that may have arrived”, if it may come twice"
    SEAL_OR_REFER = "MAILCALL_PUBLIC_KEY_FILE names one; or say which environment variable or file holds the password"
    SEAL_PASSWORD = "enter the password anew: it is sealed when it is saved"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `cause`: what is wrong. Never a secret, never mail content.

    `place`: where, as people write it: what was given to the operation (`person`), a field (`oauth.token_url`), a place
    in a file (`incoming_servers[0].port`), a setting (`partition/it`). `file` and `line` where it is in a file.
    `key`: the setting or person (`kind/id`) that it is about, and `fields`: all of its fields that it is about.
    A problem with one of `file`, `key` and `fields` is about settings; any other about what an operation was given.
    """

    cause: str
    remedy: str = ""
    place: str = ""
    file: str = ""
    line: int | None = None
    key: str = ""
    fields: tuple[FieldPath, ...] = ()

    @classmethod
    def at(cls, path: FieldPath, cause: str, remedy: str, fields: tuple[FieldPath, ...] = ()) -> Self:
        """At `path` within a setting or person; `fields`: where it is about several fields, all of them."""
        return cls(cause, remedy, dotted(path), fields=fields or (path,))

    @property
    def path(self) -> FieldPath:
        """The field; of several, what holds all of them, `()` for the setting or person itself."""
        levels = zip(*self.fields, strict=False)
        return tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels))

    @property
    def is_of_settings(self) -> bool:
        return bool(self.file or self.key or self.fields)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.place) if part)
        return (f"{place}: " if place else "") + self.cause + (f" - {self.remedy}" if self.remedy else "")


class UserError(Exception):
    """Something that the user can correct: one problem, or all that there are."""

    def __init__(self, cause: str, remedy: str = "", *, place: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(cause, remedy, place),)
        super().__init__(str(self.problems[0]))

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> Self:
        """All of them at once."""
        error = cls("")
        error.problems = tuple(problems)
        error.args = ("\n".join(map(str, error.problems)),)
        return error


def dotted(path: FieldPath) -> str:
    """A path as people write it: `incoming_servers[0].port`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
