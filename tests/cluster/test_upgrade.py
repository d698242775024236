"""From the chart of the version before to this one and back, each with the values of the one before: what people have in their repositories."""

import os
from pathlib import Path

import pytest
import yaml

from chart import CHART, container, render
from test_life import as_kept, kept, main, objects

BEFORE = Path(os.environ["VERSION_BEFORE"]) / "chart"
FILES = sorted((BEFORE / "ci").glob("*-values.yaml"))
KEYS = ("spec", "data")


def same(now, before):
    """Raises where an object is another than it was; what the API counts is its own affair."""
    assert now.keys() == before.keys()
    for key, was in before.items():
        assert all(now[key].get(part) == was.get(part) for part in KEYS), key
        for part in ("labels", "annotations"):
            own = {name: it for name, it in now[key]["metadata"].get(part, {}).items() if "deployment.kubernetes.io/" not in name}
            assert own == {name: it for name, it in was["metadata"].get(part, {}).items() if "deployment.kubernetes.io/" not in name}, key


@pytest.mark.parametrize("file", FILES, ids=[file.name.removesuffix("-values.yaml") for file in FILES])
def test_a_release_of_the_chart_before_is_upgraded_and_goes_back(file, namespace):
    assert len(FILES) > 5
    namespace.install(file, chart=BEFORE)
    first = objects(namespace)

    # What may not be changed is not: Helm would say so. What is there then is what a first installation would have made.
    namespace.upgrade(file)
    second = objects(namespace)
    wanted = {(it["kind"], it["metadata"]["name"]): it for it in render(file) if "helm.sh/hook" not in it["metadata"].get("annotations", {})}
    assert second.keys() == wanted.keys()
    for key, document in wanted.items():
        kept(as_kept(document), second[key], "/".join(key))
    # The same release to those who watch it: names, and what selects its pods.
    for key in first.keys() & second.keys():
        assert second[key]["metadata"]["uid"] == first[key]["metadata"]["uid"], f"{key} was deleted and created again"
    assert main(second)["spec"]["selector"] == main(first)["spec"]["selector"]

    namespace.rollback(1)
    same(objects(namespace), first)
    # And forward again, as after a rollback that was for nothing.
    namespace.rollback(2)
    same(objects(namespace), second)
    namespace.uninstall()
    assert namespace.everything() == {}


def test_an_upgrade_rolls_the_pods_by_their_image(namespace):
    """The image is the chart's version unless somebody says another: so an upgrade of the chart is one of the program."""
    minimal = BEFORE / "ci/minimal-values.yaml"
    values = {"image": {"tag": ""}}
    namespace.install(minimal, values, chart=BEFORE)
    before = container(list(objects(namespace).values()))["image"]
    namespace.upgrade(minimal, values)
    now = container(list(objects(namespace).values()))["image"]
    versions = [yaml.safe_load((chart / "Chart.yaml").read_text())["appVersion"] for chart in (BEFORE, CHART)]
    assert [image.rpartition(":")[2] for image in (before, now)] == versions
