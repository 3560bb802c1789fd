"""What the demo says at its end: the JSON report, what differed, and where to look."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from deploy.local.demo.composing import HR, IT, differences
from deploy.local.demo.progress import MailProgress
from deploy.local.demo.settings import PASSWORD
from deploy.local.pipeline import Pipeline
from deploy.local.servers.mail_host import MailHost


def write_report(path: Path, walks: Sequence[MailProgress], seconds_to_first_call: float | None) -> bool:
    """`ok`, `seconds_to_first_call` (from the start of the program) and each mail; returns whether all went well."""
    mails = [_entry(walk) for walk in walks]
    ok = all(mail["ok"] for mail in mails)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"ok": ok, "seconds_to_first_call": seconds_to_first_call, "mails": mails}
    path.write_text(json.dumps(report, indent=2) + "\n")
    return ok


def _entry(walk: MailProgress) -> dict[str, object]:
    wrong = differences(walk.mail.expected, walk.got)
    return {
        "name": walk.mail.name,
        "title": walk.mail.title,
        "reference": walk.item.reference if walk.item else None,
        "expected": asdict(walk.mail.expected),
        "got": asdict(walk.got) if walk.got else None,
        "ok": not wrong,
        "differences": wrong,
        "seconds": {"decided": _rounded(walk.decided_after), "answered": _rounded(walk.answered_after)},
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def what_differed(walks: Sequence[MailProgress]) -> Iterator[str]:
    for walk in walks:
        for wrong in differences(walk.mail.expected, walk.got):
            yield f"{walk.mail.name} ({walk.mail.title}): {wrong}"


def write_environment(path: Path, settings: Mapping[str, str]) -> None:
    """A file for a shell to read, so that `mailcall` there looks at the demo."""
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))


def where_to_look(pipeline: Pipeline, link: str, mail_host: MailHost, environment: Path, report: Path) -> str:
    """What to try while the demo stays up, with the commands to copy. `link` signs in to the window, once."""
    metrics = "\n".join(f"      {name:9} {pipeline.metrics_url(name)}" for name in pipeline.processes)
    return f"""
The pipeline stays up until Ctrl-C. In another shell, in this directory:

  the window    {link}
                (signs you in once, to set a password; after that {pipeline.window_url})
  the desk      . {environment}
                .venv/bin/mailcall calls list
                .venv/bin/mailcall calls show C-000001
                .venv/bin/mailcall reconcile
                .venv/bin/mailcall export
  a mail of     curl smtp://{mail_host.host}:{mail_host.smtp_port} --mail-from you@example.com --mail-rcpt {IT} \\
  your own           -T - <<< $'From: you@example.com\\nTo: {IT}\\nSubject: Hello\\n\\nMy screen is dark.'
                (or to {HR})
  mailboxes     IMAP {mail_host.host}:{mail_host.imap_port}, POP3 {mail_host.host}:{mail_host.pop3_port};
                log in with any address above, such as ursula@example.com, password {PASSWORD}
  metrics
{metrics}
  logs          {pipeline.directory / "logs"}
  report        {report}
"""
