"""What is written about Kubernetes and Azure: the values render and are taken by the API, the commands are run, or say that they need more than this."""

import math
import re
import shlex

import pytest
import yaml

from chart import CHART, LEAST, ROOT, helm, merged, one, render
from schemas import validate

KUBERNETES, AZURE = WALKS = [ROOT / "docs/kubernetes.md", ROOT / "docs/azure.md"]
PAGES = [*WALKS, ROOT / "docs/runbooks.md", CHART / "README.md"]
NEEDS = ("needs Azure", "needs a cluster")


def blocks(page, language):
    """The fenced blocks of `language` in `page`."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", page.read_text())


def commands(page):
    """(command, whether it can be run here), of every block."""
    for block in blocks(page, "sh"):
        beyond = any(block.startswith(f"# {need}") for need in NEEDS)
        for line in block.replace("\\\n", " ").splitlines():
            said, _, remark = line.partition(" #")
            if said.strip() and not said.startswith("#"):
                yield said.strip(), not beyond and not any(need in remark for need in NEEDS)


VALUES = [(page.name, block) for page in PAGES for block in blocks(page, "yaml")]


@pytest.mark.parametrize("name, block", VALUES, ids=[f"{name}:{block.split(':')[0]}" for name, block in VALUES])
def test_values_that_are_shown_work(name, block):
    for document in render(yaml.safe_load(block)):
        validate(document)


def test_values_that_are_shown_work_together():
    together = LEAST
    for name, block in VALUES:
        if name == "kubernetes.md":
            together = merged(together, yaml.safe_load(block))
    objects = render(together)
    assert one(objects, "ScaledObject") and one(objects, "NetworkPolicy") and one(objects, "PodMonitor")


RUN = [(page, command) for page in PAGES for command, here in commands(page) if here]


@pytest.mark.parametrize("page, command", RUN, ids=[command[:40] for _, command in RUN])
def test_commands_can_be_run(page, command, tmp_path):
    words = shlex.split(command)
    if all("=" in word for word in words):
        return
    assert words[0] == "helm", f"{page.name}: `{command}` is run by no test, and does not say what it needs"
    values = tmp_path / "values.yaml"
    values.write_text(next(block for block in blocks(page, "yaml") if "image:" in block))
    words = [str(values) if word == "values.yaml" else str(ROOT / word) if word.startswith("charts/") else word for word in words]
    pretend = ["--dry-run=client", "--kubeconfig", str(tmp_path / "none")] if words[1] == "install" else []
    code, _, error = helm(*words[1:], *pretend)
    assert code == 0, error


def test_the_identity_is_for_the_service_account_that_is_made():
    """One page makes the identity, the other one installs."""
    subject = re.search(r"--subject system:serviceaccount:(\S+):(\S+)", AZURE.read_text())
    release, namespace = re.search(r"helm install (\S+) \S+ --namespace (\S+)", KUBERNETES.read_text()).groups()
    code, out, error = helm("template", release, CHART, "--namespace", namespace, "--values", CHART / "ci/workload-identity-values.yaml")
    assert code == 0, error
    account = next(it for it in yaml.safe_load_all(out) if it["kind"] == "ServiceAccount")
    assert (namespace, account["metadata"]["name"]) == subject.groups()


@pytest.mark.parametrize("page", WALKS, ids=lambda page: page.name)
def test_objects_that_pages_name_are_made(page):
    """`deploy/NAME` of the guide is what the chart calls it."""
    text = page.read_text()
    named = set(re.findall(r"deploy/(orders\S*)", text))
    code, out, _ = helm("template", "orders", CHART, "--values", CHART / "ci/minimal-values.yaml")
    assert code == 0
    assert named == {it["metadata"]["name"] for it in yaml.safe_load_all(out) if it["kind"] == "Deployment"}


def test_nothing_is_told_twice():
    """A command that makes or installs something stands on one of the two pages, and the other one links there."""
    told = [{command for command, _ in commands(page) if not command.startswith("kubectl --namespace kafka exec")} for page in WALKS]
    assert not told[0] & told[1]
    for page, other in (WALKS, reversed(WALKS)):
        assert f"({other.name}" in page.read_text()


def test_the_values_lead_to_what_is_made_in_azure():
    values = yaml.safe_load(blocks(KUBERNETES, "yaml")[0])
    names = dict(word.split("=") for word in re.search(r"(?m)^RG=.*$", AZURE.read_text())[0].split())
    assert values["image"]["repository"] == f"{names['REGISTRY']}.azurecr.io/kafka-eventhubs-bridge"
    assert f'namespace = "{names["EVENTHUBS"]}.servicebus.windows.net"' in values["config"]


def test_the_walk_ends_in_what_bicep_calls_it():
    """Both ways make the same, so that one may be taken up by the other."""
    text = AZURE.read_text()
    example = (ROOT / "deploy/azure/example.bicepparam").read_text()
    given = dict(re.findall(r"(?m)^param (\w+) = '(.+)'$", example))
    assert f"EVENTHUBS={given['name']} " in text and f"CLUSTER={given['clusterName']} " in text
    assert f"system:serviceaccount:{given['kubernetesNamespace']}:{given['serviceAccount']} " in text


def test_files_that_pages_name_are_there():
    for page in PAGES:
        for path in re.findall(r"(?:charts|deploy|config|docs|scripts)/[\w./-]+\.\w+", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_sizes_are_as_their_formulas_say():
    (block,) = blocks(AZURE, "sizing")
    lines = re.findall(r"(?m)^[\w ]+: +(.+?) += ([\d.]+)\b", block)
    assert len(lines) == block.count("\n") > 5
    for formula, result in lines:
        assert eval(formula, {"__builtins__": {}}, {"ceil": math.ceil, "max": max}) == float(result), formula


def test_the_toml_may_be_a_file_of_its_own():
    file = ROOT / "config/bridge.toml"
    code, out, error = helm("template", "r", CHART, "--set", "image.repository=registry/bridge", "--set-file", f"config={file}")
    assert code == 0, error
    mounted = one([it for it in yaml.safe_load_all(out) if it], "ConfigMap")["data"]["bridge.toml"]
    assert mounted.strip() == file.read_text().strip()
