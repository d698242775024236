"""What a pod is given, and what restarts it."""

import shutil

import pytest
import yaml

from chart import CHART, CI, LEAST, container, one, render, workload


def pods(values, chart=CHART):
    """The pod template that `values` make."""
    return workload(render(values, chart=chart))["spec"]["template"]


# What a process does not read at its start.
RESTARTS_NOTHING = {
    "replicas": {"replicas": 3},
    "alerts": {"rules": {"enabled": True}},
    "dashboard": {"dashboards": {"enabled": True}},
    "keda": {"keda": {"enabled": True, "brokers": "kafka:9092", "group": "orders-bridge", "topics": ["orders"]}},
    "pod monitor": {"metrics": {"azureMonitor": {"enabled": True}}},
    "network policy": {"networkPolicy": {"enabled": True}},
    "disruption budget": {"podDisruptionBudget": {"maxUnavailable": 2}},
    "labels": {"commonLabels": {"team": "orders"}},
    "update strategy": {"updateStrategy": {"type": "Recreate"}},
    "an object": {"extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}]},
}

MAPPING = '[[mappings]]\ntopic = "returns"\nhub = "returns"\n'
# What it takes while it runs.
RELOADED = {
    "mapping": MAPPING,
    "batch": '[batch]\nlinger = "20ms"\n',
    "events": "[events]\nheaders = false\n",
    "failure": '[failure]\npolicy = "drop"\n',
    "log level": '[log]\nlevel = "debug"\n',
}

RESTARTS = {
    "TOML": {"config": LEAST["config"] + '[log]\nformat = "json"\n'},
    "Secret": {"secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": "Endpoint=sb://x"}}},
    "identity": {"workloadIdentity": {"enabled": True, "clientId": "00000000-1111-2222-3333-444444444444"}},
    "drain": {"drainSeconds": 30},
    "image": {"image": {"tag": "0.1.1"}},
}


@pytest.mark.parametrize("values", RESTARTS_NOTHING.values(), ids=RESTARTS_NOTHING)
def test_this_restarts_nothing(values):
    assert pods(values) == pods({})


@pytest.mark.parametrize("values", RESTARTS.values(), ids=RESTARTS)
def test_this_restarts(values):
    assert pods(values) != pods({})


@pytest.mark.parametrize("more", RELOADED.values(), ids=RELOADED)
def test_a_changed_mapping_is_reloaded_unless_the_values_say_otherwise(more):
    def changed(reload):
        base = {"config": LEAST["config"] + "[log]\n" * (more.startswith("[log]")), "reload": reload}
        now = {**base, "config": LEAST["config"] + more}
        return pods(now) != pods(base)

    assert not changed(True)
    assert changed(False)


def test_only_who_reloads_looks_at_the_file():
    assert "--watch-config" in container(render({}))["args"]
    assert "--watch-config" not in container(render({"reload": False}))["args"]


def test_a_changed_secret_or_identity_restarts_though_only_its_content_differs():
    def secret(text):
        return {"secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": text}}}

    def identity(digit):
        return {"workloadIdentity": {"enabled": True, "clientId": f"00000000-1111-2222-3333-44444444444{digit}"}}

    assert pods(secret("a")) != pods(secret("b"))
    assert pods(identity(1)) != pods(identity(2))


def test_a_new_chart_version_restarts_nothing(tmp_path):
    newer = shutil.copytree(CHART, tmp_path / "chart")
    about = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "9.9.9"}))
    changed = workload(render({}, chart=newer))
    assert changed["metadata"]["labels"]["helm.sh/chart"].endswith("9.9.9")
    assert changed["spec"]["template"] == pods({})


def test_the_toml_arrives_as_it_was_written():
    toml = "# ünïcode {{ .Values.x }} $HOME\n[kafka]\n\n\"a.b\" = '''\n  two\n    lines'''\n"
    assert one(render({"config": toml}), "ConfigMap")["data"]["bridge.toml"].rstrip("\n") == toml.rstrip("\n")


@pytest.mark.parametrize("seconds", [1, 20, 300])
def test_a_pod_may_drain_before_it_is_killed(seconds):
    objects = render({"drainSeconds": seconds})
    variables = {it["name"]: it.get("value") for it in container(objects)["env"]}
    assert variables["BRIDGE_LIMITS__DRAIN_TIMEOUT"] == f"{seconds}s"
    grace = workload(objects)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    # docs/configuration.md says why 15.
    assert grace == seconds + 15


def test_the_admin_port_is_one_everywhere():
    objects = render({"admin": {"port": 9999}, "metrics": {"annotations": True}, "kind": "StatefulSet"})
    variables = {it["name"]: it.get("value") for it in container(objects)["env"]}
    assert variables["BRIDGE_ADMIN__LISTEN"] == "0.0.0.0:9999"
    assert container(objects)["ports"] == [{"name": "metrics", "containerPort": 9999}]
    annotations = workload(objects)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "9999"
    assert one(objects, "Service")["spec"]["ports"][0]["port"] == 9999


@pytest.mark.parametrize("file", CI, ids=lambda file: file.name)
def test_pods_are_restricted(file):
    """The rules of the Pod Security Standard "restricted", of every pod there is, that of `helm test` included."""
    seen = 0
    for document in render(file):
        spec = document.get("spec", {})
        spec = spec if document["kind"] == "Pod" else spec.get("template", {}).get("spec")
        if not spec:
            continue
        seen += 1
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert spec["automountServiceAccountToken"] is False
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        assert all(set(volume) - {"name"} <= {"configMap", "secret", "csi"} for volume in spec.get("volumes", []))
        for each in spec["containers"]:
            context = each["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"]["drop"] == ["ALL"]
            assert each["resources"]["limits"]["memory"]
    assert seen >= 2


