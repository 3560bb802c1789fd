"""What operations say of settings, as a settings file has them, in the words that are on a page."""

import re
from collections.abc import Mapping

from console.web.labels import LABELS, WORDS, label, word

# Fields that are called by their names, and of which operations speak.
_PLAIN = (
    "move_to",
    "start_from",
    "close_words",
    "outgoing_server",
    "client_secret",
    "refresh_token",
    "token_url",
    "token_file",
    "managed_identity",
    "secret_ends",
)
# What operations say of settings is in the words of a settings file: `move_to`, `after_fetch: move`, `sasl-plain`.
_SETTING = re.compile(r"\b([A-Za-z][a-z_]+): ([a-z][a-z0-9-]+)\b")
_METHOD = re.compile(r"\b(?:authentication )?(sasl-[a-z0-9-]+)\b|\bauthentication (standard|apop|none)\b", re.I)
_BY_METHOD = re.compile(r"(?<=\bby )(standard|apop)\b")
_FIELD = re.compile(r"\b[A-Za-z][a-z]*(?:_[a-z]+)+\b")
# What cannot be told from a mail server's own words one by one.
_PHRASES: Mapping[str, str] = {
    "needs username": "needs user name",
    "needs tenant": "needs the Directory (tenant)",
    "Basic and ntlm need username": "Basic and NTLM need a User name",
    "Basic and ntlm need password": "Basic and NTLM need a Password",
    "choose kerberos or oauth2": "choose Kerberos or OAuth2",
    "basic, ntlm and oauth2 need url": "Basic, NTLM and OAuth2 need the address",
    "goes with a username": "goes with a User name",
    "Set username as well": "Enter the User name as well",
    "Check username, password and authentication": "Check User name, Password and Authentication Method",
    "Check host": "Check Server",
    "Check port and security (tls and starttls use": "Check Port and Security (TLS and STARTTLS use",
}
_DOCUMENT = re.compile(r",? see docs/[\w/.-]*\w")  # users of the window have no such file


def in_labels(text: str) -> str:
    """What is said of settings as a settings file has them, in the words that stand on a page."""
    text = _DOCUMENT.sub("", text)
    text = _SETTING.sub(_setting, text)
    text = _BY_METHOD.sub(lambda found: word(found[0]), _METHOD.sub(_method, text))
    text = _FIELD.sub(_field, text)
    for said, shown in _PHRASES.items():
        text = text.replace(said, shown)
    return text


def _setting(found: re.Match[str]) -> str:
    """`after_fetch: move`, where both are words of ours; else as it stands."""
    name, value = found[1].lower(), found[2]
    ours = value in WORDS and (name in LABELS or "_" in name)
    return f"{label(name)} “{word(value)}”" if ours else found[0]


def _method(found: re.Match[str]) -> str:
    method = (found[1] or found[2]).lower()
    return "(No authentication)" if method == "none" else word(method)


def _field(found: re.Match[str]) -> str:
    """Whoever writes a mail server's answers may have names like ours: only what is a label here is made one."""
    name = found[0].lower()
    return f"“{label(name)}”" if name in LABELS or name in _PLAIN else found[0]
