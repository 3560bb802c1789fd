"""What a change of persons is checked against: the settings now, and the persons now."""

from collections.abc import Collection

from console.persons.current import CurrentPersons
from console.services import Services
from console.settings.state import State
from console.web.current import view_in
from schemas.snapshot import SettingsSnapshot


def settings_now(services: Services) -> SettingsSnapshot:
    """Raises `OutageError` while they have not been read."""
    return view_in(services).settings


def state_now(services: Services, ids: Collection[str]) -> State:
    """Settings, and these persons. Raises `OutageError`, `TopicMissingError`."""
    return State(settings_now(services), CurrentPersons(services.config, services.engine).find(ids))
