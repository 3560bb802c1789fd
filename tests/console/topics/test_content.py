"""What a record's content is shown as."""

import json

from console.topics.content import HIDDEN, content_of
from schemas.topics import SETTINGS
from schemas.wire import Record


def test_no_secret_within_a_record_is_shown() -> None:
    value = {"id": "it", "oauth": [{"client_secret": {"sealed": "c2VjcmV0"}, "scope": "mail"}]}
    shown = content_of(SETTINGS, Record("settings", 0, 0, b"k", json.dumps(value).encode(), (), 0)).text
    assert shown is not None
    assert json.loads(shown) == {"id": "it", "oauth": [{"client_secret": {"sealed": HIDDEN}, "scope": "mail"}]}
