"""A release from its installation to its end, of each values file under `ci/`: what the API stored, what a change restarts, what is left."""

import base64
import copy

import pytest
import yaml

from chart import CI, container, render, workload

FILES = {"argvalues": CI, "ids": [file.name.removesuffix("-values.yaml") for file in CI]}
CHECKSUM = "kafka-eventhubs-bridge/checksum"
# Changes nothing a process reads at its start.
LABELLED = {"commonLabels": {"team": "orders"}}


def changed(file):
    """A change of the configuration: one more line in the TOML of `file`."""
    return {"config": yaml.safe_load(file.read_text())["config"] + "# changed\n"}


def kept(sent, stored, path=""):
    """Raises where `stored` is not what was `sent`. What the API adds, its defaults, is its own affair."""
    if isinstance(sent, dict):
        for key, value in sent.items():
            if value is None and key not in stored:
                continue
            assert key in stored, f"{path}.{key} was sent and is not stored"
            kept(value, stored[key], f"{path}.{key}")
    elif isinstance(sent, list):
        assert len(sent) == len(stored), path
        for number, (one, other) in enumerate(zip(sent, stored)):
            kept(one, other, f"{path}[{number}]")
    else:
        assert sent == stored, path


def as_kept(document):
    """`document` as the API keeps it: a Secret's texts are data in it."""
    document = copy.deepcopy(document)
    for key, text in document.pop("stringData", {}).items():
        document.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    document["metadata"].pop("namespace", None)
    return document


def objects(namespace):
    """What is in the namespace, less what Helm writes down for itself."""
    return {key: it for key, it in namespace.everything().items() if it.get("type") != "helm.sh/release.v1"}


def main(found):
    """The workload of the bridge, among what was found."""
    return workload(list(found.values()))


def checksum(found):
    """What a change of which restarts the pods."""
    return main(found)["spec"]["template"]["metadata"]["annotations"][CHECKSUM]


@pytest.mark.parametrize("file", **FILES)
def test_a_release_lives(file, namespace):
    # Those of `helm test` are made when it runs.
    sent = {(it["kind"], it["metadata"]["name"]): it for it in render(file) if "helm.sh/hook" not in it["metadata"].get("annotations", {})}

    namespace.install(file)
    first = objects(namespace)
    assert first.keys() == sent.keys()
    for key, document in sent.items():
        kept(as_kept(document), first[key], "/".join(key))
    assert main(first)["metadata"]["generation"] == 1

    # Another label everywhere: nothing a pod would be restarted for.
    namespace.upgrade(file, LABELLED)
    second = objects(namespace)
    assert all(it["metadata"]["labels"]["team"] == "orders" for (kind, name), it in second.items() if name.startswith("r-"))
    assert main(second)["spec"] == main(first)["spec"]
    assert main(second)["metadata"]["generation"] == 1, "the pods would be restarted"

    # Another configuration: new pods, and they read it.
    namespace.upgrade(file, LABELLED, changed(file))
    third = objects(namespace)
    assert checksum(third) != checksum(first)
    assert main(third)["metadata"]["generation"] == 2
    assert third["ConfigMap", "r-kafka-eventhubs-bridge"]["data"]["bridge.toml"].rstrip().endswith("# changed")

    # And back to what it was, labels and all.
    namespace.rollback(1)
    fourth = objects(namespace)
    assert fourth.keys() == first.keys()
    for key, was in first.items():
        now = fourth[key]
        assert now.get("spec") == was.get("spec") and now.get("data") == was.get("data"), key
        assert now["metadata"].get("labels") == was["metadata"].get("labels"), key

    namespace.uninstall()
    assert namespace.everything() == {}


@pytest.mark.parametrize("file", **FILES)
def test_its_pods_are_let_in(file, namespace):
    """By Pod Security itself, at "restricted"; also those of `helm test`."""
    seen = []
    for document in render(file):
        if document["kind"] == "Pod":
            namespace.pod(document)
        elif document["kind"] in ("Deployment", "StatefulSet"):
            namespace.pod(document["spec"]["template"])
        else:
            continue
        seen.append(document["metadata"]["name"])
    assert {"r-kafka-eventhubs-bridge", "r-kafka-eventhubs-bridge-check"} <= set(seen)


def test_two_releases_live_side_by_side(namespace):
    """Another name, other objects: neither takes the other's, and the end of one leaves the other."""
    namespace.install(CI[0])
    before = objects(namespace)
    minimal = next(file for file in CI if file.name.startswith("minimal"))
    namespace.cluster.helm("install", "payments", minimal.parents[1], "--namespace", namespace.name, "--values", minimal)
    assert len(objects(namespace)) == len(before) + len([it for it in render(minimal) if it["kind"] != "Pod"])
    namespace.uninstall()
    names = {name for _, name in objects(namespace)}
    assert names and all(name.startswith("payments") for name in names)


def test_the_admin_port_and_the_image_are_what_was_asked_for(namespace):
    minimal = next(file for file in CI if file.name.startswith("minimal"))
    namespace.install(minimal, {"admin": {"port": 9999}, "image": {"tag": "1.2.3"}})
    stored = container(list(objects(namespace).values()))
    assert stored["image"] == "myregistry.azurecr.io/kafka-eventhubs-bridge:1.2.3"
    assert stored["ports"] == [{"name": "metrics", "containerPort": 9999, "protocol": "TCP"}]
