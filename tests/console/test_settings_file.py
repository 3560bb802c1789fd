"""A settings file: what is right is read, what is wrong is told with line, path and remedy, and all of it at once."""

from pathlib import Path

import pytest

from console.errors import Problem, Remedy, UserError
from console.settings.checks import check_references
from console.settings.file_reading import read_settings_file
from console.settings.settings_file import MAX_PROBLEMS
from console.settings.state import State
from runtime import yaml_lines
from schemas.settings import IncomingServer, Secret
from schemas.snapshot import SettingsSnapshot

DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
PARTITION = "{id: it, impacts: [a], urgencies: [b], priorities: [P1], priority_matrix: {a: {b: P1}}}"
OTHER = "{id: it, impacts: [x], urgencies: [b], priorities: [P1], priority_matrix: {x: {b: P1}}}"
SERVER = "id: m, protocol: imap, call_template: c, default_logging_analyst: ida"


def write(folder: Path, text: str) -> Path:
    path = folder / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as told:
        read_settings_file(write(folder, text))
    return told.value.problems


def test_the_demo_is_a_good_start() -> None:
    file = read_settings_file(DEMO)
    check_references(file, State())
    assert {key.partition("/")[0] for key in file.settings} >= {"partition", "call-template", "incoming-server"}
    assert file.persons


@pytest.mark.parametrize(
    ("text", "line", "path", "told", "remedy"),
    [
        ("partition: []", 1, "partition", "no such section", "did you mean partitions?"),
        ("bananas: []", 1, "bananas", "no such section", "known are: persons"),
        ("- a\n- b", 1, "", "must hold sections", "begin with one of"),
        ("persons: {id: x}", 1, "persons", "is a list", "dash"),
        ("persons:\n- 7", 2, "persons[0]", "no fields", "fields and values"),
        ("persons:\n- is_user: true", 2, "persons[0].id", "missing", Remedy.FILL_IN),
        ("persons:\n- id: x", 2, "persons[0]", "flagged as a User", ""),
        ("persons:\n- id: 12\n  is_user: true", 2, "persons[0].id", "no text", "in quotes"),
        ("persons:\n- id: no\n  is_user: true", 2, "persons[0].id", "no text", "in quotes"),
        ("persons:\n- id: a b\n  is_user: true", 2, "persons[0].id", "not allowed", "letters, digits"),
        ("persons:\n- id: x\n  is_usr: true", 3, "persons[0].is_usr", "no such field", "did you mean is_user?"),
        (
            "persons:\n- id: x\n  is_user: true\n  addresses:\n  - a@b.c\n  - nonsense",
            6,
            "persons[0].addresses[1]",
            "not an e-mail address",
            "",
        ),
        (
            f"incoming_servers:\n- {{{SERVER},\n   port: ninety}}",
            3,
            "incoming_servers[0].port",
            "no whole number",
            "write digits",
        ),
        (
            f"incoming_servers:\n- {{{SERVER},\n   security: ssl}}",
            3,
            "incoming_servers[0].security",
            "'none', 'starttls' or 'tls'",
            "one of these words",
        ),
        (
            "partitions:\n- id: it\n  impacts: [a]\n  urgencies: [b]\n  priorities: [P1]\n  priority_matrix: {a: {}}",
            6,
            "partitions[0].priority_matrix.a.b",
            "no priority for impact 'a', urgency 'b'",
            "",
        ),
        (f"partitions: [{PARTITION},\n {PARTITION}]", 2, "partitions[1]", "given twice, first on line 1", "leave one"),
        ("email_options: {default_format: rtf}", 1, "email_options.default_format", "'html' or 'text'", "one of these"),
        ("persons:\n- id: x\n  id: y", 3, "", "'id' is given twice", "put the YAML right"),
        ("persons: [", 2, "", "", "put the YAML right"),
        ("persons:\n\t- x", 2, "", "", "put the YAML right"),
        ("a: !!python/object:os.system {}", 1, "", "", "put the YAML right"),
        ("a: &a [*a]", 1, "", "", "put the YAML right"),
    ],
)
def test_what_is_wrong_is_told_with_place_and_remedy(
    text: str, line: int, path: str, told: str, remedy: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, text)

    assert len(found) == 1, found
    problem = found[0]
    assert (problem.line, problem.place) == (line, path)
    assert told in problem.cause
    assert remedy in problem.remedy
    assert str(problem).startswith(f"{tmp_path}/desk.yaml:{line}:")


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = f"incoming_servers:\n- {{{SERVER}, port: x}}\npersons:\n- {{id: 1, is_user: 7}}\nnonsense: 1\n"

    lines = [problem.line for problem in problems(tmp_path, text)]

    assert lines == [2, 4, 4, 5]


