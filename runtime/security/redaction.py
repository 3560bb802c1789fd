"""The secrets that this process has opened, by value: no text that leaves it repeats one, whoever wrote the text.

A mail server may respond with the password that it was sent. So every secret that is opened is remembered here
(`remember`), and texts are searched where they leave: logs, records about servers, dead letters, `/readyz`, the
console's errors. The messages themselves are not: they are other people's words, and nothing in them came from us.

A search takes time by the length of the text, however many secrets are known.
"""

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from runtime.security.secret_forms import cases_of, forms_of

HIDDEN = "***"
MIN_LENGTH = 4  # characters; anything shorter occurs in ordinary text, and is guessed sooner than read
ANYWHERE = 8  # from this length on a secret is found as a part of a longer word, too
HEAD = 12  # this much of the beginning of a longer one reveals it where it was cut off
PIECE = 16  # this much of its middle may
MOST_SECRETS = 4096
MOST_CHARACTERS = 16_000_000  # of all forms of all secrets
_SECRET_VARIABLES = (  # of PostgreSQL's client, and of the blob stores that `obstore` reaches
    "PGPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_TOKEN",
)
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})  # of PostgreSQL's URLs
MAX_PRINTABLE = 300  # characters
_RUN = re.compile(rf"[\w+/.~%-]{{{PIECE},}}")
_REST = r"[\w+/=.~%-]*"


@dataclass(frozen=True, slots=True)
class _Form:
    """What is searched for. `doubtful`: not in our own texts; `is_word`: not inside a longer word."""

    text: str
    doubtful: bool
    is_word: bool

    @property
    def head(self) -> str:
        """What the form is known by where it was cut off; "" where that could be an ordinary word."""
        head = self.text[:HEAD]
        return head if len(self.text) >= 2 * HEAD and not head.isalpha() else ""

    @property
    def pieces(self) -> set[str]:
        """Samples of a long form. A piece of it that holds none is shorter than `PIECE` and one step."""
        if len(self.text) < 2 * HEAD:
            return set()
        step = 8 if len(self.text) < 256 else 32
        pieces = (self.text[at : at + PIECE] for at in range(0, len(self.text) - PIECE + 1, step))
        return {piece for piece in pieces if not piece.isalpha()}


class KnownSecrets:
    """A bounded set of secrets: the oldest is forgotten first. May be used by many threads."""

    def __init__(self, most: int = MOST_SECRETS, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._most_characters = most_characters
        self._lock = threading.Lock()
        self._known: dict[str, tuple[_Form, ...]] = {}
        self._by_start: dict[str, tuple[_Form, ...]] = {}  # by their first characters, as many as the shortest has
        self._pieces: Counter[str] = Counter()
        self._characters = 0
        self._longest = 0

    def add(self, secret: str) -> None:
        if len(secret) < MIN_LENGTH:
            return
        with self._lock:
            forms = self._known.pop(secret, None)
            self._known[secret] = self._added(secret) if forms is None else forms  # the newest now
            while len(self._known) > self._most or self._characters > self._most_characters:
                self._drop(self._known.pop(next(iter(self._known))))

    def conceal(self, text: str) -> str:
        """A text of ours without secrets, but for those that could be one of its ordinary words (`_is_doubtful`)."""
        return self._conceal(text, doubtful=False) if self._known else text

    def conceal_said(self, text: str, most: int) -> str:
        """Somebody else's text, cut to this many characters, without any secret: not half of one at its end either."""
        return self._conceal(text[: most + self._longest], doubtful=True)[:most]

    def _added(self, secret: str) -> tuple[_Form, ...]:
        doubtful, cases = _is_doubtful(secret), cases_of(secret)
        is_short = len(secret) < ANYWHERE
        forms = tuple(_Form(one, doubtful and one in cases, is_short and one in cases) for one in forms_of(secret))
        for form in forms:
            start = form.text[:MIN_LENGTH]
            self._by_start[start] = (*self._by_start.get(start, ()), form)
            self._pieces.update(form.pieces)
            self._characters += len(form.text)
            self._longest = max(self._longest, len(form.text))
        return forms

    def _drop(self, forms: tuple[_Form, ...]) -> None:
        for form in forms:
            start = form.text[:MIN_LENGTH]
            left = tuple(one for one in self._by_start[start] if one is not form)
            if left:
                self._by_start[start] = left
            else:
                del self._by_start[start]
            for piece in form.pieces:
                self._pieces[piece] -= 1
                if not self._pieces[piece]:
                    del self._pieces[piece]
            self._characters -= len(form.text)

    def _conceal(self, text: str, *, doubtful: bool) -> str:
        by_start, pieces = self._by_start, self._pieces
        starts = {text[at : at + MIN_LENGTH] for at in range(len(text) - MIN_LENGTH + 1)}
        found = [form for start in starts if start in by_start for form in by_start.get(start, ())]
        found.sort(key=lambda form: -len(form.text))
        for form in found:
            if form.text in text and (doubtful or not form.doubtful):
                text = _without(text, form)
        for head in {form.head for form in found}:
            if head and head in text:
                text = re.sub(re.escape(head) + _REST, HIDDEN, text)
        return _RUN.sub(lambda run: HIDDEN if _holds(run[0], pieces) else run[0], text) if pieces else text


_known = KnownSecrets()
remember = _known.add
conceal = _known.conceal
conceal_said = _known.conceal_said


def printable(said: object) -> str:
    """What a server, a broker or a provider said, fit for a log and a status.

    One line of bounded length, without control characters and without any secret of ours that it repeats.
    """
    text = conceal_said(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said), 4 * MAX_PRINTABLE)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:MAX_PRINTABLE]


def remember_configured(urls: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """Of URLs and of the environment, which libraries read by themselves. Anything that is no URL is skipped."""
    for url in (*urls, *(environment.get(name, "") for name in _PROXIES)):
        for secret in _in_url(url):
            remember(secret)
    for name in _SECRET_VARIABLES:
        remember(environment.get(name, ""))


def _is_doubtful(secret: str) -> bool:
    """Whether it may be a word or a number of our own texts, such as `password` or `10000`.

    To hide it there would spoil the text, and reveal the secret to readers who know the text.
    """
    if secret.isalpha():
        return len(secret) < 16
    return len(secret) < 6 or (not any(map(str.isalpha, secret)) and len(secret) < 12)


def _without(text: str, form: _Form) -> str:
    if form.is_word:
        return re.sub(rf"(?<!\w){re.escape(form.text)}(?!\w)", HIDDEN, text)
    return text.replace(form.text, HIDDEN)


def _holds(run: str, pieces: Counter[str]) -> bool:
    return any(run[at : at + PIECE] in pieces for at in range(len(run) - PIECE + 1))


def _in_url(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        written = parts.password or ""
        query = parse_qsl(parts.query, max_num_fields=100)
    except ValueError:
        return []
    return [written, unquote(written), *(value for name, value in query if name in _SECRET_PARAMETERS)]
