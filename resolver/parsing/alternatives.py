"""Where a body has the same content as text and as HTML: which of the two to use."""

import html
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from resolver.parsing.encoded_words import IGNORABLE
from resolver.parsing.html_text import html_to_text
from resolver.parsing.reply import reply_of

MAX_STUB = 150  # words of a text that may be a stub; a longer one says something
MAX_COMPARED = 1 << 20  # characters of a text that are compared word by word
_QUICK_LOOK = 2_000  # characters
_LETTERS = 10  # of a word, and more than most have
_CAPTION = 3  # words; fewer in an HTML are a logo's or a button's, and no message beside the text
_LEFT_OUT = 3  # words; fewer that a text lacks are names of pictures, or marks of a list
_FOOTER_LINES = 12

# One token a word; where no blanks stand between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer), one a letter.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[^\\W_{_UNSPACED}]+|[{_UNSPACED}\u2600-\u27bf\U0001f000-\U0001faff]")
_TAG = re.compile(r"<[^<>]*>")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"\])]+", re.IGNORECASE)
_PICTURE = re.compile(r"\[(?:cid|image)\b[^\]\n]{0,300}\]", re.IGNORECASE)  # as mail programs put it into a text
_FOOTER = re.compile(r"\s*+(?:-- ?|_{10,}+|#{20,}+|-{30,}+)[ \t]*(?:\n|\Z)")  # as mailing lists begin theirs
_FORMAT = re.compile(r"(?<![./a-z0-9])html")  # what a stub speaks of; report.html is a file
_BROWSER = re.compile(
    "browser|navegador|navigateur|navigatore|webbläsare|nettleser|selai|przegląda|prohlížeč|prehliadač|böngész|"
    "brauser|браузер|обозревател|preglednik|pregledač|περιήγησης|tarayıcı|trình duyệt|ブラウザ|浏览器|瀏覽器|"
    "브라우저|متصفح|مرورگر|דפדפן|เบราว์เซอร์|ब्राउज़र"
)


@dataclass(slots=True, eq=False)
class Place:
    """`html` is the mail's own, `enriched` what a text/enriched was made into."""

    text: str | None = None
    html: str | None = None
    enriched: str | None = None
    _shown: tuple[str, str] | None = field(default=None, init=False)

    @property
    def is_empty(self) -> bool:
        return self.text is None and self.rich is None

    @property
    def is_plain(self) -> bool:
        """Whether it is a text alone."""
        return self.text is not None and self.rich is None

    @property
    def rich(self) -> str | None:
        """The HTML that stands for the place."""
        return self.enriched if self.html is None else self.html

    def shown(self) -> tuple[str, str]:
        """What the HTML shows, as a text, and that text with quotations marked."""
        if self._shown is None:
            self._shown = html_to_text(self.rich or "")
        return self._shown

    def read(self) -> tuple[str, str]:
        """(text, text with quotations marked) of the place."""
        if self.rich is None:
            return self.text or "", self.text or ""
        if self.text is None:
            return self.shown()
        return _chosen(self.text, self.rich, self)

    def says_something(self) -> bool:
        """Whether words stand in it that are no mailing list's footer."""
        return says_something(self.text or "") or (self.rich is not None and says_something(self.shown()[0]))


def says_something(text: str) -> bool:
    """Whether a text has words, other than a mailing list's footer: a dot, a rule and invisible characters are none."""
    if not _WORD.search(_visible(text)):
        return False
    footer = _FOOTER.match(text)
    return footer is None or text.rstrip().count("\n", footer.end()) > _FOOTER_LINES


def _visible(text: str) -> str:
    return text if text.isascii() else IGNORABLE.sub("", text)


def _chosen(text: str, source: str, place: Place) -> tuple[str, str]:
    """The text, where it says what the HTML says. A stub gives way to the HTML; where each says something else,
    both stay, for nobody knows which of them the author wrote."""
    if _is_source(text, source, place):
        return place.shown()
    if _is_long(text):
        return text, text
    said = _first_words(text, MAX_STUB)
    share = 1.0 if text.rstrip().endswith(("...", "…")) else 0.5  # what breaks off has said all, or is a teaser
    if len(said) > MAX_STUB or _says_all(said, _first_words(_roughly_shown(source), 2 * MAX_STUB), share):
        return text, text
    shown, marked = place.shown()
    own = _first_words(reply_of(marked), 2 * MAX_STUB)  # some programs leave the quotation out of the text
    if not says_something(shown) or _says_all(said, own, share):
        return text, text
    if _is_stub(text, shown):
        return shown, marked
    if len(_words(shown)) < _CAPTION:
        return text, text
    return f"{text.rstrip()}\n\n{shown}", f"{text.rstrip()}\n\n{marked}"