def test_services_of_the_cluster_become_no_variables():
    """A Service called `bridge` would be BRIDGE_PORT, which the bridge refuses as a misspelt key."""
    assert pods({})["spec"]["enableServiceLinks"] is False


def test_static_members_are_called_as_their_pods():
    objects = render(CHART / "ci/statefulset-values.yaml")
    instance = next(it for it in container(objects)["env"] if it["name"] == "BRIDGE_KAFKA__INSTANCE_ID")
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    stateful = workload(objects)
    assert stateful["kind"] == "StatefulSet"
    assert stateful["spec"]["podManagementPolicy"] == "Parallel"
    assert stateful["spec"]["serviceName"] == one(objects, "Service")["metadata"]["name"]
    assert one(objects, "PodDisruptionBudget")["spec"]["minAvailable"] == 2


def test_workload_identity_is_on_the_pod_and_on_the_service_account():
    objects = render(CHART / "ci/workload-identity-values.yaml")
    template = workload(objects)["spec"]["template"]
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    account = one(objects, "ServiceAccount")
    assert template["spec"]["serviceAccountName"] == account["metadata"]["name"]
    annotations = account["metadata"]["annotations"]
    assert annotations["azure.workload.identity/client-id"] == "00000000-1111-2222-3333-444444444444"
    assert all(isinstance(value, str) for value in annotations.values())
    assert "azure.workload.identity/use" not in pods({})["metadata"]["labels"]


def test_azure_monitor_gets_its_limits():
    spec = one(render(CHART / "ci/workload-identity-values.yaml"), "PodMonitor")["spec"]
    assert (spec["labelLimit"], spec["labelNameLengthLimit"], spec["labelValueLengthLimit"]) == (63, 511, 1023)


def test_nothing_but_what_it_needs_is_allowed_out():
    spec = one(render(CHART / "ci/workload-identity-values.yaml"), "NetworkPolicy")["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert ports == {53, 9092, 9093, 5671, 443}
    imds = {"networkPolicy": {"enabled": True, "imds": True}}
    rules = one(render(imds), "NetworkPolicy")["spec"]["egress"]
    metadata = [rule for rule in rules if rule["ports"][0]["port"] == 80]
    assert metadata[0]["to"] == [{"ipBlock": {"cidr": "169.254.169.254/32"}}]


def test_keda_asks_as_the_bridge_does():
    objects = render(CHART / "ci/keda-values.yaml")
    triggers = one(objects, "ScaledObject")["spec"]["triggers"]
    assert [trigger["metadata"]["topic"] for trigger in triggers] == ["orders", "payments"]
    authentication = one(objects, "TriggerAuthentication")["metadata"]["name"]
    assert all(trigger["authenticationRef"]["name"] == authentication for trigger in triggers)
    assert all(trigger["metadata"]["sasl"] == "scram_sha512" for trigger in triggers)


def test_it_is_strict_only_when_told():
    arguments = ["run", "--config", "/etc/bridge/bridge.toml"]
    assert container(render({"reload": False}))["args"] == arguments
    assert container(render({"reload": False, "strict": True}))["args"] == [*arguments, "--strict"]


def test_a_job_runs_a_command_with_what_the_bridge_has():
    objects = lambda values, kind: [it for it in render(values) if it["kind"] == kind]
    assert objects({}, "Job") == []
    values = {"job": {"args": ["offsets", "set", "--to", "latest"], "deadlineSeconds": 60}, "workloadIdentity": RESTARTS["identity"]["workloadIdentity"]}
    [job], [bridge] = objects(values, "Job"), objects(values, "Deployment")
    pod = job["spec"]["template"]
    assert job["metadata"]["generateName"].endswith("-offsets-") and "name" not in job["metadata"]
    assert job["spec"]["backoffLimit"] == 0 and job["spec"]["activeDeadlineSeconds"] == 60
    mine, its = (it["spec"]["containers"][0] for it in (pod, bridge["spec"]["template"]))
    assert mine["args"] == ["offsets", "set", "--to", "latest", "--config", "/etc/bridge/bridge.toml"]
    for key in ("image", "env", "volumeMounts", "securityContext"):
        assert mine[key] == its[key]
    assert pod["spec"]["volumes"] == bridge["spec"]["template"]["spec"]["volumes"]
    assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    selector = bridge["spec"]["selector"]["matchLabels"]
    assert any(pod["metadata"]["labels"].get(key) != value for key, value in selector.items())


def test_helm_test_runs_check_with_what_the_bridge_has():
    objects = render(CHART / "ci/strimzi-tls-values.yaml")
    pod = one(objects, "Pod", "r-kafka-eventhubs-bridge-check")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    check, bridge = pod["spec"]["containers"][0], container(objects)
    assert check["args"] == ["check", *bridge["args"][1:3], "--connect"]
    for key in ("image", "env", "envFrom", "volumeMounts"):
        assert check[key] == bridge[key]
    assert pod["spec"]["volumes"] == workload(objects)["spec"]["template"]["spec"]["volumes"]
    selector = workload(objects)["spec"]["selector"]["matchLabels"].items()
    assert not selector <= pod["metadata"]["labels"].items(), "the Deployment would take it for its own"
