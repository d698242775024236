"""What is in the API after an installation, kind by kind: the fields somebody relies on, as they are stored and not as they were written."""

import base64

import pytest
import yaml

from chart import CHART, merged
from cluster import Refused

CI = CHART / "ci"
ALERTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
KEDA = {"enabled": True, "brokers": "kafka:9092", "group": "orders-bridge", "topics": ["orders"], "maxReplicas": 8}


def stored(namespace, case, over=None):
    """The namespace, with the case of `ci/` installed in it."""
    namespace.install(CI / f"{case}-values.yaml", *([over] if over else []))
    return namespace


def test_deployment(namespace):
    spec = stored(namespace, "workload-identity").get("deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    pod = spec["template"]["spec"]
    assert spec["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert pod["terminationGracePeriodSeconds"] == 35
    assert pod["priorityClassName"] == "business-critical"
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    spread = pod["topologySpreadConstraints"]
    assert [it["topologyKey"] for it in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert all(it["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"] for it in spread)
    bridge = pod["containers"][0]
    assert {probe: bridge[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    assert bridge["resources"]["limits"] == {"memory": "192Mi"}
    assert bridge["securityContext"]["readOnlyRootFilesystem"] is True
    account = namespace.get("serviceaccount")
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["annotations"]["azure.workload.identity/client-id"] == "00000000-1111-2222-3333-444444444444"


def test_stateful_set(namespace):
    spec = stored(namespace, "statefulset").get("statefulset")["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (3, "Parallel")
    assert spec["serviceName"] == namespace.get("service")["metadata"]["name"]
    assert namespace.get("service")["spec"]["clusterIP"] == "None"
    variables = {it["name"]: it for it in spec["template"]["spec"]["containers"][0]["env"]}
    assert variables["BRIDGE_KAFKA__INSTANCE_ID"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert variables["BRIDGE_LIMITS__DRAIN_TIMEOUT"]["value"] == "45s"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 60


def test_configuration_and_secret(namespace):
    toml = yaml.safe_load((CI / "emulator-values.yaml").read_text())
    stored(namespace, "emulator")
    assert namespace.get("configmap")["data"] == {"bridge.toml": toml["config"]}
    secret = namespace.get("secret")
    assert {key: base64.b64decode(it).decode() for key, it in secret["data"].items()} == toml["secrets"]["env"]


def test_disruption_budget(namespace):
    budget = stored(namespace, "statefulset").get("poddisruptionbudget")["spec"]
    assert budget["minAvailable"] == 2 and "maxUnavailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    namespace.upgrade(CI / "statefulset-values.yaml", {"podDisruptionBudget": {"minAvailable": None, "maxUnavailable": "25%"}})
    budget = namespace.get("poddisruptionbudget")["spec"]
    assert budget["maxUnavailable"] == "25%" and "minAvailable" not in budget


def test_network_policy(namespace):
    spec = stored(namespace, "workload-identity", {"networkPolicy": {"imds": True}}).get("networkpolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"protocol": "TCP", "port": "metrics"}]}]
    rules = [(sorted({port["port"] for port in rule["ports"]}), rule.get("to", "anywhere")) for rule in spec["egress"]]
    assert rules[0][0] == [53] and len(rules[0][1]) == 2
    assert rules[1:] == [
        ([9092, 9093], "anywhere"),
        ([443, 5671], "anywhere"),
        ([443], "anywhere"),
        ([80], [{"ipBlock": {"cidr": "169.254.169.254/32"}}]),
    ]


def test_scaled_object(namespace):
    spec = stored(namespace, "keda").get("scaledobject")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "r-kafka-eventhubs-bridge"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 12)
    assert (spec["pollingInterval"], spec["cooldownPeriod"]) == (15, 300)
    # KEDA's definition adds how: "static".
    assert spec["fallback"]["replicas"] == 3 and spec["fallback"]["failureThreshold"] == 4
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert [trigger["metadata"]["topic"] for trigger in spec["triggers"]] == ["orders", "payments"]
    for trigger in spec["triggers"]:
        assert trigger["type"] == "kafka"
        assert trigger["metadata"]["consumerGroup"] == "orders-bridge"
        assert trigger["metadata"]["lagThreshold"] == "100000"
        assert trigger["metadata"]["offsetResetPolicy"] == "earliest"
        assert trigger["metadata"]["version"] == "2.5.0"
        assert trigger["authenticationRef"]["name"] == "r-kafka-eventhubs-bridge"
    references = namespace.get("triggerauthentication")["spec"]["secretTargetRef"]
    assert {it["parameter"]: it["key"] for it in references} == {
        "username": "BRIDGE_KAFKA__SECURITY__USERNAME",
        "password": "BRIDGE_KAFKA__SECURITY__PASSWORD",
    }


@pytest.mark.parametrize("case, kind", [("workload-identity", "podmonitors.azmonitoring.coreos.com"), ("sas", "podmonitors.monitoring.coreos.com")])
def test_pod_monitor(namespace, case, kind):
    spec = stored(namespace, case).get(kind)["spec"]
    assert (spec["labelLimit"], spec["labelNameLengthLimit"], spec["labelValueLengthLimit"]) == (63, 511, 1023)
    assert spec["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics", "interval": "30s"}]
    pods = namespace.get("deployment")["spec"]["template"]
    assert spec["selector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
    assert spec["podMetricsEndpoints"][0]["port"] in [port["name"] for port in pods["spec"]["containers"][0]["ports"]]


def test_prometheus_rule(namespace):
    rule = stored(namespace, "sas").get("prometheusrule")
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    found = {it["alert"]: it for group in rule["spec"]["groups"] for it in group["rules"]}
    shipped = {it["alert"]: it for group in ALERTS["groups"] for it in group["rules"]}
    assert found.keys() == shipped.keys() - {"EventHubsBridgeNeedsThroughputUnits"}
    for name, alert in found.items():
        assert alert["expr"] == shipped[name]["expr"] and alert.get("for") == shipped[name].get("for"), name
        assert alert["labels"] == {**shipped[name]["labels"], "team": "orders"}


def test_secret_provider_class(namespace):
    spec = stored(namespace, "sas").get("secretproviderclass")["spec"]
    assert spec["provider"] == "azure" and spec["parameters"]["keyvaultName"] == "contoso"
    volumes = {it["name"]: it for it in namespace.get("deployment")["spec"]["template"]["spec"]["volumes"]}
    assert volumes["secret-store"]["csi"]["volumeAttributes"]["secretProviderClass"] == "r-kafka-eventhubs-bridge"


def test_an_autoscaler_is_swapped_for_another(namespace):
    minimal = CI / "minimal-values.yaml"
    namespace.install(minimal, {"keda": KEDA})
    kinds = {kind for kind, _ in namespace.everything()}
    assert "ScaledObject" in kinds and "HorizontalPodAutoscaler" not in kinds
    namespace.upgrade(minimal, {"hpa": {"enabled": True, "maxReplicas": 6}})
    kinds = {kind for kind, _ in namespace.everything()}
    assert "HorizontalPodAutoscaler" in kinds and "ScaledObject" not in kinds
    assert namespace.get("hpa")["spec"]["maxReplicas"] == 6
    namespace.rollback(1)
    kinds = {kind for kind, _ in namespace.everything()}
    assert "ScaledObject" in kinds and "HorizontalPodAutoscaler" not in kinds


@pytest.mark.parametrize("scaled", [{"keda": KEDA}, {"hpa": {"enabled": True}}], ids=["keda", "hpa"])
def test_an_upgrade_leaves_the_number_of_pods_to_the_autoscaler(namespace, scaled):
    """Otherwise each `helm upgrade` of a bridge that scaled to five would be a bridge of one for a minute."""
    minimal = CI / "minimal-values.yaml"
    namespace.install(minimal, scaled)
    # As an autoscaler does: by the sub-resource.
    namespace.cluster.kubectl("scale", "deployment", "r-kafka-eventhubs-bridge", "--replicas=5", "--namespace", namespace.name)
    namespace.upgrade(minimal, merged(scaled, {"image": {"tag": "9.9.9"}}))
    spec = namespace.get("deployment")["spec"]
    assert spec["template"]["spec"]["containers"][0]["image"].endswith(":9.9.9")
    assert spec["replicas"] == 5


def test_a_pause_outlasts_an_upgrade(namespace):
    """As docs/kubernetes.md says of maintenance: KEDA keeps to the annotation until it is taken off."""
    minimal = CI / "minimal-values.yaml"
    paused = "autoscaling.keda.sh/paused-replicas"
    namespace.install(minimal, {"keda": KEDA})
    namespace.cluster.kubectl("annotate", "scaledobject", "r-kafka-eventhubs-bridge", f"{paused}=0", "--namespace", namespace.name)
    namespace.upgrade(minimal, {"keda": {**KEDA, "maxReplicas": 9}})
    scaled = namespace.get("scaledobject")
    assert scaled["spec"]["maxReplicaCount"] == 9 and scaled["metadata"]["annotations"][paused] == "0"
    # Who set it by hand takes it off by hand: Helm does not take it from them.
    lasting = {"keda": {**KEDA, "annotations": {paused: "2"}}}
    with pytest.raises(Refused, match="kubectl-annotate"):
        namespace.upgrade(minimal, lasting)
    namespace.cluster.kubectl("annotate", "scaledobject", "r-kafka-eventhubs-bridge", f"{paused}-", "--namespace", namespace.name)
    namespace.upgrade(minimal, lasting)
    assert namespace.get("scaledobject")["metadata"]["annotations"][paused] == "2"


def test_an_autoscaler_takes_over_what_runs(namespace):
    """As docs/kubernetes.md says: a number that the chart lets go becomes 1, one that was set by hand stays."""
    minimal = CI / "minimal-values.yaml"
    namespace.install(minimal, {"replicas": 3})
    namespace.upgrade(minimal, {"keda": KEDA})
    assert namespace.get("deployment")["spec"]["replicas"] == 1
    namespace.upgrade(minimal, {"replicas": 3})
    namespace.cluster.kubectl("scale", "deployment", "r-kafka-eventhubs-bridge", "--replicas=4", "--namespace", namespace.name)
    namespace.upgrade(minimal, {"keda": KEDA})
    assert namespace.get("deployment")["spec"]["replicas"] == 4


def test_a_deployment_becomes_a_stateful_set(namespace):
    minimal = CI / "minimal-values.yaml"
    namespace.install(minimal)
    namespace.upgrade(minimal, {"kind": "StatefulSet", "staticMembership": True})
    kinds = {kind for kind, _ in namespace.everything()}
    assert "StatefulSet" in kinds and "Service" in kinds and "Deployment" not in kinds
