"""`python -m console.mails.sanitiser`: HTML in, safe HTML out, a line of JSON each; a process that may be killed.

nh3 (Servo's HTML5 parser with an allow-list) takes time with the square of nesting and of attributes, and no count of
tags that is not itself such a parser tells beforehand: so the process has limits, and ends at the first that it meets.
"""

import json
import resource
import sys

import nh3

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
