"""The picture of the demo: what is on the terminal at the end, and nothing from elsewhere."""

import re
from html import unescape
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console, Group
from rich.live import Live

from deploy.local.demo.mails import DEMO_MAILS
from deploy.local.demo.picture import main
from deploy.local.demo.progress import MailProgress
from deploy.local.demo.view import table


def _recorded() -> str:
    """A terminal on which the demo's table is drawn three times, with a line before and one after it."""
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=140)
    console.print("Fetching kafka")
    walks = [MailProgress(mail) for mail in DEMO_MAILS]
    with Live(console=console, auto_refresh=False) as live:
        for walk in walks[:3]:
            walk.sent_at = 1.0
            live.update(Group(table(walks), f"sent: {walk.mail.name}"), refresh=True)
    console.print("every mail ended as expected")
    return file.getvalue()


def _picture(directory: Path, output: str | None = None) -> str:
    recorded, svg = directory / "demo.txt", directory / "demo.svg"
    recorded.write_bytes((output or _recorded()).encode())
    main([str(recorded), str(svg)])
    return svg.read_text(encoding="utf-8")


def _text(svg: str) -> str:
    """All that is shown, from the top to the bottom."""
    return "\n".join(map(unescape, re.findall(r"<text[^>]*>([^<]*)</text>", svg))).replace("\xa0", " ")


def test_it_shows_the_last_state_of_the_table_once(tmp_path: Path) -> None:
    text = _text(_picture(tmp_path))
    titles = [line.partition("  ")[0].strip() for line in text.splitlines()]
    assert [mail.title for mail in DEMO_MAILS if titles.count(mail.title) != 1] == []
    assert text.count("on its way") == 3
    assert text.count("sent: ") == 1
    assert text.count("logging analyst") == 1


def test_it_shows_what_stands_before_and_after_the_table(tmp_path: Path) -> None:
    text = _text(_picture(tmp_path))
    assert text.index("Fetching kafka") < text.index(DEMO_MAILS[0].title)
    assert text.index("every mail ended as expected") > text.index(DEMO_MAILS[-1].title)


def test_wide_characters_move_no_column(tmp_path: Path) -> None:
    svg = _picture(tmp_path, "C-000001  王芳  IT\nC-000002  Anna  IT\n")
    one, other = re.findall(r'x="([0-9.]+)"[^>]*>IT<', svg)
    assert one == other
    assert re.findall(r"textLength[^>]*>(王芳|Anna)<", svg) == ["Anna"]


def test_it_loads_nothing(tmp_path: Path) -> None:
    svg = _picture(tmp_path)
    assert re.findall(r"[a-z]+://[^\"\s]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in svg
    ElementTree.fromstring(svg)
