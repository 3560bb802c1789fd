"""The demo's recorded output as a picture: `python -m deploy.local.demo.picture OUTPUT SVG` (docs/demo.md)."""

import re
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

TITLE = "make demo ONCE=1"
_GAP = r" {2,}"  # between the columns of a table
# rich gives a Chinese character the width of a Latin one.
_WRONG_WIDTH = re.compile(r' textLength="[^"]*"(?=[^>]*>[^<]*[\u2e80-\uffef])')
_CONTROL = re.compile(r"(\n|\x1b\[\d*A|\x1b\[2K|\r|\x1b\[\?25[lh])")
# Rich's own, without its web fonts: the picture loads nothing.
_SVG = """<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre;
}}
.{unique_id}-title {{ font: bold 18px system-ui, Helvetica, Arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("{title}", TITLE)


def screen(output: str) -> list[str]:
    """The lines on a terminal at the end: of a table that is drawn again and again, its last state. Colours stay."""
    lines = [""]
    for piece in _CONTROL.split(output):
        if piece == "\n":
            lines.append("")
        elif piece.endswith("A") and piece.startswith("\x1b["):
            del lines[max(1, len(lines) - int(piece[2:-1] or 1)) :]
        elif piece == "\x1b[2K":
            lines[-1] = ""
        elif not _CONTROL.fullmatch(piece):
            lines[-1] += piece
    return lines


def picture(output: str) -> str:
    """The SVG, as wide as the output."""
    text = Text("\n").join(Text.from_ansi(line.rstrip()) for line in screen(output))
    text.rstrip()
    text.highlight_regex(_GAP, "not bold")  # so each column is a text of its own, at its place
    width = max(map(cell_len, text.plain.splitlines())) + 1
    console = Console(record=True, file=StringIO(), force_terminal=True, width=width)
    console.print(text, "", sep="\n", soft_wrap=True)  # the last line stands clear of the edge
    return _WRONG_WIDTH.sub("", console.export_svg(title=TITLE, theme=SVG_EXPORT_THEME, code_format=_SVG))


def main(arguments: Sequence[str]) -> None:
    source, target = map(Path, arguments)
    output = source.read_bytes().decode("utf-8")  # as text a carriage return would become a line end
    target.write_text(picture(output), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
