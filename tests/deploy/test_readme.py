"""deploy/README.md, as far as it can be followed without a cluster: its key is one, its values give valid objects."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import kubernetes_validate
import pytest
from typer.testing import CliRunner

from console.cli import app
from runtime.token_keys import read_token_keys
from tests.deploy.chart_parts import containers, pods, variables
from tests.deploy.conftest import Rendered

README = (Path(__file__).parents[2] / "deploy" / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"(?:exec .*? |-- |&& |')mailcall ([a-z][a-z-]*(?: [a-z-]+)?)", README)


def test_the_key_that_it_makes_is_one(tmp_path: Path) -> None:
    """What the container would print is the file, and nothing else."""
    (command,) = re.findall(r"docker run --rm \S+ sh -c '(.*)' > token.key", README)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True)
    (tmp_path / "token.key").write_bytes(done.stdout)
    assert len(read_token_keys(tmp_path / "token.key").keys) == 1


@pytest.mark.timeout(400)  # helm may have to be fetched first
def test_its_values_give_what_its_secrets_are_for(rendered: Rendered, tmp_path: Path) -> None:
    (values,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "values.yaml"
    file.write_text(textwrap.dedent(values), "utf-8")
    objects = rendered(file)
    for one in objects:
        kubernetes_validate.validate(one, "1.37", strict=True)
    made = dict(re.findall(r"create secret generic (\S+)(?: \\\n *)? --from-(?:file|literal)=(\w[\w.]*)", README))
    used = {
        (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for _, pod in pods(objects)
        for container in containers(pod)
        for one in variables(container).values()
        if "valueFrom" in one
    }
    used |= {
        (volume["secret"]["secretName"], item["key"])
        for _, pod in pods(objects)
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
        for item in volume["secret"]["items"]
    }
    assert used
    assert used <= set(made.items())
    whole = {
        source["secretRef"]["name"]
        for _, pod in pods(objects)
        for container in containers(pod)
        for source in container.get("envFrom", ())
    }
    assert whole | {name for name, _ in used} == made.keys()


def test_every_command_is_one() -> None:
    assert len(COMMANDS) >= 4
    for command in COMMANDS:
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0, command
