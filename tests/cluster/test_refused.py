"""What the API itself refuses. The chart's schema leaves open what is Kubernetes' own to say; these are the words a person then reads."""

import copy

import pytest
import yaml

from chart import CHART, render, workload
from cluster import Refused

MINIMAL = CHART / "ci/minimal-values.yaml"
KEDA = {"enabled": True, "brokers": "kafka:9092", "group": "orders-bridge", "topics": ["orders"]}

# Values the chart passes on, and what the API says to them.
WRONG = {
    "a field of the container": ({"securityContext": {"readOnlyRootFS": True}}, "readOnlyRootFS"),
    "a field of the pod": ({"podSecurityContext": {"runAsNonRooot": True}}, "runAsNonRooot"),
    "a probe": ({"probes": {"liveness": {"periodSecond": 3}}}, "periodSecond"),
    "a spread": ({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Never"}]}, "Never"),
    "a quantity": ({"resources": {"limits": {"memory": "192MB!"}}}, "quantities"),
    "a request above its limit": ({"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "192Mi"}}}, "less than or equal to memory limit"),
    "a variable": ({"extraEnv": [{"name": "A", "valu": "b"}]}, "valu"),
    "a mount without volume": ({"extraVolumeMounts": [{"name": "nowhere", "mountPath": "/x"}]}, "nowhere"),
    "a peer": ({"networkPolicy": {"enabled": True, "kafka": {"to": [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}}}, "10.0.0.0/99"),
    "scaling by KEDA": ({"keda": {**KEDA, "behavior": {"scaleDwn": {}}}}, "scaleDwn"),
    "the fallback of KEDA": ({"keda": {**KEDA, "fallback": {"failureThreshold": "four", "replicas": 1}}}, "failureThreshold"),
    "scaling by CPU": ({"hpa": {"enabled": True, "behavior": {"scaleDown": {"policies": [{"type": "Podz", "value": 1, "periodSeconds": 9}]}}}}, "Podz"),
    "a relabeling": ({"metrics": {"azureMonitor": {"enabled": True, "relabelings": [{"sourceLabel": ["a"]}]}}}, "sourceLabel"),
    "an alert": ({"rules": {"enabled": True, "extra": [{"alert": "A", "exp": "1"}]}}, "exp"),
}


@pytest.mark.parametrize("values, said", WRONG.values(), ids=WRONG)
def test_the_api_names_what_is_wrong(namespace, values, said):
    with pytest.raises(Refused, match=said):
        namespace.install(MINIMAL, values)


def test_an_upgrade_that_is_refused_changes_no_pod(namespace):
    namespace.install(MINIMAL)
    before = namespace.get("deployment")
    with pytest.raises(Refused, match="readOnlyRootFS"):
        namespace.upgrade(MINIMAL, {"config": "[kafka]\n", "securityContext": {"readOnlyRootFS": True}})
    assert namespace.get("deployment")["spec"] == before["spec"]
    # The next good one goes through as if it had not been.
    namespace.upgrade(MINIMAL)
    assert namespace.get("deployment")["metadata"]["generation"] == before["metadata"]["generation"]


# Each of what "restricted" asks for, taken away.
LOOSE = {
    "runAsNonRoot": lambda pod, bridge: pod["securityContext"].pop("runAsNonRoot"),
    "seccompProfile": lambda pod, bridge: pod["securityContext"].pop("seccompProfile"),
    "allowPrivilegeEscalation": lambda pod, bridge: bridge["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities": lambda pod, bridge: bridge["securityContext"].pop("capabilities"),
    "hostPath": lambda pod, bridge: pod["volumes"].append({"name": "root", "hostPath": {"path": "/"}}),
    "runAsUser=0": lambda pod, bridge: pod["securityContext"].update(runAsUser=0),
}


@pytest.mark.parametrize("missing", LOOSE)
def test_pod_security_is_enforced(namespace, missing):
    """The pods of the chart are let in because of what they say, not because nobody looks."""
    template = copy.deepcopy(workload(render(yaml.safe_load(MINIMAL.read_text())))["spec"]["template"])
    namespace.pod(template)
    LOOSE[missing](template["spec"], template["spec"]["containers"][0])
    with pytest.raises(Refused, match=missing):
        namespace.pod(template)
