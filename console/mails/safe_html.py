"""The HTML of mails made safe to be shown. What cannot be made so within limits is shown as the text that it is.

`python -m console.mails.safe_html` is the child process that does it: HTML in, safe HTML out, a line of JSON each. nh3
(Servo's HTML5 parser with an allow-list) takes time with the square of nesting and of attributes, and no count of tags
that is not itself such a parser tells beforehand: so the child has limits, and ends at the first that it meets.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence

import nh3
from markupsafe import escape

COMMAND = (sys.executable, "-m", "console.mails.safe_html")
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
    result = subprocess.run(COMMAND, input=lines, capture_output=True, text=True, encoding="utf-8", check=False)
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]  # behind the last line end is half a line


CPU_SECONDS = 2  # of one HTML
MEMORY_BYTES = 512 << 20  # of address space, of which the interpreter takes the least part

_TAGS = nh3.ALLOWED_TAGS - {"img", "map", "area"}  # an image asks a foreign server, which learns who reads, and when
_LINKS = {"http", "https", "mailto"}
_ABSOLUTE = ("http://", "https://", "mailto:")
_ADDRESSES = {"href", "cite"}


def sanitise(html: str) -> str:
    """No scripts, styles, forms or images; links open nothing by themselves and tell the other side nothing of us."""
    return nh3.clean(
        html, tags=_TAGS, url_schemes=_LINKS, attribute_filter=_attribute, link_rel="noopener noreferrer nofollow"
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    """A link without scheme leads to wherever the page lies: a file beside it, or (`//host`) a server of that name."""
    if name in _ADDRESSES and not value.strip().lower().startswith(_ABSOLUTE):
        return None
    return value


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for line in sys.stdin:
        _limit_cpu()
        print(json.dumps(sanitise(json.loads(line))), flush=True)


def _limit_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
