"""The chart: valid as Helm and Kubernetes see it, strict in what it takes, and true to the processes' settings."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from console.cli import app
from deploy.chart_settings import CONFIGS, DECIDED, STAGES
from deploy.local.packages.helm import Programs
from deploy.local.servers.certificates import make_certificates
from deploy.manifests import CHART, RENDERED, SCHEMA, plain_yaml, render, schema
from runtime.config import ENV_PREFIX, load_config
from runtime.version import VERSION
from tests.deploy.chart_parts import COMPONENT, VALUES, containers, name_of, of_kind, pods, variables
from tests.deploy.conftest import Rendered

KUBERNETES = "1.37"
STOP_SECONDS = 70  # docs/running.md: so long a process may take from SIGTERM to its end
EVERYTHING = CHART / "ci" / "everything.yaml"
SMALLEST = CHART / "ci" / "smallest.yaml"
DEFAULT = CHART / "ci" / "default.yaml"

# Settings that a stage has and does not use, since every process has them.
UNUSED: Mapping[str, set[str]] = {
    "ingest": {"desk_url", "token_key_file"},
    "resolver": {"secret_key_file"},
    "logger": {"blob_url", "secret_key_file", "token_key_file"},
    "outbound": {"blob_url"},
    "console": {"secret_key_file"},
}
pytestmark = pytest.mark.timeout(400)  # helm may have to be fetched first

each_rendering = pytest.mark.parametrize("values", VALUES, ids=name_of)


def test_there_are_values_to_render() -> None:
    assert {name_of(file) for file in VALUES} >= {
        "default",
        "everything",
        "managed-kafka",
        "msk",
        "smallest",
        "strimzi",
    }


@each_rendering
def test_helm_has_nothing_to_say(values: Path, helm: Programs) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", CHART, "--values", values)


@each_rendering
def test_every_object_is_one_of_kubernetes(values: Path, rendered: Rendered) -> None:
    own = [one for one in rendered(values) if _is_of_kubernetes(one["apiVersion"])]
    assert len(own) > 10
    for one in own:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


def _is_of_kubernetes(version: str) -> bool:
    """Those of others (KEDA, prometheus-operator) are held against their own schemas elsewhere."""
    group = version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def test_a_field_that_kubernetes_does_not_know_would_be_told(rendered: Rendered) -> None:
    deployment = of_kind(rendered(DEFAULT), "Deployment")[0]
    wrong = {**deployment, "spec": {**deployment["spec"], "maxSurge": 0}}
    with pytest.raises(kubernetes_validate.ValidationError, match="maxSurge"):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_the_release_is_that_of_the_code() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == VERSION


# ---- generated files -------------------------------------------------------------------------------------------------


def test_the_schema_has_the_settings_of_the_processes() -> None:
    assert SCHEMA.read_text("utf-8") == schema(), "run `make manifests`"


def test_the_plain_yaml_is_the_rendered_chart(helm: Programs) -> None:
    assert RENDERED.read_text("utf-8") == plain_yaml(), "run `make manifests`"
    built = list(yaml.safe_load_all(helm.kustomize(RENDERED.parent)))
    plain = list(yaml.safe_load_all(RENDERED.read_text("utf-8")))
    assert sorted((one["kind"], one["metadata"]["name"]) for one in built) == sorted(
        (one["kind"], one["metadata"]["name"]) for one in plain
    )
    assert {one["metadata"]["labels"]["app.kubernetes.io/managed-by"] for one in built} == {"kustomize"}


def test_a_kustomization_of_one_s_own_changes_every_place(helm: Programs) -> None:
    """The example, which people copy."""
    built = [*yaml.safe_load_all(helm.kustomize(RENDERED.parents[1] / "example"))]
    places = yaml.safe_load((RENDERED.parents[1] / "example" / "places.yaml").read_text("utf-8"))["data"]
    assert {one["metadata"]["namespace"] for one in built} == {"mailcall"}
    wanted = {
        "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": places["kafka"],
        "MAILCALL_BLOB_URL": places["blobs"],
        "MAILCALL_WINDOW_URL": places["window"],
    }
    seen = set()
    for stage, pod in pods(built):
        for container in containers(pod):
            assert container["image"] == f"registry.example.org/mailcall:{VERSION}"
            for name in wanted.keys() & variables(container).keys():
                assert variables(container)[name]["value"] == wanted[name]
                seen.add((stage, name))
    assert len(seen) == len(STAGES) + 1 + 3 + 1


# ---- settings --------------------------------------------------------------------------------------------------------


@each_rendering
def test_every_variable_is_a_setting_of_its_process(values: Path, rendered: Rendered) -> None:
    seen = 0
    for stage, pod in pods(rendered(values)):
        settings = {f"{ENV_PREFIX}{name.upper()}" for name in CONFIGS[stage].model_fields}
        for container in containers(pod):
            names = list(variables(container))
            assert len(names) == len(container["env"]), "a variable stands there twice"
            assert set(names) <= settings
            seen += len(names)
    assert seen > 20


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_of_a_process_can_be_given(stage: str, rendered: Rendered) -> None:
    """By the values' `settings`, or by another value, which is given in at least one of the renderings."""
    given = {
        name.removeprefix(ENV_PREFIX).lower()
        for values in VALUES
        for of, pod in pods(rendered(values))
        if of == stage
        for name in variables(containers(pod)[0])
    }
    by_another_value = CONFIGS[stage].model_fields.keys() & DECIDED
    assert by_another_value - given == UNUSED[stage]


