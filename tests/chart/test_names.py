"""Whatever a release is called: each object has a name its kind may have, and each label a value the API takes, or the chart says which key to set."""

import re

import pytest

from chart import merged, refusal, render, workload
from schemas import validate

# The rules of the API, as it says them itself when it refuses: `tests/cluster` hears it.
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

# What Helm lets a release be called, 53 characters at most; among them what YAML takes for something else.
RELEASES = ["r", "orders", "my.release", "2024-orders", "2024", "1e3", "0x10", "true", "null", "on", "1.5", "x" * 53, f"{'x' * 51}.y", f"{'x.' * 26}y", f"{'x-' * 26}y"]
EVERYTHING = {
    "keda": {"enabled": True, "authentication": {"secretTargetRef": [{"parameter": "tls", "name": "a", "key": "b"}]}},
    "networkPolicy": {"enabled": True},
    "metrics": {"azureMonitor": {"enabled": True}, "prometheusOperator": {"enabled": True}},
    "rules": {"enabled": True, "extra": [{"alert": "A", "expr": "1"}]},
    "dashboards": {"enabled": True},
    "secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": "Endpoint=sb://x"}},
    "secretStore": {"enabled": True, "parameters": {"keyvaultName": "a"}},
    "workloadIdentity": {"enabled": True, "clientId": "00000000-1111-2222-3333-444444444444"},
}


def sound(objects):
    """Raises where a name or a label is none the API takes."""
    for document in objects:
        validate(document)
        name, kind = document["metadata"]["name"], document["kind"]
        rule = {"Service": SERVICE, "StatefulSet": LABEL}.get(kind, SUBDOMAIN)
        assert rule.fullmatch(name), (kind, name)
        # The longest that is made of it elsewhere: `keda-hpa-` and the name, and a pod's of a StatefulSet.
        assert len(name) <= 63, (kind, name)
        labelled = [document["metadata"], document.get("spec", {}).get("template", {}).get("metadata", {})]
        for label, value in (it for part in labelled for it in part.get("labels", {}).items()):
            assert isinstance(value, str) and VALUE.fullmatch(value), (kind, label, value)


@pytest.mark.parametrize("release", RELEASES)
def test_a_deployment_may_be_called_so(release):
    objects = render(EVERYTHING, release=release)
    assert len({it["kind"] for it in objects}) >= 12
    sound(objects)


@pytest.mark.parametrize("release", RELEASES)
def test_a_stateful_set_may_be_called_so_or_the_chart_says_how(release):
    values = merged(EVERYTHING, {"kind": "StatefulSet", "staticMembership": True})
    if SERVICE.fullmatch(f"{release}-kafka-eventhubs-bridge"[:52].rstrip("-.")):
        return sound(render(values, release=release))
    said = refusal(values, release=release)
    assert said.startswith("`fullnameOverride`")
    # What it proposes is good.
    proposed = re.search(r"such as `([^`]*)`", said)[1]
    sound(render({**values, "fullnameOverride": proposed}, release=release))


def test_a_name_that_is_a_number_stays_a_name():
    values = {"fullnameOverride": "2024", "serviceAccount": {"name": "0x10"}, "priorityClassName": "10", "secrets": {"existing": ["007"]}}
    objects = render(values, release="42")
    assert workload(objects, "2024")["spec"]["template"]["spec"]["serviceAccountName"] == "0x10"
    sound(objects)


@pytest.mark.parametrize("name", ["a" * 60 + ".b", "a." * 26 + "b", "x-" * 30 + "x"])
def test_a_long_name_is_cut_where_it_may_end(name):
    sound(render({**EVERYTHING, "fullnameOverride": name}))
    sound(render({**EVERYTHING, "nameOverride": name}))


def test_pods_of_a_release_are_its_own():
    """The selector is made of the release's whole name, so two whose objects' names are cut alike share no pods."""
    one, other = (workload(render({}, release=f"{'x' * 52}{end}"), "x" * 52)["spec"]["selector"]["matchLabels"] for end in "ab")
    assert one != other
