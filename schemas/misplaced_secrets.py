"""Whether a changed setting would send a saved secret to another server than it was saved for. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.settings import MailServer, MapiProfile, Secret

# Where a password or a token goes, and how well it is protected on the way there.
DESTINATION = (
    "protocol",
    "host",
    "port",
    "security",
    "minimum_tls",
    "ca_file",
    "allow_password_in_clear",
    "username",
)
TOKEN_ENDPOINT = ("oauth.token_url", "oauth.client_id", "oauth.ca_file")
_OF_SERVERS = {
    "password": DESTINATION,
    "oauth.client_secret": (*DESTINATION, *TOKEN_ENDPOINT),
    "oauth.refresh_token": (*DESTINATION, *TOKEN_ENDPOINT),
}
# With MAPI: what proves the application goes to the directory, or signs for it; a password to Exchange.
DIRECTORY = ("cloud", "tenant", "client_id", "login_url", "ca_file")
_OF_PROFILES = {
    "password": ("transport", "url", "authentication", "username", "ca_file"),
    "client_secret": (*DIRECTORY, "transport", "url", "graph_url"),
    "certificate": (*DIRECTORY, "transport", "url", "graph_url"),
}


@dataclass(frozen=True, slots=True)
class MisplacedSecret:
    """The dotted field of a saved secret, and the dotted fields by which it would go elsewhere."""

    field: str
    changed: tuple[str, ...]


def misplaced_secrets(
    saved: MailServer | MapiProfile, changed: MailServer | MapiProfile
) -> tuple[MisplacedSecret, ...]:
    """The secrets of `changed` that are those of `saved`, where they would go elsewhere. Pure."""
    return tuple(_misplaced(saved, changed))


def _misplaced(saved: MailServer | MapiProfile, changed: MailServer | MapiProfile) -> Iterator[MisplacedSecret]:
    bound = _OF_PROFILES if isinstance(changed, MapiProfile) else _OF_SERVERS
    for field, bound_to in bound.items():
        secret = _at(changed, field)
        if isinstance(secret, Secret) and secret == _at(saved, field):
            moved = tuple(name for name in bound_to if _at(saved, name) != _at(changed, name))
            if moved:
                yield MisplacedSecret(field, moved)


def _at(server: MailServer | MapiProfile, field: str) -> object:
    value: object = server
    for name in field.split("."):
        value = getattr(value, name, None)
    return value