@pytest.fixture(scope="module")
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What a Secret would hold for this setting."""
    directory = tmp_path_factory.mktemp("secrets")
    certificates = make_certificates(directory)
    password = directory / "password"
    password.write_text("s3cret\n")
    kinds = {
        "_ca_file": certificates.authority,
        "_certificate_file": certificates.certificate,
        "kafka_key_file": certificates.key,
    }
    return lambda setting: str(next((file for end, file in kinds.items() if setting.endswith(end)), password))


@each_rendering
def test_every_process_takes_its_variables(
    values: Path, rendered: Rendered, secret_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them together, with the real rules of which go together."""
    for stage, pod in pods(rendered(values)):
        for container in containers(pod):
            given = {name.removeprefix(ENV_PREFIX).lower(): one for name, one in variables(container).items()}
            for name, one in given.items():
                value = one.get("value", "postgresql+psycopg://desk@database/desk")
                value = secret_file(name) if name.endswith("_file") else value
                monkeypatch.setenv(f"{ENV_PREFIX}{name.upper()}", value)
            config = load_config(CONFIGS[stage], stage, [])
            assert given.keys() <= config.model_fields_set
            for name in given:
                monkeypatch.delenv(f"{ENV_PREFIX}{name.upper()}")


def test_a_stage_s_own_setting_wins_and_numbers_stay_what_they_are(rendered: Rendered) -> None:
    environment = {stage: variables(containers(pod)[0]) for stage, pod in pods(rendered(EVERYTHING))}
    levels = {stage: environment[stage]["MAILCALL_LOG_LEVEL"]["value"] for stage in STAGES}
    assert levels == {**dict.fromkeys(STAGES, "debug"), "logger": "warning"}
    assert environment["ingest"]["MAILCALL_BATCH_BYTES"]["value"] == "8000000"
    assert environment["ingest"]["MAILCALL_COMMIT_SECONDS"]["value"] == "0.5"
    assert environment["outbound"]["MAILCALL_DEAD_LETTER_LIMIT"]["value"] == "0"


