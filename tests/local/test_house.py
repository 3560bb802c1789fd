"""What must hold of the project as a whole: no package hides another, the downloads are pinned, no test is left out."""

import hashlib
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

from deploy.local.packages.jars import LOCK_FILE, LONE_JARS, PROGRAMS

ROOT = Path(__file__).parents[2]


def test_no_root_package_hides_another() -> None:
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert {"schemas", "runtime", "deploy"} <= ours
    theirs = {name for name, owners in packages_distributions().items() if owners != ["mailcall"]}
    assert not ours & (theirs | sys.stdlib_module_names | {"kafka", "logging", "platform"})


def test_every_program_is_pinned_with_the_digest_of_each_jar() -> None:
    lock = tomllib.loads(LOCK_FILE.read_text())
    wanted = {program: set(jars.split("+")) for program, jars in PROGRAMS.items()} | {
        program: set(jars) for program, jars in LONE_JARS.items()
    }
    assert lock.keys() == wanted.keys()
    for program, jars in lock.items():
        assert wanted[program] <= jars.keys()
        assert all(len(bytes.fromhex(digest)) == 32 for digest in jars.values())


@pytest.mark.parametrize(("name", "at_least"), [("dev.txt", 100), ("production.txt", 50), ("image.txt", 20)])
def test_requirements_are_hashed_and_hold_no_address(name: str, at_least: int) -> None:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    pinned = [number for number, line in enumerate(lines) if "==" in line]
    assert len(pinned) > at_least
    assert all("--hash=sha256:" in lines[number + 1] for number in pinned)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def pins(name: str) -> dict[str, str]:
    """Version of every package of a requirements file."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", "\n".join(lines), re.MULTILINE))


def test_production_has_what_runs_in_the_versions_that_are_tested() -> None:
    production, dev = pins("production.txt"), pins("dev.txt")
    assert len(production) > 50
    assert production.items() <= dev.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {_name(one) for one in project["dependencies"]} <= production.keys()
    tools = {_name(one) for one in project["optional-dependencies"]["dev"]}
    assert {"mypy", "playwright", "pytest"} <= tools
    assert not tools & production.keys()


def _name(requirement: str) -> str:
    return re.split(r"[\[=<>~!; ]", requirement)[0].replace("_", "-").replace(".", "-").lower()


def test_the_wheel_holds_what_runs_and_nothing_of_deploy() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = find_namespace_packages(str(ROOT), include=setup["tool"]["setuptools"]["packages"]["find"]["include"])
    assert {"desk.migrations.versions", "outbound.transports", "console.web"} <= set(packages)
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"deploy", "tests"}
    assert {name.split(".")[0] for name in packages} == ours
    assert {name.split(".")[0] for name in setup["tool"]["setuptools"]["package-data"]} <= ours


def test_the_license_is_the_one_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    apache_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # the text as it is published
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == apache_2_0


MISSING_SERVER = """
    import pytest
    from deploy.local import NotAvailableError, StartError

    @pytest.fixture(scope="session")
    def absent():
        raise NotAvailableError("no such server here: install it")

    @pytest.fixture
    def broken():
        raise StartError("it ended with exit code 1")

    def test_that_needs_it(absent):
        pass

    def test_that_does_not():
        pass
"""


def run_pytest(directory: Path, more: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(textwrap.dedent(MISSING_SERVER) + textwrap.dedent(more))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:warnings",
        "-p",
        "tests.not_run",
        "-c",
        os.devnull,
        "--rootdir",
        str(directory),
        str(directory),
    ]
    others = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=others | environment, check=False)


def test_a_test_without_its_server_is_listed_as_not_run(tmp_path: Path) -> None:
    done = run_pytest(tmp_path)
    assert done.returncode == 0
    after = done.stdout.partition("not run, and why")[2]
    assert "no such server here: install it\n    test_it.py::test_that_needs_it\n" in after
    assert "1 passed, 1 skipped" in after


def test_in_ci_a_missing_server_is_an_error(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, CI="true")
    assert done.returncode == 1
    assert "1 passed, 1 error" in done.stdout


@pytest.mark.parametrize("environment", [{}, {"CI": "true"}])
def test_a_server_that_fails_to_start_is_an_error_everywhere(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run_pytest(tmp_path, "def test_with_a_broken_one(broken): pass", **environment)
    assert done.returncode == 1
    assert "it ended with exit code 1" in done.stdout
