"""What the command line says of an error: the operation's own words, with the commands and options that help."""

from collections.abc import Mapping
from dataclasses import replace

from console.errors import Problem, Remedy, UserError

COMMANDS: Mapping[Remedy, str] = {
    Remedy.ADD_PROFILE: "there is none yet: add one in a settings file, or give the fields of one with --new",
    Remedy.ADD_SERVER: "there is none yet: `mailcall servers add` makes one",
    Remedy.APPLY_EXPORTED: (
        "export again and make your change there; or `--overwrite` applies the file as it is, "
        "and with `--dry-run` shows what that changes"
    ),
    Remedy.CHANGE_SERVER: "choose another id, or change that one: `mailcall servers update ID KEY=VALUE`",
    Remedy.CONFIGURE_DESK: "set MAILCALL_DESK_URL or --desk-url",
    Remedy.CONFIGURE_PUBLIC_KEY: "set MAILCALL_PUBLIC_KEY_FILE; `mailcall secrets make-keys` makes one",
    Remedy.CONFIGURE_TOKEN_KEY: (
        "set MAILCALL_TOKEN_KEY_FILE here and for resolver (`mailcall secrets make-token-key` makes a key)"
    ),
    Remedy.FILL_IN: "add this field",
    Remedy.FIND_CHANGE: "`mailcall changes` shows the ids; give more of one where several begin alike",
    Remedy.FIND_DEAD_LETTER: "`mailcall dead-letters list` shows the ids",
    Remedy.FIND_HELD_MAIL: "`mailcall mail held` shows those in quarantine",
    Remedy.FIND_ITEM: "`mailcall calls list` shows the references, such as C-000001",
    Remedy.FIND_NOTIFICATION: "`mailcall notifications list` shows the ids",
    Remedy.FIND_PERSON: "`mailcall persons list` shows their ids and addresses",
    Remedy.FIND_SETTING: "`mailcall export` shows what there is",
    Remedy.GIVE_EVENT: "give --event or --template",
    Remedy.LOOK_AGAIN: "give the command again: it begins with what there is now",
    Remedy.LOG_CALL: "log one: `mailcall calls log`",
    Remedy.MAKE_PUBLIC_KEY: "`mailcall secrets make-keys` makes one; MAILCALL_PUBLIC_KEY_FILE names it",
    Remedy.MAY_ARRIVE_TWICE: "`--although-doubtful` sends it all the same; it may come twice",
    Remedy.SEAL_OR_REFER: "make one with `mailcall secrets make-keys`, or write {env: NAME} or {file: PATH}",
    Remedy.SEAL_PASSWORD: "`mailcall secrets seal` makes one",
}
# What is given to an operation -> its option, where that has another name.
_OPTIONS = {"call_template": "--template", "fields": "--field"}


def text_of(error: UserError) -> str:
    """The error's text, a line or more."""
    problems = [replace(one, remedy=_remedy(one.remedy)) for one in error.problems]
    if any(one.is_of_settings for one in problems):
        return "\n".join(map(str, problems))
    if len(problems) > 1:
        return "\n".join(str(replace(one, place=option(one.place))) for one in problems)
    return "\n".join(_lines(problems[0]))


def option(place: str) -> str:
    """The option that gives an operation what it calls `place`, such as `--logging-analyst`."""
    return _OPTIONS.get(place, "--" + place.replace("_", "-")) if place else ""


def _lines(problem: Problem) -> list[str]:
    cause = f"{option(problem.place)}: {problem.cause}" if problem.place else problem.cause
    return [cause, problem.remedy] if problem.remedy else [cause]


def _remedy(remedy: str) -> str:
    return COMMANDS[remedy] if isinstance(remedy, Remedy) else remedy