@each_rendering
def test_every_file_that_a_variable_names_is_mounted(values: Path, rendered: Rendered) -> None:
    for _, pod in pods(rendered(values)):
        secrets = {one["name"]: one["secret"] for one in pod["spec"]["volumes"] if "secret" in one}
        for container in containers(pod):
            mounted = {
                f"{mount['mountPath']}/{item['path']}"
                for mount in container["volumeMounts"]
                if mount["name"] in secrets
                for item in secrets[mount["name"]]["items"]
            }
            named = {one["value"] for name, one in variables(container).items() if name.endswith("_FILE")}
            assert named == mounted


@each_rendering
def test_nothing_secret_is_in_it(values: Path, rendered: Rendered) -> None:
    assert of_kind(rendered(values), "Secret") == []
    for _, pod in pods(rendered(values)):
        for container in containers(pod):
            assert "value" not in variables(container).get("MAILCALL_DESK_URL", {})


def test_each_stage_may_be_a_kafka_user_of_its_own(rendered: Rendered) -> None:
    secrets = {
        stage: volume["secret"]["secretName"]
        for stage, pod in pods(rendered(CHART / "ci" / "strimzi.yaml"))
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "kafka-certificate"
    }
    assert secrets == {stage: f"mailcall-{stage}" for stage in (*STAGES, "setup")} | {"test": "mailcall"}


def test_its_name_goes_with_its_password(rendered: Rendered, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "mailcall", "existingSecret": "kafka"}
    file.write_text(yaml.safe_dump({"kafka": {"sasl": sasl}, "resolver": {"kafkaUser": "reads"}}), "utf-8")
    given = {
        stage: (variables(containers(pod)[0])["MAILCALL_KAFKA_USERNAME"]["value"], volume["secret"]["secretName"])
        for stage, pod in pods(rendered(file))
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "kafka-password"
    }
    assert given.pop("resolver") == ("reads", "reads")
    assert set(given.values()) == {("mailcall", "kafka")}
    assert len(given) == len(STAGES) - 1 + 2


# ---- pods ------------------------------------------------------------------------------------------------------------


@each_rendering
def test_every_pod_is_restricted(values: Path, rendered: Rendered) -> None:
    """What Kubernetes' profile `restricted` asks for, and no token and no writable root beside."""
    seen = set()
    for stage, pod in pods(rendered(values)):
        seen.add(stage)
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
        for container in containers(pod):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert {"ingest", "resolver", "logger", "outbound", "setup", "test"} <= seen


