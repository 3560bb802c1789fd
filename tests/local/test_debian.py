"""What Debian or a build has to bring is found, or else it is told what is missing and what to do."""

from pathlib import Path

import pytest

from deploy.local import NotAvailableError
from deploy.local.packages.debian import need, need_module


def test_who_is_not_root_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NotAvailableError, match=r"mailkrake is not installed: run `apt-get install .* mailkrake-core`"):
        need("mailkrake", (), ("mailkrake-core",))


def test_a_program_without_its_plug_in_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert need("sh", (), ()).name == "sh"
    with pytest.raises(NotAvailableError, match="shell-plug-in"):
        need("sh", (tmp_path / "plug-in",), ("shell-plug-in",))


def test_a_module_that_is_there_needs_nothing(tmp_path: Path) -> None:
    need_module("pytest", tmp_path / "none.txt", compiler="no-compiler", headers=(), packages=())


def test_a_module_that_cannot_be_built_is_told_with_the_words_of_pip(tmp_path: Path) -> None:
    with pytest.raises(NotAvailableError, match=r"(?s)none\.txt. failed, and Python's mailkrake is needed.*none\.txt"):
        need_module("mailkrake", tmp_path / "none.txt", compiler="sh", headers=(), packages=())
