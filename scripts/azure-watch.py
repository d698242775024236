"""Writes deploy/azure/alerts.json and workbook.json from the chart's own alerts and dashboard, in Azure Monitor's words.

`make chart-docs` runs it, and a test says when that was forgotten. One source for each: an alert or panel that exists here only would be one that no test fires.
"""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "charts/kafka-eventhubs-bridge/files"
AZURE = ROOT / "deploy/azure"
# Azure counts from 0, critical, to 4, verbose.
SEVERITIES = {"critical": 1, "warning": 2}
# Grafana's variables, as parameters of the workbook.
PARAMETERS = {"namespace": "Namespace", "job": "Job", "topic": "Topic", "eventhubs_namespace": "EventHubsNamespace", "hub": "Hub"}
UNITS = {"s": 24, "bytes": 2, "Bps": 11, "cps": 17, "short": 17, "none": 17}


def rule(chart):
    """An alert of the chart as Azure Monitor takes it."""
    azure = {
        "alert": chart["alert"],
        "expression": chart["expr"],
        "severity": SEVERITIES[chart["labels"]["severity"]],
        "labels": chart["labels"],
        "annotations": chart["annotations"],
        "resolveConfiguration": {"autoResolved": True, "timeToResolve": "PT10M"},
    }
    if "for" in chart:
        number, unit = re.fullmatch(r"(\d+)([hm])", chart["for"]).groups()
        azure["for"] = f"PT{number}{unit.upper()}"
    return azure


def alerts():
    """All alerts, group by group."""
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    return {"groups": [{"name": group["name"], "rules": [rule(it) for it in group["rules"]]} for group in groups]}


def asked(expression):
    """A query of Grafana in the workbook's words: its parameters, and a rate over five minutes."""
    expression = expression.replace("$__rate_interval", "5m")
    return re.sub(r"\$(\w+)", lambda it: "{" + PARAMETERS[it[1]] + "}", expression)


def panel(grafana, number):
    """A panel of the dashboard, as an item."""
    over_time = grafana["type"] == "timeseries"
    texts = [asked(target["expr"]) for target in grafana["targets"]]
    if len(texts) > 1:
        # One query an item: what the legends say becomes a label, less the labels that the series have anyway.
        legends = [re.sub(r"\{\{\w+\}\}", "", target["legendFormat"]).strip(" ,:") for target in grafana["targets"]]
        texts = [f'label_replace({text}, "series", "{legend}", "", "")' for text, legend in zip(texts, legends)]
    query = {"version": "PrometheusQueryProvider/1.0", "queryText": " or ".join(texts), "type": "query_range" if over_time else "query"}
    content = {
        "version": "KqlItem/1.0",
        "query": json.dumps(query),
        "size": 0 if over_time else 4,
        "title": grafana["title"],
        "noDataMessage": "No data: either there is no problem, or no bridge is scraped.",
        "timeContextFromParameter": "TimeRange",
        "queryType": 16,
        "resourceType": "microsoft.monitor/accounts",
        "crossComponentResources": ["{Workspace}"],
        "visualization": {"timeseries": "timechart", "stat": "stat", "table": "table"}[grafana["type"]],
    }
    unit = UNITS.get(grafana["fieldConfig"]["defaults"].get("unit"))
    if over_time and unit:
        content["chartSettings"] = {"ySettings": {"numberFormatSettings": {"unit": unit, "options": {"style": "decimal"}}}}
    # Twelve columns where Grafana has twenty-four.
    width = str(round(grafana["gridPos"]["w"] * 100 / 24))
    return {"type": 3, "name": f"panel-{number}", "customWidth": width, "styleSettings": {"margin": "4px"}, "content": content}


def parameter(name, kind, value, **more):
    """A parameter of the workbook, at its head."""
    number = f"00000000-0000-4000-8000-{len(name):04d}{sum(map(ord, name)):08d}"
    return {"id": number, "version": "KqlParameterItem/1.0", "name": name, "type": kind, "isRequired": True, "value": value, **more}


def workbook():
    """The dashboard, row by row."""
    scope = {"resourceTypeFilter": {"microsoft.monitor/accounts": True}, "additionalResourceOptions": []}
    durations = [{"durationMs": hours * 3_600_000} for hours in (1, 6, 24, 72, 168)]
    parameters = [
        parameter("Workspace", 5, "MONITOR_WORKSPACE_ID", typeSettings=scope),
        parameter("TimeRange", 4, {"durationMs": 6 * 3_600_000}, typeSettings={"selectableValues": durations, "allowCustom": True}),
        *(parameter(name, 1, ".*", description="a regular expression") for name in PARAMETERS.values()),
    ]
    head = {"version": "KqlParameterItem/1.0", "parameters": parameters, "style": "pills", "queryType": 0}
    items = [{"type": 9, "name": "parameters", "content": head}]
    for number, it in enumerate(json.loads((FILES / "dashboard.json").read_text())["panels"]):
        if it["type"] == "row":
            items.append({"type": 1, "name": f"row-{number}", "content": {"json": f"## {it['title']}"}})
        else:
            items.append(panel(it, number))
    return {"version": "Notebook/1.0", "items": items, "fallbackResourceIds": ["MONITOR_WORKSPACE_ID"]}


def written(content):
    """As it stands in the file."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


MADE = {"alerts.json": alerts, "workbook.json": workbook}


def main():
    """Writes both, or with `--check` says which is not as it would be written."""
    stale = [name for name, make in MADE.items() if not (AZURE / name).exists() or (AZURE / name).read_text() != written(make())]
    if "--check" in sys.argv:
        sys.exit(f"`make chart-docs` was not run: {', '.join(stale)}" if stale else 0)
    for name in stale:
        (AZURE / name).write_text(written(MADE[name]()))


if __name__ == "__main__":
    main()
