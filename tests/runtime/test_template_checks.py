"""The child process that tries out message templates: what it says, what bounds it, and when it is asked."""

import sys
from pathlib import Path

import pytest

from runtime.child.template_checks import TemplateChecker
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.settings import MessageTemplate

MISBEHAVING = (sys.executable, "-m", "tests.runtime.misbehaving_templates")
NO_CHILD = ("/nowhere/python",)
PATIENCE = 60.0


def _template(id_: str, subject: str = "s", text: str = "t") -> MessageTemplate:
    return MessageTemplate(id=id_, event="CallLogged", subject=subject, text=text)


def test_the_child_says_why_a_template_cannot_be_used() -> None:
    faults = TemplateChecker().faults([_template("good"), _template("bad", text="{{ refrence }}"), _template("fine")])
    assert list(faults) == ["bad"]
    assert faults["bad"].startswith("text: line 1: there is no name 'refrence'")


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("burn", "it takes more than 2 s of CPU"),
        ("devour", "it takes more than 128 MiB"),
        ("hang", "it is not done within 30 s"),
        ("die", "it ends the process that tries it out"),
    ],
)
def test_a_template_past_the_limits_is_refused_and_no_other(act: str, told: str) -> None:
    trials = TemplateChecker(MISBEHAVING, 1 if act == "hang" else PATIENCE)
    faults = trials.faults([_template("before"), _template("own", act), _template("after"), _template("bad", "{{ x")])
    assert list(faults) == ["own", "bad"]
    assert faults["own"] == f"{told}: shorten it"


def test_a_child_killed_from_outside_condemns_no_template(tmp_path: Path) -> None:
    told = tmp_path / "told"
    assert TemplateChecker(MISBEHAVING, PATIENCE).faults([_template("own", "die-once", str(told))]) == {}
    assert told.read_text() == "own\nown\n"


def test_each_version_of_a_template_is_tried_out_once(tmp_path: Path) -> None:
    told = str(tmp_path / "told")
    trials = TemplateChecker(MISBEHAVING, PATIENCE)
    first, other, changed = _template("a", "{{ x", told), _template("b", "s", told), _template("a", "new", told)
    assert list(trials.faults([first])) == list(trials.faults([first, other])) == ["a"]
    assert trials.faults([changed, other]) == {}
    assert Path(told).read_text().split() == ["a", "b", "a"]


def test_where_nothing_is_to_be_tried_out_no_child_is_started() -> None:
    assert TemplateChecker(NO_CHILD).faults([]) == {}


@pytest.mark.parametrize("command", [NO_CHILD, (sys.executable, "-c", "raise SystemExit(7)")])
def test_a_child_that_does_not_start_is_an_outage_and_no_templates_fault(command: tuple[str, ...]) -> None:
    with pytest.raises(OutageError, match="the child that tries out message templates") as caught:
        TemplateChecker(command).faults([_template("own")])
    assert caught.value.reason is Reason.READER_AWAY
