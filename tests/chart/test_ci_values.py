"""Each values file under `ci/`: it lints, what it makes is taken by the API, and the bridge calls its TOML good."""

import copy
import os
import subprocess

import pytest

from chart import CHART, CI, ROOT, container, helm, one, render, workload
from schemas import validate

names = {"ids": lambda file: file.name.removesuffix("-values.yaml")}


def test_there_is_a_file_for_each_common_case():
    cases = {file.name.removesuffix("-values.yaml") for file in CI}
    assert cases >= {"minimal", "workload-identity", "sas", "keda", "statefulset", "strimzi-tls", "emulator"}


@pytest.mark.parametrize("file", CI, **names)
def test_it_lints(file):
    code, out, error = helm("lint", "--strict", CHART, "--values", file)
    assert code == 0, out + error


@pytest.mark.parametrize("file", CI, **names)
def test_the_api_takes_what_it_makes(file):
    objects = render(file)
    for document in objects:
        validate(document)
    # Names that go beyond it are refused by some kind or other.
    assert all(len(document["metadata"]["name"]) <= 63 for document in objects)


@pytest.mark.parametrize("file", CI, **names)
def test_its_objects_hold_together(file):
    objects = render(file)
    pods = workload(objects)["spec"]["template"]
    labels = pods["metadata"]["labels"].items()
    for document in objects:
        spec = document.get("spec", {})
        if document["kind"] in ("PodDisruptionBudget", "PodMonitor"):
            assert spec["selector"]["matchLabels"].items() <= labels
        if document["kind"] == "NetworkPolicy":
            assert spec["podSelector"]["matchLabels"].items() <= labels
            check = next(it for it in objects if it["kind"] == "Pod")
            both = [dict(labels), check["metadata"]["labels"]]
            [names] = spec["podSelector"]["matchExpressions"]
            assert names["values"] == [it["app.kubernetes.io/name"] for it in both]
        if document["kind"] in ("ScaledObject", "HorizontalPodAutoscaler"):
            target = workload(objects)
            assert spec["scaleTargetRef"]["kind"] == target["kind"]
            assert spec["scaleTargetRef"]["name"] == target["metadata"]["name"]
            assert "replicas" not in target["spec"], "two would set the number of pods"
    ports = [port["name"] for port in container(objects)["ports"]]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(objects)[probe]["httpGet"]["port"] in ports
    volumes = [volume["name"] for volume in pods["spec"]["volumes"]]
    assert [mount["name"] for mount in container(objects)["volumeMounts"]] == volumes


def test_a_wrong_field_would_be_found():
    """The tests above can fail."""
    objects = render(CHART / "ci/keda-values.yaml")
    scaled, deployment = one(objects, "ScaledObject"), workload(objects)
    wrong = copy.deepcopy(scaled)
    wrong["spec"]["minReplicas"] = wrong["spec"].pop("minReplicaCount")
    with pytest.raises(AssertionError, match="minReplicas"):
        validate(wrong)
    wrong = copy.deepcopy(scaled)
    wrong["spec"]["triggers"][0]["metadata"]["lagTreshold"] = "5"
    with pytest.raises(AssertionError, match="lagTreshold"):
        validate(wrong)
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFS"] = True
    with pytest.raises(Exception, match="readOnlyRootFS"):
        validate(wrong)
    azure = one(render(CHART / "ci/workload-identity-values.yaml"), "PodMonitor")
    azure["spec"]["podMetricsEndpoints"][0]["portNumber"] = 9400
    with pytest.raises(AssertionError, match="portNumber"):
        validate(azure)


def environment(objects):
    """The variables of the container, as far as they are written down, and a connection string where a Secret of the user has it."""
    variables = {it["name"]: it.get("value", "orders-bridge-0") for it in container(objects)["env"]}
    for source in container(objects).get("envFrom", []):
        name = source["secretRef"]["name"]
        if name == "eventhubs":
            variables["BRIDGE_EVENTHUBS__CONNECTION_STRING"] = "Endpoint=sb://x;SharedAccessKeyName=k;SharedAccessKey=s"
        elif name == "kafka":
            variables["BRIDGE_KAFKA__SECURITY__USERNAME"] = "u"
            variables["BRIDGE_KAFKA__SECURITY__PASSWORD"] = "p"
        else:
            variables |= one(objects, "Secret")["stringData"]
    return variables


# What logs in otherwise reads a token or a file that only a cluster has.
WITH_A_CONNECTION_STRING = [file for file in CI if file.name.split("-")[0] not in ("workload", "sas")]


@pytest.mark.parametrize("file", WITH_A_CONNECTION_STRING, **names)
def test_the_bridge_calls_its_configuration_good(file, tmp_path):
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    bridge = os.environ.get("BRIDGE", f"{target}/debug/kafka-eventhubs-bridge")
    if not os.path.exists(bridge):
        pytest.skip(f"{bridge} has not been built: `make check` builds it first")
    objects = render(file)
    toml = tmp_path / "bridge.toml"
    for mounted in ("ca.crt", "user.crt", "user.key"):
        (tmp_path / mounted).write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n")
    text = one(objects, "ConfigMap")["data"]["bridge.toml"]
    toml.write_text(text.replace("/etc/kafka/cluster/", "").replace("/etc/kafka/user/", ""))
    arguments = [bridge, "check", "--config", toml]
    done = subprocess.run(arguments, env=environment(objects), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", CI, **names)
def test_the_notes_render(file, tmp_path):
    """`helm template` leaves them out; an installation that only pretends does not."""
    kubeconfig = tmp_path / "none"
    arguments = ["install", "r", CHART, "--namespace", "shop", "--values", file, "--dry-run=client"]
    code, out, error = helm(*arguments, "--kubeconfig", kubeconfig)
    assert code == 0, error
    notes = out.split("NOTES:")[1]
    assert "helm test r --namespace shop" in notes
    assert "<no value>" not in notes
