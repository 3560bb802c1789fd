"""What operations say of settings, in the words that stand on a page."""

import pytest

from console.web.wording import in_labels


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("move_to goes with after_fetch: move", "“Move to” goes with After fetching “Move it”"),
        (
            "set authserv_id, see docs/trust.md, or trust: off.",
            "set “Name in Authentication-Results”, or Proof of sender “Off”.",
        ),
        (
            "authentication sasl-plain needs username and password",
            "SASL Plain Authentication needs user name and password",
        ),
        ("refused the login of 'it' by standard: no", "refused the login of 'it' by Standard Authentication: no"),
        (
            "refused: no. Check username, password and authentication",
            "refused: no. Check User name, Password and Authentication Method",
        ),
        (
            "Set security: starttls or security: none, or the port",
            "Set Security “STARTTLS” or Security “None”, or the port",
        ),
        (
            "leaves alone what lies there (start_from: now)",
            "leaves alone what lies there (Start from “What comes from now on”)",
        ),
    ],
)
def test_words_of_a_settings_file_become_labels(said: str, shown: str) -> None:
    assert in_labels(said) == shown


@pytest.mark.parametrize(
    "words", ["535 check username and password", "host: it.example", "a_name_of_theirs", "see: that"]
)
def test_what_is_no_word_of_ours_stays(words: str) -> None:
    assert in_labels(words) == words
