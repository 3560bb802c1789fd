"""What events are called on a page: the one table of their names for people, and the way back from what was typed."""

from collections.abc import Mapping

# Name of an event -> how it is written for people. An integrator's own event stands as it is.
EVENTS: Mapping[str, str] = {
    "CallLogged": "Call logged",
    "CallUpdated": "Call updated",
    "CallClosed": "Call closed",
    "CallReopened": "Call reopened",
    "TaskLogged": "Task created",
    "TaskUpdated": "Task updated",
    "TaskClosed": "Task closed",
    "TaskReopened": "Task reopened",
    "RequestLogged": "Request created",
    "RequestUpdated": "Request updated",
    "RequestClosed": "Request closed",
    "RequestReopened": "Request reopened",
    "ActionRefused": "Action refused",
    "PersonCreated": "Person created",
    "WatchersChanged": "Watchers changed",
}
_NAMES: Mapping[str, str] = {words.casefold(): name for name, words in EVENTS.items()}


def event_words(name: str) -> str:
    return EVENTS.get(name, name)


def event_name(typed: str) -> str:
    """Of words as they stand on a page, whatever their case; anything else is a name already."""
    return _NAMES.get(" ".join(typed.split()).casefold(), typed)
