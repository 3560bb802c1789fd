"""What people call a setting, such as a partition or a mail server: its name where it has one, else its id."""

from schemas.snapshot import SettingsSnapshot


def name_of(settings: SettingsSnapshot, kind: str, id_: str) -> str:
    """`kind` as in the key of a setting: `incoming-server`. What is set up no more is called by its id."""
    return getattr(settings.settings.get(f"{kind}/{id_}"), "name", "") or id_
