"""A setting that whoever uses it would refuse is refused by `apply`, with its place and the reason."""

from pathlib import Path

import pytest

from console.errors import UserError
from console.settings.apply import plan
from console.settings.checks import check_workable
from console.settings.file_reading import read_settings_file
from console.settings.state import State
from schemas.template_bounds import MAX_SOURCE

DEMO = Path(__file__).parents[2] / "deploy/local/demo/demo.yaml"
OUTGOING = "outgoing_servers:\n- {{id: out, from_address: it@desk.test, authentication: {}}}\n"
ACCOUNT = "username: it, password: {env: PW}"
INCOMING = (
    "incoming_servers:\n"
    "- {{id: it, protocol: imap, host: imap.test, call_template: it, default_logging_analyst: ida, {}}}\n"
)
TEMPLATE = "message_templates:\n- id: welcome\n  event: CallLogged\n  subject: Your call\n  text: {}\n"


def test_the_demo_works() -> None:
    check_workable(read_settings_file(DEMO))


@pytest.mark.parametrize(
    ("text", "line", "key", "told"),
    [
        (OUTGOING.format("standard"), 2, "outgoing-server/out", "standard does not go with SMTP"),
        (INCOMING.format("username: it"), 2, "incoming-server/it", "needs username and password"),
        (INCOMING.format(f"{ACCOUNT}, authentication: apop"), 2, "incoming-server/it", "APOP is a command of POP3"),
        (INCOMING.format(f"{ACCOUNT}, authentication: sasl-xoauth2"), 2, "incoming-server/it", "username and oauth"),
        (INCOMING.format(f"{ACCOUNT}, security: none"), 2, "incoming-server/it", "would travel unencrypted"),
        (TEMPLATE.format("'{{ reference'"), 2, "message-template/welcome", "text: line 1"),
        (TEMPLATE.format("'{% for x in y %}{% endfor %}'"), 2, "message-template/welcome", "may not hold a loop (For)"),
        (TEMPLATE.format("x" * (MAX_SOURCE + 1)), 2, "message-template/welcome", f"more than {MAX_SOURCE}: shorten it"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(tmp_path: Path, text: str, line: int, key: str, told: str) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        plan(read_settings_file(path), State())
    [problem] = [one for one in refused.value.problems if told in one.cause]
    assert (problem.line, problem.key) == (line, key)
    assert problem.remedy
