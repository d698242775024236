"""deploy/azure: the Bicep files are good as far as that can be told without Azure, the alerts and the workbook are the chart's."""

import json
import re
import subprocess
import sys

import pytest
import yaml

from bicep import AZURE, ROOT, TYPES, bodies, declared, evaluated, faults, judged, outputs, parameters, parse, properties, text, tree, unknown_names
from chart import CHART
from test_dashboard import METRICS

FILES = sorted(AZURE.rglob("*.bicep"))
EXAMPLES = sorted(AZURE.glob("*.bicepparam"))
ALERTS = json.loads((AZURE / "alerts.json").read_text())["groups"]
CHARTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
WORKBOOK = json.loads((AZURE / "workbook.json").read_text())
DASHBOARD = json.loads((CHART / "files/dashboard.json").read_text())
names = {"ids": lambda file: file.name}


@pytest.mark.parametrize("file", FILES + EXAMPLES, **names)
def test_it_is_bicep(file):
    assert not faults(tree(file))


@pytest.mark.parametrize("file", FILES, **names)
def test_every_name_is_declared(file):
    assert not unknown_names(tree(file))


@pytest.mark.parametrize("file", FILES, **names)
def test_every_parameter_and_variable_is_used(file):
    source = file.read_text()
    for name in declared(tree(file), "parameter_declaration", "variable_declaration"):
        assert len(re.findall(rf"\b{name}\b", source)) > 1, name


@pytest.mark.parametrize("file", FILES, **names)
def test_resources_are_of_their_types(file):
    assert not list(judged(tree(file)))


def modules(file):
    """(name, file of the module, its parameters as given) of each module of `file`."""
    for name, node in declared(tree(file), "module_declaration").items():
        path = file.parent / text(next(it for it in node.children if it.type == "string"))
        (body,) = bodies(node)
        given = {key: value for key, value, _ in properties(body)}
        yield name, path, {key for key, _, _ in properties(given["params"])}


@pytest.mark.parametrize("file", [file for file in FILES if "module " in file.read_text()], **names)
def test_modules_get_what_they_ask_for(file):
    for name, path, given in modules(file):
        asked = parameters(tree(path))
        assert given <= asked.keys(), name
        assert {key for key, needed in asked.items() if needed} <= given, name
        for output in re.findall(rf"\b{name}\.outputs\.(\w+)", file.read_text()):
            assert output in outputs(tree(path)), f"{name}.outputs.{output}"


def test_every_module_is_used():
    used = {path.resolve() for file in FILES for _, path, _ in modules(file)}
    assert used == {file.resolve() for file in AZURE.glob("modules/*.bicep")}


@pytest.mark.parametrize("file", EXAMPLES, **names)
def test_examples_give_what_is_asked_for(file):
    (template,) = re.findall(r"(?m)^using '(.+)'$", file.read_text())
    asked = parameters(tree(AZURE / template))
    given = set(declared(tree(file), "variable_declaration"))
    assert given <= asked.keys()
    assert {key for key, needed in asked.items() if needed} <= given


def test_the_bridge_may_send_and_nothing_else():
    """No key is allowed unless asked for, and the one role is that of a sender."""
    source = "\n".join(file.read_text() for file in FILES)
    roles = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", source))
    assert roles == {"2b629674-e913-4c01-ae53-ef4638d8f975"}
    assert "param localAuth bool = false" in (AZURE / "main.bicep").read_text()
    assert not re.search(r"listKeys|authorizationRules", source)


def credential_name(namespace, account):
    """What identity.bicep calls the credential of `account` in `namespace`."""
    root = tree(AZURE / "modules/identity.bicep")
    (body,) = bodies(declared(root)["credential"])
    (name,) = [value for key, value, _ in properties(body) if key == "name"]
    variables = {key: node.named_children[-1] for key, node in declared(root, "variable_declaration").items()}
    return evaluated(name, {**variables, "kubernetesNamespace": namespace, "serviceAccount": account})