def _is_long(text: str) -> bool:
    """Whether it surely has more words than a stub: as most texts, which then need no closer look. A piece between
    blanks is at least one word where it has letters and figures of ASCII, and no other sign of it. Not the last one: it
    may be cut, and the beginning of a link."""
    pieces = text[:_QUICK_LOOK].encode("ascii", "ignore").split()[:-1]
    return sum(map(bytes.isalnum, pieces)) > MAX_STUB


def _is_source(text: str, source: str, place: Place) -> bool:
    """Whether a program has put the HTML itself, or all that stands in its body, where its text belongs."""
    start = text[:200].lstrip()[:14].lower()
    if start.startswith(("<!doctype html", "<html")) or (start[:1] == "<" and text.strip() == source.strip()):
        return True
    if start[:1] != "<" or "</" not in text or len(text) > MAX_COMPARED:
        return False
    return _words(html_to_text(text)[0]) == _words(place.shown()[0])


def _is_stub(text: str, shown: str) -> bool:
    """Whether a short text that does not say what the HTML says can go without losing a word of the author's."""
    if not says_something(_PICTURE.sub(" ", html.unescape(text))):
        return True
    folded = text.casefold()
    if _FORMAT.search(folded) or (_URL.search(text) and _BROWSER.search(folded)):
        return True
    return not Counter(_words(text)) - Counter(_words(shown))


def _says_all(said: list[str], wanted: list[str], share: float) -> bool:
    """Whether a text says what the HTML says. One of which every word stands in the HTML, with others besides, leaves
    words out: it may have been cut, or lack what was written below."""
    if not _covers(said, wanted, share):
        return False
    return len(wanted) - len(said) < _LEFT_OUT or bool(Counter(said) - Counter(wanted))


def _covers(said: list[str], wanted: list[str], share: float) -> bool:
    """Whether that share of what is wanted has been said, in pairs of neighbours: single words meet by chance."""
    if not wanted or share * len(wanted) > len(said):
        return False
    if not Counter(said) - Counter(wanted):
        return True
    ours, theirs = Counter(pairwise(said)), Counter(pairwise(wanted))
    return (ours & theirs).total() >= max(share * theirs.total(), 1)


def _roughly_shown(source: str) -> str:
    """What HTML shows, at a glance: enough to see that a text says the same, which it nearly always does."""
    first, *others = source.split("<style")
    text = _TAG.sub(" ", "".join((first, *(other.partition("</style")[2] for other in others))))
    return html.unescape(text) if "&" in text else text


def _first_words(text: str, count: int) -> list[str]:
    """Its first words: all where they are few, else more than `count`. Links do not count: HTML hides most of them."""
    words = _words(_without_links(text[: _LETTERS * count]))
    return words if len(words) > count or len(text) <= _LETTERS * count else _words(_without_links(text))


def _without_links(text: str) -> str:
    return _URL.sub(" ", text) if "://" in text or "www." in text else text


def _words(text: str) -> list[str]:
    return _WORD.findall(_visible(text[:MAX_COMPARED]).casefold())


def merge_twins(places: list[Place]) -> list[Place]:
    """Places of which one says as HTML what its neighbour says as text become one place, which has both."""
    merged: list[Place] = []
    for place in places:
        twin = _twin(merged[-1], place) if merged else None
        if twin is None:
            merged.append(place)
        else:
            merged[-1] = twin
    return merged


def _twin(first: Place, second: Place) -> Place | None:
    """Both in one, if one says all that the other says: the words of the other, in their order, and little more."""
    plain, rich = (second, first) if first.text is None else (first, second)
    if plain.text is None or plain.rich is not None or rich.text is not None:
        return None
    text, shown = plain.text, rich.shown()[0]
    said, wanted = _words(text), _words(shown)
    if not said or not wanted or max(len(text), len(shown)) > MAX_COMPARED:
        return None
    both = Place(text=text, html=rich.html, enriched=rich.enriched)
    if _stands_in(wanted, said, _words(_without_links(text))):
        return both
    if _stands_in(said, wanted, _words(_without_links(shown))):
        both.text = None
        return both
    return None


def _stands_in(words: list[str], others: list[str], others_without_links: list[str]) -> bool:
    """Whether words stand among others in their order, and make half of them."""
    if len(words) > len(others) or 2 * len(words) < len(others_without_links):
        return False
    waiting = iter(others)
    return all(word in waiting for word in words)
