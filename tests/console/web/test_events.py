"""What events are called: every one has words, and the words lead back to it."""

from typing import get_args

import pytest

from console.web.labels import EVENTS, event_name, event_words
from schemas.events import CallEvent
from schemas.settings.notification_rules import DeskEvent

_MODELS = get_args(get_args(CallEvent)[0])
_NAMES = sorted({*get_args(DeskEvent), *(model.model_fields["event"].default for model in _MODELS)})


@pytest.mark.parametrize("name", _NAMES)
def test_every_event_has_words_of_its_own(name: str) -> None:
    words = event_words(name)
    assert " " in words and event_name(words) == event_name(words.upper()) == event_name(name) == name


def test_there_are_no_words_for_what_is_no_event() -> None:
    assert sorted(EVENTS) == _NAMES
    assert len({words.casefold() for words in EVENTS.values()}) == len(EVENTS)
    assert event_words("disk-full") == event_name("disk-full") == "disk-full"
