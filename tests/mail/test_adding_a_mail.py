"""The page that says how to add a mail: its example is a mail, and gives what the page says."""

from pathlib import Path
from textwrap import dedent

from tests.mail.draft import draft
from tests.mail.stored import FOLDER

PAGE = FOLDER.parents[1] / "docs" / "adding-a-mail.md"


def test_the_example_gives_the_result_on_the_page(tmp_path: Path) -> None:
    _, _, example = PAGE.read_text("utf-8").partition("## The smallest mail\n\n")
    mail, _, result = example.partition("\n\ngives this result")
    _, _, result = result.partition(":\n\n")
    path = tmp_path / "printer.eml"
    path.write_text(dedent(mail), "utf-8")
    drafted = draft(path, "it-mailbox", [], "What it is.")
    assert drafted.startswith(f"# What it is.\n{dedent(result)}call:\n")