def test_a_credential_has_a_name_azure_takes():
    """Whatever Kubernetes lets a service account be called; two never share one."""
    namespaces = ["orders", "1", "n" * 63]
    accounts = ["default", "orders-kafka-eventhubs-bridge", "my.release-bridge", "my-release-bridge", "1.2.3", "a", "a" * 253, "a" * 252 + "b", ".".join("a" * 127)]
    found = [credential_name(namespace, account) for namespace in namespaces for account in accounts]
    for name in found:
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9-_]{2,119}", name), name
    assert len(set(found)) == len(found)
    # Of what is deployed already nothing is made anew.
    assert credential_name("orders", "orders-kafka-eventhubs-bridge") == "orders-orders-kafka-eventhubs-bridge"


def test_wrong_bicep_is_found():
    """The tests above can fail."""
    good = (AZURE / "modules/eventhubs.bicep").read_text()
    assert faults(parse(good.replace("tags: tags\n", "tags: tags }\n", 1)))
    assert unknown_names(parse(good.replace("tags: tags\n", "tags: tagz\n", 1))) == {"tagz"}
    wrong = {
        "partitionCount: it": "partitionsCount: it",
        "cleanupPolicy: 'Delete'": "cleanupPolicy: 7",
        "'Enabled' : 'Disabled'": "'Enabled' : 7",
        "  sku: {\n    name: sku\n": "  sku: {\n",
        "minimumTlsVersion: '1.2'": "minimumTlsVersion: ['1.2']",
        "2026-01-01": "2026-01-02",
    }
    assert not list(judged(parse(good)))
    for old, new in wrong.items():
        assert old in good
        assert list(judged(parse(good.replace(old, new)))), new


def test_they_are_made_of_the_charts():
    done = subprocess.run([sys.executable, ROOT / "scripts/azure-watch.py", "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_alert_has_its_twin():
    azure = {rule["alert"]: rule for group in ALERTS for rule in group["rules"]}
    chart = {rule["alert"]: rule for group in CHARTS for rule in group["rules"]}
    assert list(azure) == list(chart)
    known = TYPES["Microsoft.AlertsManagement/prometheusRuleGroups@2023-03-01"]["PrometheusRule"]
    for name, rule in azure.items():
        assert rule.keys() <= known.keys(), name
        assert rule["expression"] == chart[name]["expr"]
        assert 1 <= rule["severity"] <= 2
        assert rule["annotations"]["runbook"].startswith("docs/runbooks.md#")
        minutes = chart[name].get("for", "").removesuffix("m")
        assert rule.get("for", "") == (f"PT{minutes}M" if minutes else "")
    # Azure takes twenty in a group.
    assert all(len(group["rules"]) <= 20 for group in ALERTS)


def panels():
    """(title, query) of each item of the workbook that asks something."""
    for item in WORKBOOK["items"]:
        if item["type"] == 3:
            query = json.loads(item["content"]["query"])
            assert item["content"]["queryType"] == 16
            yield item["content"]["title"], query["queryText"]


def test_the_workbook_shows_what_the_dashboard_does():
    assert [title for title, _ in panels()] == [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    asked = {name for _, query in panels() for name in re.findall(r"\b((?:bridge|process)_\w+)\b", query)}
    assert asked and asked <= METRICS.keys()


def test_the_workbooks_queries_can_be_read(tmp_path):
    known = {it["name"] for it in WORKBOOK["items"][0]["content"]["parameters"]}
    rules = []
    for number, (title, query) in enumerate(panels()):
        assert "$" not in query, title
        for name in re.findall(r"\{([A-Z]\w+)\}", query):
            assert name in known, title
        rules.append({"record": f"query:{number}", "expr": re.sub(r"\{[A-Z]\w+\}", ".*", query)})
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "workbook", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_workbook_has_rows_and_a_place_for_its_workspace():
    rows = [item["content"]["json"] for item in WORKBOOK["items"] if item["type"] == 1]
    assert rows == [f"## {panel['title']}" for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert "MONITOR_WORKSPACE_ID" in (AZURE / "modules/workbook.bicep").read_text()
    assert WORKBOOK["fallbackResourceIds"] == ["MONITOR_WORKSPACE_ID"]
    assert all(item["content"]["crossComponentResources"] == ["{Workspace}"] for item in WORKBOOK["items"] if item["type"] == 3)
