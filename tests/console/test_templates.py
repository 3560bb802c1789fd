"""`mailcall templates`: which template is used for whom, and a mail as it would be, before it is applied."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from console.templates.templates import TemplateUse, used_templates
from schemas.persons import Person
from schemas.settings import MessageTemplate, Partition
from schemas.snapshot import SettingsSnapshot
from schemas.template_bounds import MAX_SOURCE
from tests.console.conftest import DEMO, Mailcall
from tests.logger.harness import Logger, demo_settings, make_mail

OWN = """
message_templates:
- id: welcome
  event: CallLogged
  recipient: author
  subject: 'Noted: {{ subject }}'
  text: 'Dear {{ recipient_name }}, {{ reference }} is with {{ partition }}.'
  html: '<h1>{{ reference }}</h1><p>{{ subject }}</p>'
"""
URSULA = Person(id="ursula", addresses=("ursula@example.com",), first_name="Ursula", last_name="Usher", is_user=True)


@pytest.fixture
def calls(desk: Engine) -> None:
    """C-000001 and, newer, C-000002, both of the partition IT."""
    logger = Logger(desk, demo_settings())
    logger.feed(URSULA, make_mail("one", person=URSULA), make_mail("two", person=URSULA, subject="Stripes <b>"))


@pytest.fixture
def shown(run: Mailcall, calls: None) -> Mailcall:
    """`mailcall templates preview` where the demo is set up and calls are logged."""
    assert run("apply", DEMO).code == 0
    return lambda *arguments: run("templates", "preview", *arguments)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def _partition(id_: str) -> Partition:
    return Partition(
        id=id_, impacts=("I",), urgencies=("U",), priorities=("P",), priority_matrix={"I": {"U": "P"}}
    )  # fmt: skip


def _template(id_: str, event: str, text: str = "t", **changes: str) -> MessageTemplate:
    return MessageTemplate.model_validate({"id": id_, "event": event, "subject": "s", "text": text, **changes})


def test_the_list_has_no_more_lines_than_there_are_differences() -> None:
    settings = (
        _partition("it"),
        _partition("hr"),
        _template("it-users", "CallLogged", recipient="user", partition="it"),
        _template("all", "CallClosed", text="{{ refrence }}"),
        _template("backup", "BackupFailed", recipient="watchers"),
    )
    snapshot = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in settings)
    events = ("CallLogged", "CallClosed", "PersonCreated", "BackupFailed")
    used = {event: [one for one in used_templates(snapshot) if one.event == event] for event in events}
    built_in = "built-in/CallLogged"
    assert used["CallLogged"] == [
        TemplateUse("CallLogged", "author", None, built_in, ""),
        TemplateUse("CallLogged", "user", "hr", built_in, ""),
        TemplateUse("CallLogged", "user", "it", "message-template/it-users", ""),
        TemplateUse("CallLogged", "logging-analyst", None, built_in, ""),
        TemplateUse("CallLogged", "assigned-group", None, built_in, ""),
        TemplateUse("CallLogged", "watchers", None, built_in, ""),
    ]
    [closed] = used["CallClosed"]
    assert (closed.recipient, closed.partition, closed.template) == (None, None, "message-template/all")
    assert closed.fault == "text: line 1: there is no name 'refrence'; did you mean 'reference'?"
    assert used["PersonCreated"] == [TemplateUse("PersonCreated", None, None, "built-in/PersonCreated", "")]
    assert [one.template for one in used["BackupFailed"]] == ["", "", "", "", "message-template/backup"]


def test_a_template_that_is_not_applied_yet_is_shown_with_a_call(shown: Mailcall, own: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = shown("--template", own, "--item", "C-000001", "--html-file", page)
    assert ran.code == 0
    assert "template  message-template/welcome" in ran.out
    assert "subject   Noted: Subject of one" in ran.out
    assert "Dear Ursula Usher, C-000001 is with IT." in ran.out
    assert "<h1>C-000001</h1><p>Subject of one</p>" in page.read_text(encoding="utf-8")


def test_without_a_template_the_one_that_is_used_is_shown_with_the_newest_call(
    shown: Mailcall, run: Mailcall, own: Path
) -> None:
    assert run("apply", own).code == 0
    author, user = (
        json.loads(shown("--event", "CallLogged", "--recipient", r, "--json").out) for r in ("author", "user")
    )
    assert (author["template"], author["reference"]) == ("message-template/welcome", "C-000002")
    assert author["html"].count("<p>Stripes &lt;b&gt;</p>") == 1
    assert (user["template"], user["subject"]) == ("built-in/CallLogged", "Stripes <b>")
    assert "Text of two" in user["text"]
    by_id = json.loads(shown("--template", "welcome", "--json").out)
    assert by_id == author


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--event or --template"),
        (("--event", "CallLogged", "--recipient", "boss"), "assigned-group"),
        (("--event", "CallLogged", "--item", "C-000777"), "no item 'C-000777'"),
        (("--event", "BackupFailed"), "no template for 'BackupFailed'"),
        (("--template", "nothing"), "no message templates fit"),
        (("--event", "TaskLogged"), "no item that could be shown"),
    ],
)
def test_what_cannot_be_shown_is_told(arguments: tuple[str, ...], told: str, shown: Mailcall) -> None:
    ran = shown(*arguments)
    assert ran.code == 2
    assert told in ran.err


def test_a_broken_template_is_told_with_its_line(shown: Mailcall, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("{{ partition }}", "{{ partitoin }}"), encoding="utf-8")
    ran = shown("--template", path)
    assert ran.code == 2
    assert "own.yaml:3:message-template/welcome: text: line 1: there is no name 'partitoin'; did you mean" in ran.err


def test_a_broken_template_that_came_onto_the_topic_another_way_is_told_and_not_filled(
    shown: Mailcall, run: Mailcall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace("{{ partition }}", "IT" + "{# #}" * (MAX_SOURCE // 5)), encoding="utf-8")
    with monkeypatch.context() as unchecked:
        unchecked.setattr("console.settings.apply.unworkable", lambda _file: ())
        assert run("apply", path).code == 0
    for arguments in (("--template", "welcome"), ("--event", "CallLogged", "--recipient", "author")):
        ran = shown(*arguments)
        assert ran.code == 2
        assert f"message-template/welcome: text: it has {MAX_SOURCE + 54} characters, more than {MAX_SOURCE}" in ran.err
        assert "mend the template there" in ran.err
    assert f"more than {MAX_SOURCE}" in run("templates", "list").out
