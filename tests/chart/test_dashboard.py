"""The dashboard and the alerts ask only for what there is, in a way Prometheus and Grafana understand.

Every name is held against docs/metrics.md, which a test of the bridge holds against the bridge.
"""

import json
import re
import subprocess
import sys

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from chart import CHART, ROOT, one, render

FILE = CHART / "files/dashboard.json"
DASHBOARD = json.loads(FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What the target carries when it is scraped on Kubernetes.
OF_THE_TARGET = {"cluster", "namespace", "job", "instance", "pod"}
ALERTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())


def metrics():
    """Name → labels, of every metric the bridge has; a histogram is its three series."""
    found = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 6 or not cells[1].startswith("`"):
            continue
        labels = set(re.findall(r"`(\w+)`", cells[3]))
        parts = ("_bucket", "_sum", "_count") if cells[2] == "histogram" else ("",)
        for part in parts:
            found[cells[1].strip("`") + part] = labels | ({"le"} if part == "_bucket" else set())
    assert len(found) > 30
    return found


METRICS = metrics()


def queries():
    """(where, expression) of everything that is asked."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            yield f"variable {variable['name']}", f"count by ({inner[2]}) ({inner[1]})"


def concrete(expression):
    """An expression with Grafana's variables filled in."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "2m"))


@pytest.mark.parametrize("where, expression", list(queries()), ids=lambda it: it if len(it) < 45 else "")
def test_what_is_asked_for_exists(where, expression):
    names = set(re.findall(r"\b((?:bridge|process)_\w+)\b", expression))
    assert names, where
    assert names <= METRICS.keys(), where
    labels = set().union(*(METRICS[name] for name in names)) | OF_THE_TARGET
    for inside in re.findall(r"\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", inside)) <= labels, where
    for inside in re.findall(r"\bby \((.*?)\)", expression):
        assert set(inside.split(", ")) <= labels, where


def test_prometheus_can_read_every_query(tmp_path):
    rules = [{"record": f"query:{number}", "expr": concrete(it)} for number, (_, it) in enumerate(queries())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_of_the_bridge_is_shown():
    """A metric nobody sees is one too many, or a panel is missing. What `verify --live` serves is of another process, which the chart does not run."""
    shown = {name for _, expression in queries() for name in re.findall(r"\b(bridge_\w+)\b", expression)}
    base = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} | shown
    missing = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRICS if re.match("bridge_(?!verify_)", name)} - base
    assert not missing


def keys(node, path=""):
    """Every path of keys in a JSON value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{path}.{key}"
            yield from keys(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from keys(value, f"{path}[{index}]")


def test_grafana_knows_every_key():
    """Through Grafana's own model and back: a key it does not know gets lost on the way."""
    register_default_plugins()
    back = json.loads(json.dumps(Dashboard.from_json(DASHBOARD), cls=JSONEncoder))
    lost = [key for key in keys(DASHBOARD) if key not in set(keys(back))]
    # A threshold's base has no value, and the model leaves out what is null.
    assert not [key for key in lost if not key.endswith(".value")], lost


def test_panels_lie_beside_one_another():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel["description"] and panel["title"] for panel in PANELS)


def test_the_chart_ships_it_whole():
    shipped = one(render({"dashboards": {"enabled": True}}), "ConfigMap", "r-kafka-eventhubs-bridge-dashboard")
    assert json.loads(shipped["data"]["kafka-eventhubs-bridge.json"]) == DASHBOARD
    assert shipped["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_map_of_the_dashboard_is_fresh():
    done = subprocess.run([sys.executable, ROOT / "scripts/dashboard-picture.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    picture = (ROOT / "docs/pictures/dashboard.svg").read_text()
    assert picture.count('class="panel"') == len(PANELS) and "prefers-color-scheme: dark" in picture
