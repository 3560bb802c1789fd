"""Folds spellings that differ between mail programs into one: without accents, widths and invisible marks."""

import re
import unicodedata

_SEEN = 300  # characters of a text, unless more are asked for: one may become eighteen
_MAYBE_MARK = re.compile(r"[^\w\x00-\x7f]")  # no letter or digit is a mark


def folded(text: str, seen: int = _SEEN) -> str:
    """Its beginning in the one spelling: `Réponse`, composed, decomposed or bare; `：` and `:`.

    Small and capital letters stay; marks that only lay out text (of direction, joiners) are left out.
    """
    return _plain(text[:seen])


def folded_words(pattern: str) -> re.Pattern[str]:
    """A pattern for folded text, small letters or capitals, whose words are written as they are in their languages."""
    return re.compile(_plain(pattern), re.IGNORECASE)


def _plain(text: str) -> str:
    if text.isascii():
        return text
    return _MAYBE_MARK.sub(_without_mark, unicodedata.normalize("NFKD", text))


def _without_mark(found: re.Match[str]) -> str:
    sign = found[0]
    return "" if unicodedata.combining(sign) or unicodedata.category(sign) == "Cf" else sign
