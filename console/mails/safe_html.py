"""The HTML of mails made safe to be shown. What cannot be made so within limits is shown as the text that it is."""

import json
import subprocess
import sys
from collections.abc import Sequence

from markupsafe import escape

MAX_CHARACTERS = 1_000_000
MAX_HELD = 5  # pieces of a page that a process ended of; each took seconds


def safe_html(pieces: Sequence[str]) -> list[str]:
    """Each piece as HTML that may stand inside a page of ours. Never raises, and its time is bounded."""
    done: list[str] = []
    held = 0
    while len(done) < len(pieces) and held < MAX_HELD:
        done += _sanitised(pieces[len(done) :])
        if len(done) < len(pieces):  # the process ended of this one, and has not seen the rest
            done.append(_as_text(pieces[len(done)]))
            held += 1
    return done + [_as_text(piece) for piece in pieces[len(done) :]]


def _as_text(piece: str) -> str:
    return f"<pre>{escape(piece[:MAX_CHARACTERS])}</pre>"


def _sanitised(pieces: Sequence[str]) -> list[str]:
    """The pieces as far as one process gets."""
    lines = "\n".join(json.dumps(piece[:MAX_CHARACTERS]) for piece in pieces)
    command = [sys.executable, "-m", "console.mails.sanitiser"]
    result = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8", check=False)
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]  # behind the last line end is half a line
