"""text/enriched (RFC 1896) and its elder text/richtext (RFC 1341) to HTML, of which the text is made."""

import html
import re

_TOKEN = re.compile(r"<<|</?[a-z0-9-]{1,60}>|\n+|[^<\n]+|<", re.IGNORECASE)
_KEPT = 'style="white-space:pre-wrap"'
# What a command becomes; every other one changes only how its words look.
_ELEMENTS = {
    "nofill": f"div {_KEPT}", "excerpt": "blockquote", "center": "div", "flushleft": "div", "flushright": "div",
    "flushboth": "div", "paraindent": "div", "indent": "div", "indentright": "div", "outdent": "div",
    "paragraph": "div", "heading": "div", "footing": "div",
}  # fmt: skip
_SIGNS = {"lt": "&lt;", "nl": "<br>", "np": "<br><br>"}  # of RFC 1341, which have no end
_NO_COMMANDS = ("verbatim", "param", "comment")  # in which nothing is a command but their end


def enriched_to_html(source: str, elder: bool) -> str:
    """HTML of the same words and lines. `elder`: as RFC 1341 has it, where a line end is a blank."""
    ends = {name: _last(source, name) for name in _NO_COMMANDS}
    out: list[str] = []
    nofills = 0  # open ones
    awaited = ""
    for match in _TOKEN.finditer(source):
        token = match[0]
        command = token[1:-1].lower() if token[0] == "<" and token[-1] == ">" else ""
        name = command.removeprefix("/")
        if awaited:
            if awaited == "/verbatim":
                out.append("</span>" if command == awaited else html.escape(token))
            if command == awaited:
                awaited = ""
        elif not command:
            out.append(_words(token, not nofills, elder))
        elif command in ends and match.end() <= ends[command]:
            awaited = f"/{command}"
            out.append(f"<span {_KEPT}>" if command == "verbatim" else "")
        elif name in _ELEMENTS:
            if name == "nofill":
                nofills = max(nofills + (1 if name == command else -1), 0)
            out.append(f"<{_ELEMENTS[name]}>" if name == command else f"</{_ELEMENTS[name].partition(' ')[0]}>")
        else:
            out.append(_SIGNS.get(command, ""))
    return "".join(out)


def _last(source: str, name: str) -> int:
    """Where the last end of a command stands: one that never ends hides nothing."""
    return max((match.start() for match in re.finditer(f"</{name}>", source, re.IGNORECASE)), default=-1)


def _words(token: str, filled: bool, elder: bool) -> str:
    if token[0] != "\n" or not filled:
        return "&lt;" if token == "<<" else html.escape(token)
    return " " if elder else "<br>" * (len(token) - 1) or " "