PERSON = "{id: ida, is_user: true, is_analyst: true}"
TEMPLATE = "{id: by-mail, partition: it, impact: a, urgency: b}"
APPLY_IT = "apply it first or in the same file"


@pytest.mark.parametrize(
    ("text", "line", "path", "told", "remedy"),
    [
        (
            f"partitions: [{PARTITION}]\ncall_templates: [{TEMPLATE}]\npersons: [{PERSON}]\nincoming_servers:\n"
            "- id: m\n  protocol: imap\n  call_template: by-mial\n  default_logging_analyst: ida",
            7,
            "incoming-server/m",
            "call_template 'by-mial' does not exist",
            "did you mean by-mail?",
        ),
        (
            f"partitions: [{PARTITION}]\ncall_templates: [{TEMPLATE}]\npersons: [{PERSON}]\nincoming_servers:\n"
            "- id: m\n  protocol: imap\n  call_template: by-mail\n  default_logging_analyst: idda",
            8,
            "incoming-server/m",
            "default_logging_analyst 'idda' is no person",
            "did you mean ida?",
        ),
        (
            f"incoming_servers:\n- {{{SERVER}}}",
            2,
            "incoming-server/m",
            "call_template 'c' does not exist",
            APPLY_IT,
        ),
        (
            "call_templates:\n- id: c\n  partition: it\n  impact: a\n  urgency: b",
            3,
            "call-template/c",
            "partition 'it' does not exist",
            APPLY_IT,
        ),
        (
            "call_templates:\n- id: c\n  impact: a\n  urgency: b",
            2,
            "call-template/c",
            "partition 'desk' does not exist",
            APPLY_IT,
        ),
        (
            f"partitions: [{PARTITION}]\ncall_templates:\n- id: c\n  partition: it\n  impact: a\n  urgency: zzz",
            6,
            "call-template/c",
            "impact 'a' with urgency 'zzz' has no priority in partition 'it'",
            "name an urgency that the partition has (b), or give it this one, with its priorities",
        ),
        (
            f"partitions: [{PARTITION}]\ncall_templates:\n- id: c\n  partition: it\n  impact: A\n  urgency: b",
            5,
            "call-template/c",
            "impact 'A' with urgency 'b' has no priority in partition 'it'",
            "name an impact that the partition has (a), or give it this one, with its priorities",
        ),
        (
            "outgoing_servers: [{id: smtp, host: h, from_address: a@b.c}]\n"
            "email_options:\n  default_outgoing_server: stmp",
            3,
            "email-options",
            "default_outgoing_server 'stmp' does not exist",
            "did you mean smtp?",
        ),
        (
            "outgoing_servers:\n- id: a\n  host: h\n  from_address: a@b.c\n  fallback: a",
            5,
            "outgoing-server/a",
            "fallback leads back to the server itself",
            "name another, or leave it out",
        ),
        (
            f"persons: [{PERSON}]\ngroups:\n- id: g\n  members:\n  - ida\n  - iad",
            6,
            "group/g",
            "member 'iad' is no person",
            "did you mean ida?",
        ),
        (
            "notification_rules:\n- {id: r, event: CallLogged, tell: []}\n- {id: s,\n   event: CallLogged, tell: []}",
            4,
            "notification-rule/s",
            "there is another rule for CallLogged in the same partition",
            "leave one of them out",
        ),
        (
            f"partitions: [{PARTITION}]\ncall_templates: [{{id: c, partition: it, impact: a, urgency: b}}]\n"
            "persons: [{id: ida, is_user: true}]\nincoming_servers:\n- id: m\n  protocol: imap\n"
            "  call_template: c\n  default_logging_analyst: ida",
            8,
            "incoming-server/m",
            "default_logging_analyst 'ida' is no Analyst",
            "set is_analyst: true on that person",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_where_it_stands(
    text: str, line: int, path: str, told: str, remedy: str, tmp_path: Path
) -> None:
    file = read_settings_file(write(tmp_path, text))

    with pytest.raises(UserError) as error:
        check_references(file, State())

    problem = next(problem for problem in error.value.problems if problem.cause == told and problem.place == path)
    assert problem.line == line
    assert problem.remedy.startswith(remedy)
    assert str(problem).startswith(f"{tmp_path}/desk.yaml:{line}:{path}: {told} - {remedy}")


def test_a_reference_in_what_is_set_up_already_is_told_by_its_key(tmp_path: Path) -> None:
    orphan = read_settings_file(write(tmp_path, "email_options: {default_outgoing_server: gone}"))
    state = State(SettingsSnapshot().with_changes((key, value, 0) for key, value in orphan.settings.items()))
    file = read_settings_file(write(tmp_path, f"persons: [{PERSON}]"))

    with pytest.raises(UserError) as error:
        check_references(file, state)

    (problem,) = error.value.problems
    assert (problem.line, problem.place) == (None, "email-options")


def test_a_partition_that_takes_a_template_its_priority_is_refused(tmp_path: Path) -> None:
    template = "call_templates: [{id: c, partition: it, impact: a, urgency: b}]"
    before = read_settings_file(write(tmp_path, f"partitions: [{PARTITION}]\n{template}"))
    state = State(SettingsSnapshot().with_changes((key, value, 0) for key, value in before.settings.items()))
    file = read_settings_file(write(tmp_path, f"partitions: [{OTHER}]"))

    with pytest.raises(UserError, match="call-template/c: impact 'a' with urgency 'b' has no priority"):
        check_references(file, state)


@pytest.mark.parametrize("password", ["geheim", "{clear: geheim}", "{clear: geheim, env: X}", "{clear: [geheim]}"])
def test_no_password_in_clear_is_taken_or_told(password: str, tmp_path: Path) -> None:
    found = problems(tmp_path, f"incoming_servers:\n- {{{SERVER},\n   password: {password}}}")

    assert [(problem.line, problem.place) for problem in found] == [(3, "incoming_servers[0].password")]
    assert found[0].remedy
    assert "geheim" not in str(found[0])


def test_a_password_in_clear_is_sealed_where_there_is_a_key(tmp_path: Path) -> None:
    path = write(tmp_path, f"incoming_servers: [{{{SERVER}, password: {{clear: geheim}}}}]")

    file = read_settings_file(path, seal=lambda clear: Secret(sealed=clear[::-1]))

    server = file.settings["incoming-server/m"]
    assert isinstance(server, IncomingServer)
    assert server.password == Secret(sealed="mieheg")


def test_no_error_of_yaml_quotes_the_file(tmp_path: Path) -> None:
    found = problems(tmp_path, "password: geheim: geheim\n")
    assert "geheim" not in str(found[0])


def test_a_few_lines_that_stand_for_too_many_values_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_lines, "MAX_NODES", 20)
    text = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b]"

    assert "too many values" in problems(tmp_path, text)[0].cause


def test_of_very_many_problems_the_first_ones_are_told(tmp_path: Path) -> None:
    found = problems(tmp_path, "persons:\n" + "- 7\n" * (MAX_PROBLEMS + 50))
    assert [problem.line for problem in found] == list(range(2, MAX_PROBLEMS + 2))


def test_a_very_long_name_is_not_compared_with_ours(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "person" + "s" * 800 + ": []")
    assert found.remedy.startswith("known are: persons")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b" " * 6_000_000])
def test_a_file_that_cannot_be_read_is_told(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UserError) as told:
        read_settings_file(path)

    assert str(path) in str(told.value)
    assert told.value.problems[0].remedy


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    file = read_settings_file(write(tmp_path, "# nothing yet\n"))
    assert not file.settings
    assert not file.persons
