"""The test of a MAPI profile's log-in alone, saved or not: what is asked of ingest."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from console.errors import Remedy, UserError
from console.servers import server_tests
from console.servers.checking import check_secrets
from console.settings.entries import fixed_faults, nearest, read_entry, refusal
from console.settings.merging import merge_entry
from schemas.addresses import check_address
from schemas.servers import ServerTest
from schemas.settings import MapiProfile
from schemas.snapshot import SettingsSnapshot

_ANOTHER = "name the other profile instead"
MAILBOX = "mailbox"  # the field that is at fault


def request(profile: MapiProfile, mailbox: str, now: datetime) -> ServerTest:
    """Raises `UserError` where the mailbox is no address, or is missing and needed."""
    if not mailbox and profile.needs_mailbox:
        raise UserError("Exchange Web Services are logged in to at a mailbox", "give the address of one", place=MAILBOX)
    try:
        address = check_address(mailbox) if mailbox else ""
    except ValueError as error:
        raise UserError(str(error), "write it as name@example.org", place=MAILBOX) from None
    return server_tests.request(now, profile=profile, mailbox=address)


def profile_to_test(
    settings: SettingsSnapshot, profile_id: str, fields: Mapping[str, Any], entered: Collection[str], *, new: bool
) -> MapiProfile:
    """The saved profile with these fields changed, or a `new` one of them alone. Raises `UserError`.

    `entered`: the secrets among them. A saved one is used where none was entered, unless it would go elsewhere.
    """
    stored = None if new else settings.mapi_profile(profile_id)
    if stored is None and not new:
        known = [one.id for one in settings.all_of(MapiProfile)]
        raise UserError(
            f"there is no MAPI profile {profile_id!r}", nearest(profile_id, known) if known else Remedy.ADD_PROFILE
        )
    faults = fixed_faults(fields, {"kind": "mapi-profile", "id": profile_id}, _ANOTHER)
    entry = {**merge_entry(fields, MapiProfile, stored), "id": profile_id}
    profile, found = read_entry(entry, MapiProfile, None)
    if profile is None or faults:
        raise refusal((*faults, *found))
    if stored is not None:
        check_secrets(profile, stored, entered)
    return profile
