"""Parses address headers (RFC 5322, section 3.4 and 4.4) as they are really written. Each character is read once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from resolver.parsing.address_forms import BLANK, clean_address, join_spaced, notes_mailbox
from resolver.parsing.encoded_words import clean_line, decode_words, raw_text
from schemas.mail import Defect, Mailbox

MAX_MAILBOXES = 10_000
MAX_TOKENS = 100_000  # of a field
_SHORT = 200  # bytes of a field that is remembered: the desk's own address and its correspondents come again

_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<word>=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)"  # first: its payload may hold unencoded commas and brackets
    r"|(?P<atom>(?:[^\s\"(),:;<>\[\]=]++|=(?!\?)|\[[^\[\]\s]{0,300}\])++)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ANGLE = re.compile(r"<([^<>]*)>?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SWALLOWED = re.compile(r"<[^<>\s@]++@[^<>\s]++>\s*+[,;]")
_QUOTED_LOCAL = re.compile(r'^"(?:[^"\\]|\\.)+"(?=@)')


# One mailbox without anything odd: most headers hold just that.
_SIMPLE = re.compile(
    r"""(?:(?:"([^"\\<>@]*)"\s?|([^"\\<>@,;:()\[\]]*))<)?([^\s<>"@,;:()\\\[\]=?]+@[^\s<>"@,;:()\\\[\]=?]+)(>?)\Z"""
)


@dataclass(slots=True)
class _Draft:
    """One mailbox while it is read."""

    words: list[tuple[str, str]] = field(default_factory=list)  # (kind, text), blanks as ("blank", " ")
    comments: list[str] = field(default_factory=list)
    angles: list[str] = field(default_factory=list)
    holds_address: bool = False  # as far as a colon has looked


def parse_addresses(values: Iterable[bytes], hint: str | None, found: set[Defect]) -> tuple[Mailbox, ...]:
    """Every mailbox of these header fields, in order; groups taken apart (`undisclosed-recipients:;` holds none)."""
    boxes: list[Mailbox] = []
    for value in values:
        if len(value) <= _SHORT and (known := _remembered(value)):
            boxes.append(known)
            continue
        text = raw_text(value, hint, found)
        box = _simple_mailbox(text, found)
        boxes += [box] if box else _AddressParser(text, found).read()
        if len(boxes) > MAX_MAILBOXES:
            break
    return tuple(boxes[:MAX_MAILBOXES])


@lru_cache(maxsize=2048)
def _remembered(value: bytes) -> Mailbox | None:
    """The only mailbox of a header without defects, which the mail about it changes nothing of; None for any other."""
    found: set[Defect] = set()
    box = _simple_mailbox(raw_text(value, None, found), found)
    return None if found else box


def _simple_mailbox(text: str, found: set[Defect]) -> Mailbox | None:
    """The only mailbox of a header, where it needs no closer reading."""
    match = _SIMPLE.match(text.strip())
    if match is None:
        return None
    quoted, bare, address, close = match.groups()
    name = quoted if quoted is not None else bare
    if (name is None) == bool(close):
        return None
    return Mailbox(address=clean_line(address), name=clean_line(decode_words(" ".join((name or "").split()), found)))


class _AddressParser:
    def __init__(self, text: str, found: set[Defect], nested: bool = False) -> None:
        self.text = text
        self.found = found
        self.nested = nested
        self.boxes: list[Mailbox] = []
        self.draft = _Draft()
        self.loose = 0  # boxes without an address just before a comma: they may begin a name
        self.quotes_left = True
        self.swallowed = -1  # where the last address in a quotation begins that lost its end
        self.comments_left = True

    def read(self) -> list[Mailbox]:
        position, text = 0, self.text
        for _ in range(MAX_TOKENS):
            if position >= len(text) or len(self.boxes) > MAX_MAILBOXES:
                break
            match = _TOKEN.match(text, position)
            assert match is not None  # the last alternative matches any character
            position = match.end()
            kind = match.lastgroup
            if kind == "other":
                position = self._special(match[0], position - 1)
            elif kind == "blank":
                if self.draft.words[-1:] != [BLANK]:
                    self.draft.words.append(BLANK)
            else:
                self.draft.words.append((kind or "atom", match[0]))
        self._finish()
        return self.boxes

    def _special(self, sign: str, start: int) -> int:
        """Handles one special character at `start`; answers where to go on."""
        if sign == '"':
            return self._quoted(start)
        if sign == "(":
            return self._comment(start)
        if sign == "<":
            return self._angle(start)
        if sign == ",":
            self._finish()
        elif sign == ";":
            self._finish()
            self.loose = 0
        elif sign == ":":
            self._colon()
        elif sign in "[]=":
            self.draft.words.append(("atom", sign))
        return start + 1

    def _quoted(self, start: int) -> int:
        if self.quotes_left and start > self.swallowed:
            match = _QUOTED.match(self.text, start)
            if match is None:
                self.quotes_left = False  # no closing quote from here on: do not look for one again
            elif swallowed := [*_SWALLOWED.finditer(self.text, *match.span(1))]:
                self.swallowed = swallowed[-1].start()  # an escaped quote before it would end where this one does
            else:
                self.draft.words.append(("quoted", _ESCAPE.sub(r"\1", match[1])))
                return match.end()
        self.found.add(Defect.BAD_ADDRESS)
        return start + 1

    def _comment(self, start: int) -> int:
        """RFC 5322, section 3.2.2: comments nest."""
        depth, position = 0, start
        while self.comments_left and position < len(self.text):
            sign = self.text[position]
            if sign == "\\":
                position += 1
            elif sign == "(":
                depth += 1
            elif sign == ")":
                depth -= 1
                if depth == 0:
                    self.draft.comments.append(_ESCAPE.sub(r"\1", self.text[start + 1 : position]))
                    return position + 1
            position += 1
        self.comments_left = False
        self.found.add(Defect.BAD_ADDRESS)
        return start + 1

    def _angle(self, start: int) -> int:
        match = _ANGLE.match(self.text, start)
        assert match is not None
        content, end = match[1], match.end()
        if not match[0].endswith(">"):
            self.found.add(Defect.BAD_ADDRESS)
            cut = re.search(r"[,;]", content)
            if cut:
                content, end = content[: cut.start()], start + 1 + cut.start()
        self.draft.angles.append(content)
        return end

    def _colon(self) -> None:
        """A colon ends a group's name; inside an address it is junk."""
        draft = self.draft
        if not draft.holds_address:
            draft.holds_address = bool(draft.angles) or any("@" in text for _, text in draft.words)
        if draft.holds_address:
            draft.words.append(("atom", ":"))
        else:
            self.draft = _Draft()

    def _finish(self) -> None:
        loose, self.loose = self.loose, 0
        draft, self.draft = self.draft, _Draft()
        words, comments = draft.words, draft.comments
        plain = draft.angles[-1] if draft.angles else "".join(text for _, text in words)
        notes = notes_mailbox(decode_words(plain, self.found)) if "/" in plain else None
        if notes:
            phrase = self._phrase(words) if draft.angles else ""
            self._add(notes.address, phrase or self._comment_name(comments) or notes.name)
            return
        with_sign = [a for a in draft.angles if "@" in a]
        if with_sign or (draft.angles and not any("@" in text for kind, text in words if kind == "atom")):
            chosen = with_sign[-1] if with_sign else draft.angles[-1]
            name = self._phrase(words)
            if name and loose and with_sign:
                name = self._with_loose(loose, name)
            self._add(clean_address(decode_words(chosen, self.found)), name or self._comment_name(comments))
            return
        words = join_spaced(words)
        addresses = [text for kind, text in words if "@" in text and kind in ("atom", "address")]
        if addresses:
            taken = set(addresses)
            rest = [(kind, text) for kind, text in words if text not in taken]
            name = self._phrase(rest) or self._comment_name(comments)
            for i, address in enumerate(addresses):
                self._add(clean_address(address), name if i == 0 else "")
            return
        before = len(self.boxes)
        self._finish_without_sign(words, comments)
        self.loose = loose + 1 if len(self.boxes) == before + 1 and not comments else 0

    def _with_loose(self, count: int, name: str) -> str:
        """The name whose beginning was taken for boxes of its own: `Ek, Anna <anna@example.org>` without quotes."""
        pieces = [box.address or box.name for box in self.boxes[-count:]]
        del self.boxes[-count:]
        return ", ".join([*pieces, name])

    def _finish_without_sign(self, words: list[tuple[str, str]], comments: list[str]) -> None:
        """No @ in plain sight: an encoded or quoted address, a bare name as local programs use it, or only a name."""
        phrase = self._phrase(words)
        if not phrase:
            return
        if "@" in phrase and not self.nested:
            self.found.add(Defect.BAD_ADDRESS)
            self.boxes += _AddressParser(phrase, self.found, nested=True).read()
        elif " " not in phrase:
            self._add(phrase, self._comment_name(comments))
        else:
            self._add("", phrase)

    def _phrase(self, words: list[tuple[str, str]]) -> str:
        """A display name: encoded words decoded together, quotes removed."""
        return clean_line(decode_words("".join(text for _, text in words), self.found))

    def _comment_name(self, comments: list[str]) -> str:
        return clean_line(decode_words(" ".join(comments), self.found))

    def _add(self, address: str, name: str) -> None:
        address = clean_line(address)
        plain = _QUOTED_LOCAL.sub("quoted", address)  # RFC 5322, 3.4.1: within the marks anything may stand
        if plain.count("@") != 1 or any(c.isspace() for c in plain) or plain.startswith("@") or plain.endswith("@"):
            self.found.add(Defect.BAD_ADDRESS)
        if address or name:
            self.boxes.append(Mailbox(address=address, name=name))