@each_rendering
def test_a_roll_out_adds_no_member_and_lets_batches_end(values: Path, rendered: Rendered) -> None:
    deployments = of_kind(rendered(values), "Deployment")
    assert len(deployments) >= 4
    for one in deployments:
        assert one["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
        assert one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > STOP_SECONDS


@each_rendering
def test_probes_ask_where_the_process_answers(values: Path, rendered: Rendered) -> None:
    for one in of_kind(rendered(values), "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        stage, environment = container["name"], variables(container)
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert container["command"] == ["python", "-m", stage]
        assert ports.pop("metrics") == environment["MAILCALL_METRICS_PORT"]["value"]
        assert environment["MAILCALL_METRICS_HOST"]["value"] == "0.0.0.0"
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/livez", "port": "metrics"}
        if stage == "console":
            assert ports == {"http": environment["MAILCALL_WINDOW_PORT"]["value"]}
            assert container["readinessProbe"]["tcpSocket"] == {"port": "http"}
        else:
            assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


@each_rendering
def test_who_is_selected_is_there(values: Path, rendered: Rendered) -> None:
    manifests = rendered(values)
    labels = [pod["metadata"]["labels"] for _, pod in pods(manifests)]
    selectors = {
        (one["kind"], one["metadata"]["name"]): selector.get("matchLabels", selector)
        for one in of_kind(manifests, "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy")
        for selector in [one["spec"].get("selector") or one["spec"]["podSelector"]]
    }
    for named, selector in selectors.items():
        chosen = [one for one in labels if selector.items() <= one.items()]
        assert len(chosen) == 1, named
        assert named[1].endswith(f"-{chosen[0][COMPONENT]}")
    accounts = {one["metadata"]["name"] for one in of_kind(manifests, "ServiceAccount")}
    assert {pod["spec"].get("serviceAccountName", "") for _, pod in pods(manifests)} - {""} == accounts


def test_ingest_is_never_scaled_by_itself(rendered: Rendered) -> None:
    replicas = {
        one["metadata"]["labels"][COMPONENT]: one["spec"].get("replicas")
        for one in of_kind(rendered(EVERYTHING), "Deployment")
    }
    assert replicas == {"ingest": 2, "resolver": None, "logger": None, "outbound": None, "console": 2}


@each_rendering
def test_set_up_comes_first_and_needs_nothing_that_comes_later(values: Path, rendered: Rendered) -> None:
    manifests = rendered(values)
    first = [
        one for one in manifests if "pre-install" in one["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    ]
    assert {one["kind"] for one in first} <= {"Job", "ServiceAccount", "NetworkPolicy"}
    (job,) = of_kind(first, "Job")
    (account,) = of_kind(first, "ServiceAccount")
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]
    for one in first:
        annotations = one["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    weights = [int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in first if one is not job]
    assert max(weights) < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
    assert "configMap" not in {key for one in job["spec"]["template"]["spec"]["volumes"] for key in one} or (
        values == EVERYTHING  # that of whoever installs it
    )


def test_a_stage_reaches_what_it_needs_and_nothing_else(rendered: Rendered) -> None:
    def ports(stage: str, values: Path = DEFAULT) -> set[int]:
        policies = of_kind(rendered(values), "NetworkPolicy")
        (policy,) = [one for one in policies if one["metadata"]["labels"][COMPONENT] == stage]
        return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}

    everywhere = {53, 9092}
    assert ports("ingest") == everywhere | {443, 110, 143, 993, 995}
    assert ports("resolver") == everywhere | {443, 5432}
    assert ports("logger") == everywhere | {5432}
    assert ports("outbound") == everywhere | {443, 5432, 25, 465, 587}
    assert ports("console") == everywhere | {443, 5432}
    assert ports("setup") == everywhere | {5432}
    assert ports("logger", EVERYTHING) == {53, 9092, 9094, 443, 5432}, "Kafka's tokens come from somewhere"


def test_the_ingress_follows_the_address_of_the_window(rendered: Rendered) -> None:
    (ingress,) = of_kind(rendered(EVERYTHING), "Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "desk.example.org"
    assert [path["path"] for path in rule["http"]["paths"]] == ["/mailcall"]
    assert of_kind(rendered(DEFAULT), "Ingress") == []


# ---- what people give and are told ----------------------------------------------------------------------------------

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"replicas": 3}, "replicas"),
    ({"ingest": {"replicas": -1}}, "/ingest/replicas"),
    ({"ingest": {"replicas": "2"}}, "/ingest/replicas"),
    ({"ingest": {"autoscaling": True}}, "autoscaling"),
    ({"kafka": {"bootstrapServers": "kafka"}}, "/kafka/bootstrapServers"),
    ({"kafka": {"bootstrapServers": "kafka:9092, other:9092"}}, "/kafka/bootstrapServers"),
    ({"kafka": {"topicPrefix": "Desk"}}, "/kafka/topicPrefix"),
    ({"kafka": {"password": "x"}}, "password"),
    ({"kafka": {"sasl": {"mechanism": "SCRAM"}}}, "/kafka/sasl/mechanism"),
    ({"kafka": {"sasl": {"mechanism": "PLAIN", "existingSecret": "kafka"}}}, "/kafka/sasl/username"),
    ({"kafka": {"sasl": {"mechanism": "PLAIN", "username": "mailcall"}}}, "/kafka/sasl/existingSecret"),
    ({"kafka": {"sasl": {"username": "mailcall"}}}, "/kafka/sasl/username"),
    ({"kafka": {"sasl": {"mechanism": "AWS_MSK_IAM"}}}, "/kafka/sasl/awsRegion"),
    ({"kafka": {"sasl": {"mechanism": "AWS_MSK_IAM", "awsRegion": "eu-central-1"}}}, "/kafka/tls/enabled"),
    ({"kafka": {"sasl": {"token": {"url": "https://id.example.org"}}}}, "/kafka/sasl/token/url"),
    ({"kafka": {"sasl": {"mechanism": "OAUTHBEARER", "token": {"url": "http://id"}}}}, "/kafka/sasl/token/url"),
    ({"kafka": {"tls": {"existingSecret": "authority"}}}, "/kafka/tls/existingSecret"),
    (
        {"kafka": {"tls": {"enabled": False, "clientCertificate": {"existingSecret": "me"}}}},
        "/kafka/tls/clientCertificate",
    ),
    ({"desk": {"existingSecret": ""}}, "/desk/existingSecret"),
    ({"desk": {"url": "postgresql://desk"}}, "url"),
    ({"blobs": {"url": ""}}, "/blobs"),
    ({"blobs": {"url": "file:///tmp"}}, "/blobs/url"),
    ({"blobs": {"existingClaim": "blobs"}}, "/blobs"),
    ({"settings": {"log_levle": "info"}}, "log_levle"),
    ({"settings": {"log_level": "loud"}}, "/settings/log_level"),
    ({"settings": {"kafka_bootstrap_servers": "kafka:9092"}}, "kafka_bootstrap_servers"),
    ({"settings": {"refused_networks": "off"}}, "refused_networks"),
    ({"settings": {"batch_records": 0}}, "/settings/batch_records"),
    ({"resolver": {"settings": {"batch_records": "200"}}}, "/resolver/settings/batch_records"),
    ({"resolver": {"settings": {"folder_root": "/"}}}, "folder_root"),
    ({"console": {"url": "desk.example.org"}}, "/console/url"),
    ({"console": {"ingress": {"host": "desk.example.org"}}}, "host"),
    ({"console": {"oidc": {"clientSecret": "it is/a secret"}}}, "/console/oidc/clientSecret"),
    ({"image": {"digest": "latest"}}, "/image/digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"resolver": {"resources": {"limits": {"memory": "1 GB"}}}}, "/resolver/resources/limits/memory"),
    ({"resolver": {"resources": {"limit": {}}}}, "limit"),
    ({"networkPolicy": {"egress": {"kafka": {"ports": [0]}}}}, "/networkPolicy/egress/kafka/ports"),
    ({"networkPolicy": {"egress": {"smtp": {"ports": [25]}}}}, "smtp"),
    ({"uid": 0}, "/uid"),
    ({"setup": {"enabled": "yes"}}, "/setup/enabled"),
    ({"podLabels": {"cost": 17}}, "/podLabels/cost"),
)


@pytest.mark.parametrize(("values", "named"), WRONG, ids=lambda one: one if isinstance(one, str) else None)
def test_a_wrong_value_is_refused_by_name(
    values: Mapping[str, Any], named: str, helm: Programs, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(dict(values)), "utf-8")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        render(helm, "--values", file)
    assert "values don't meet the specifications of the schema" in caught.value.stderr
    assert named in caught.value.stderr


@pytest.mark.parametrize("values", [DEFAULT, SMALLEST], ids=name_of)
def test_the_notes_say_commands_that_there_are(values: Path, helm: Programs) -> None:
    shown = helm.run("install", "desk", CHART, "--namespace", "it", "--dry-run=client", "--values", values)
    notes = shown.partition("\nNOTES:\n")[2]
    assert "kubectl -n it get pods" in notes
    commands = re.findall(r"-- mailcall (\w[\w -]*?)(?: [A-Z/].*| mailbox)?(?: <.*)?$", notes, re.MULTILINE)
    assert len(commands) == (3 if values == DEFAULT else 0)
    for command in commands:
        assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0
