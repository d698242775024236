"""Odd names of a release, with everything the chart can make: the API takes them all, or the chart has said which key to set."""

import re

import pytest

from chart import CHART, refusal
from cluster import Refused
from test_names import EVERYTHING, RELEASES, SERVICE

MINIMAL = CHART / "ci/minimal-values.yaml"


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_may_be_called_so(namespace, release):
    namespace.install(MINIMAL, EVERYTHING, release=release)
    kinds = {kind for kind, _ in namespace.everything()}
    assert kinds >= {"Deployment", "ScaledObject", "TriggerAuthentication", "NetworkPolicy", "PodMonitor", "PrometheusRule", "SecretProviderClass"}


@pytest.mark.parametrize("release", ["my.release", "2024-orders", "2024", "x" * 53])
def test_a_stateful_set_and_a_pod_of_it_may_be_called_so(namespace, release):
    stateful = {**EVERYTHING, "kind": "StatefulSet", "staticMembership": True}
    if not SERVICE.fullmatch(release):
        stateful["fullnameOverride"] = re.search(r"such as `([^`]*)`", refusal(stateful, release=release))[1]
    namespace.install(MINIMAL, stateful, release=release)
    [name] = [name for kind, name in namespace.everything() if kind == "StatefulSet"]
    template = namespace.get("statefulset", name)["spec"]["template"]
    # As its controller makes it: host and labels by the name.
    template["spec"] |= {"hostname": f"{name}-0", "subdomain": name}
    template["metadata"]["labels"] |= {"controller-revision-hash": f"{name}-5d8f9c7b64", "statefulset.kubernetes.io/pod-name": f"{name}-0"}
    template["metadata"].pop("creationTimestamp", None)
    namespace.pod(template)


@pytest.mark.parametrize("name", ["my.release", "x" * 64])
def test_the_api_refuses_what_the_chart_does(namespace, name):
    with pytest.raises(Refused, match="metadata.name"):
        namespace.cluster.kubectl("create", "service", "clusterip", name, "--clusterip=None", "--namespace", namespace.name)
