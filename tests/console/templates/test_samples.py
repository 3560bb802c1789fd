"""A message template's sample: every fault with its line, or both formats; filled in a child that has limits."""

import sys

import psutil
import pytest

from console.templates import sample_child
from console.templates import samples as module
from console.templates.samples import Samples, sample_notification
from runtime.child import limits as bounded_child
from runtime.child.template_checks import CPU_SECONDS, MEMORY_BYTES, TemplateChild
from schemas.settings import MessageTemplate
from schemas.template_language import TemplateFault


def _template(**parts: str) -> MessageTemplate:
    return MessageTemplate.model_validate({"id": "own", "event": "CallLogged", "subject": "s", "text": "t", **parts})


def test_a_template_is_shown_in_both_formats_and_the_sample_is_escaped_in_html() -> None:
    template = _template(
        subject="{{ reference }}: {{ subject }}",
        text="Dear {{ recipient_name }}, {{ partition }}\n{{ text }}",
        html="<p>{{ text }}</p>",
        recipient="logging-analyst",
    )
    sample = Samples().of(template, "Information <Technology>")
    assert sample.faults == ()
    assert sample.mail is not None
    assert sample.mail.subject == "C-000123: Printer: stripes"
    assert "Dear Adam Analyst, Information <Technology>\n" in sample.mail.text
    assert "<service>" in sample.mail.text
    assert "&lt;service&gt;" in (sample.mail.html or "")
    assert "<service>" not in (sample.mail.html or "")


def test_every_fault_is_told_with_its_line() -> None:
    sample = Samples().of(_template(subject="{{ x", text="a\n{{ refrence }}"))
    assert [(fault.part, fault.line) for fault in sample.faults] == [("subject", 1), ("text", 2)]
    assert sample.mail is None


def test_names_of_an_integrators_event_stand_for_themselves() -> None:
    sample = Samples().of(_template(event="BackupFailed", subject="{{ disk }}", text="{{ disk }} at {{ hour }}"))
    assert sample.mail is not None
    assert sample.mail.subject == "(disk)"
    assert "(disk) at (hour)" in sample.mail.text


def test_a_template_past_its_limits_ends_the_child_and_not_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-m", "tests.console.templates.burning"))
    sample = Samples().of(_template())
    assert [fault.text for fault in sample.faults] == ["it takes more than 2 s of CPU: shorten it"]


def test_one_version_is_filled_once_and_only_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[str] = []

    def fill(name: str, template: MessageTemplate, _partition: str) -> module.Sample:
        filled.append(template.text)
        return module.Sample(name, (), None)

    monkeypatch.setattr(module, "_fill", fill)
    samples = Samples()
    first = samples.of(_template(text="first"))
    assert samples.of(_template(text="first")) is first
    assert samples.named(first.name) is first
    for number in range(module._KEPT):
        samples.of(_template(text=str(number)))
    assert samples.named(first.name) is None
    assert filled.count("first") == 1


def test_the_child_of_samples_has_limits_before_it_reads_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def faults(_template: MessageTemplate) -> list[TemplateFault]:
        assert limits == [CPU_SECONDS]
        return [TemplateFault("text", 1, "read")]

    monkeypatch.setattr(bounded_child, "limit_cpu", limits.append)
    monkeypatch.setattr(sample_child, "faults", faults)
    template = _template()
    [(found, mail)] = sample_child.fill_sample(None, (template, sample_notification(template, "")))
    assert [fault.text for fault in found] == ["read"] and mail is None


def test_the_child_of_samples_has_little_memory() -> None:
    child = TemplateChild(module._COMMAND)
    try:
        template = _template()
        child.ask((template, sample_notification(template, "")))
        children = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
        [process] = [one for one in children if sample_child.__name__ in one.cmdline()]
        limit = process.rlimit(psutil.RLIMIT_AS)[0]
        assert 0 < limit < process.memory_info().vms + 2 * MEMORY_BYTES
    finally:
        child.end()
