"""The tests of this folder have no broker."""

from tests.console.settings.conftest import _in_memory

__all__ = ["_in_memory"]
