"""Whole mails of the programs in programs.py: one case a form, a place of the answer, and words of its author."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from tests.replies.programs import ADDRESS, AUTHOR, NAME, SUBJECT, Program
from tests.replies.words import words

_QUOTED = (
    "Hello,\n\nyour call C-000123 is solved: please try again before 5 pm.\n\nService Desk\n\n"
    "On 11/16/26 9:00 AM, Anna Berg wrote:\n> It prints stripes.\n> Since Friday."
)
_QUOTED_TOO = "Which printer is it?"
_BLANK = {
    "div": "<div><br></div>",
    "p": "<p>&nbsp;</p>",
    "word": "<p class=MsoNormal><o:p>&nbsp;</o:p></p>",
    "br": "<br>\n",
}
_LINE = {"div": "<div>{}</div>", "p": "<p>{}</p>", "word": "<p class=MsoNormal>{}<o:p></o:p></p>", "br": "{}<br>\n"}
# Kind of the author's words | who is answered: a long name, one with signs, one of two letters.
_NAMES = {"line": NAME, "told": "Kuhn, Jörg (IT)", "letter": "IT"}


@dataclass(frozen=True)
class Case:
    """`own`: what the author wrote, `expected`: the reply. Both are compared without regard to blanks."""

    form: str
    raw: bytes
    own: str
    expected: str


def cases(program: Program, language: str) -> Iterator[Case]:
    """Every form this program has: text on one line and wrapped, HTML, both; above, and as its users do, elsewhere."""
    for (kind, name), own in zip(_NAMES.items(), words(language), strict=True):
        head = program.heads[language].replace(NAME, name)
        if program.signatures:
            own = f"{own}\n\n{program.signatures[language]}"
        quote = _above(program, head, _QUOTED)
        bodies = {"above": f"{own}\n\n{quote}\n"}
        if not program.around:
            bodies["close above"] = f"{own}\n{quote}\n"
        if program.below:
            bodies["below"] = f"{quote}\n\n{own}\n"
            bodies["between"] = f"{quote}\n\n{own}\n\n{_marked(_QUOTED_TOO, program.marks)}\n\n{own}\n"
        what = "text/plain; format=flowed" if program.flowed else "text/plain"
        for place, body in bodies.items():
            expected = body if place == "between" else own
            yield Case(f"{kind} {place} text", _mail("text/plain", body), own, expected)
            if (wrapped := _wrapped(body, program)) != body:
                expected = wrapped if place == "between" else own
                yield Case(f"{kind} {place} wrapped", _mail(what, wrapped), own, expected)
        if program.html:
            html = _html(program, own, head)
            yield Case(f"{kind} html", _mail("text/html", html), own, own)
            yield Case(f"{kind} both", _both(what, _wrapped(bodies["above"], program), html), own, own)


def _above(program: Program, head: str, quoted: str) -> str:
    between = "\n\n" if program.gap else "\n"
    if program.around:
        return _marked(f"{head}{between}{quoted}", program.marks)
    return f"{head}{between}{_marked(quoted, program.marks)}"


def _marked(text: str, marks: str) -> str:
    return "\n".join(f"{marks}{line}".rstrip() for line in text.split("\n"))


def _wrapped(body: str, program: Program) -> str:
    """Long lines broken at blanks, a quoted one with its marks again; with a soft break where the program has those."""
    end = " \n" if program.flowed else "\n"
    return "\n".join(_broken(line, program, end) for line in body.split("\n"))


def _broken(line: str, program: Program, end: str) -> str:
    marks = program.marks if program.marks.strip() and line.startswith(program.marks) else ""
    rest, lines = line.removeprefix(marks), list[str]()
    while len(marks + rest) > program.width:
        at = rest.rfind(" ", 1, program.width - len(marks))
        if program.opening and "<" in rest[at : program.width]:
            at = rest.index("<", at)
            lines.append(marks + rest[: at + 1])
        elif at > 0 and rest[:at].strip():
            lines.append(marks + rest[:at].rstrip())
        else:
            break
        rest = rest[at + 1 :]
    return end.join([*lines, marks + rest])


def _html(program: Program, own: str, head: str) -> str:
    """A header block has its labels in bold."""
    rows = []
    for row in head.strip().split("\n"):
        label, colon, value = row.partition(":")
        bold = "\n" in head and colon and len(label) < 20 and not label.startswith(("-", "_"))
        rows.append(f"<b>{escape(label)}:</b>{escape(value)}" if bold else escape(row, quote=False))
    link = f'&lt;<a href="mailto:{ADDRESS}">{ADDRESS}</a>&gt;'
    shown = "<br>\n".join(row for row in rows if row.strip("_")).replace(f"&lt;{ADDRESS}&gt;", link)
    parts = {"{words}": _lines(own, program.paragraphs), "{head}": shown, "{quote}": _lines(_QUOTED, "div")}
    html = program.html
    for place, part in parts.items():
        html = html.replace(place, part)
    return html


def _lines(text: str, paragraphs: str) -> str:
    lines = (_LINE[paragraphs].format(escape(line)) if line else _BLANK[paragraphs] for line in text.split("\n"))
    return "".join(lines)


_HEADERS = (
    f"From: Anna Berg <{AUTHOR}>\r\nTo: {ADDRESS}\r\nSubject: Re: {SUBJECT}\r\n"
    "Date: Tue, 17 Nov 2026 15:00:00 +0100\r\nMessage-ID: <answer-1@firm.example>\r\n"
    "In-Reply-To: <1@desk.example>\r\nMIME-Version: 1.0\r\n"
)


def _part(content_type: str, body: str) -> str:
    lines = body.replace("\n", "\r\n")
    name, _, parameters = content_type.partition(";")
    more = f";{parameters}" if parameters else ""
    return f"Content-Type: {name}; charset=utf-8{more}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{lines}"


def _mail(content_type: str, body: str) -> bytes:
    return f"{_HEADERS}{_part(content_type, body)}".encode()


def _both(what: str, text: str, html: str) -> bytes:
    parts = "".join(f"--b1\r\n{_part(*one)}\r\n" for one in ((what, text), ("text/html", html)))
    return f'{_HEADERS}Content-Type: multipart/alternative; boundary="b1"\r\n\r\n{parts}--b1--\r\n'.encode()
