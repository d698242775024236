"""The alerts: each fires when its cause is there, alone, and not in a healthy hour; each has a runbook; the chart ships them whole.

promtool plays made-up series to the rules. A scenario lists every alert that fires in it, so that one which fires besides is found too.
"""

import re
import subprocess

import pytest
import yaml

from chart import CHART, CI, ROOT, one, render

ALERTS = CHART / "files/alerts.yaml"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]

TARGET = 'cluster="c",namespace="shop",job="shop/bridge",instance="10.0.0.1:9400",pod="bridge-0"'


def series(name, values, labels=""):
    """One series as promtool writes it: `a+bxn` is n steps of 30 s, each b more; an underscore is no sample."""
    return {"series": f"{name}{{{TARGET}{',' if labels else ''}{labels}}}", "values": values}


HUB_PARTITION = 'eventhubs_namespace="contoso",hub="orders",hub_partition="3",shard="0"'

# An hour in which all is well: a thousand records a second in and out.
HEALTHY = {
    "sent": series("bridge_events_sent_total", "0+30000x120", 'eventhubs_namespace="contoso",hub="orders"'),
    "bytes": series("bridge_sent_bytes_total", "0+15000000x120", 'eventhubs_namespace="contoso",hub="orders"'),
    "lag": series("bridge_consumer_lag_records", "40 60 50+0x118", 'topic="orders",partition="0"'),
    "commits": series("bridge_commits_total", "0+6x120", 'outcome="ok"'),
    "lost": series("bridge_rebalances_total", "0x120", 'kind="lost"'),
    "oldest": series("bridge_oldest_in_flight_seconds", "0.2x120", 'topic="orders",partition="0"'),
    "behind": series("bridge_lag_seconds", "0.2x120", 'topic="orders",partition="0"'),
    "state": series("bridge_hub_partition_state_timestamp_seconds", "1x120", HUB_PARTITION + ',state="sending"'),
    "connected": series("bridge_eventhubs_connected", "1x120", 'eventhubs_namespace="contoso",shard="0"'),
    "brokers": series("bridge_kafka_brokers", "3x120", 'state="up"'),
    "expiry": series("bridge_token_expiry_timestamp_seconds", "4000x120", 'eventhubs_namespace="contoso"'),
    "reload": series("bridge_config_reload_successful", "1x120"),
    "start": series("process_start_time_seconds", "1x120"),
    "build": series("bridge_build_info", "1x120", 'version="0.1.0"'),
}

PARTITION = 'topic="orders",partition="0"'
# One transient trouble, long over when it is asked.
BLIP = {"throttled": series("bridge_send_retries_total", "0x20 3x100", 'eventhubs_namespace="contoso",hub="orders",cause="throttled"')}

# name → (what differs from the healthy hour, {minute: alerts that fire then}).
SCENARIOS = {
    "all is well": ({}, {10: [], 30: [], 60: []}),
    "throttled for a moment": (BLIP, {30: []}),
    "the lag grows and nothing is sent": (
        {
            "sent": series("bridge_events_sent_total", "0+30000x30 900000x90", 'eventhubs_namespace="contoso",hub="orders"'),
            "lag": series("bridge_consumer_lag_records", "50x30 50+30000x90", PARTITION),
            "commits": series("bridge_commits_total", "0+6x120", 'outcome="ok"'),
        },
        {14: [], 35: ["EventHubsBridgeStandsStill"]},
    ),
    "nothing was ever sent": (
        {"sent": None, "bytes": None, "lag": series("bridge_consumer_lag_records", "50+30000x120", PARTITION)},
        {4: [], 20: ["EventHubsBridgeStandsStill"]},
    ),
    "more comes than goes": (
        {"lag": series("bridge_consumer_lag_records", "0+30000x120", PARTITION)},
        # Five minutes of work are 300 000 records, which wait after five.
        {10: [], 30: ["EventHubsBridgeFallsBehind"]},
    ),
    "a backlog becomes less": ({"lag": series("bridge_consumer_lag_records", "4000000-30000x120", PARTITION)}, {30: []}),
    "a partition is halted": (
        {
            "held": series("bridge_partition_held", "0x20 1x100", PARTITION + ',reason="halted"'),
            "oldest": series("bridge_oldest_in_flight_seconds", "0x20 0+30x100", PARTITION),
        },
        {9: [], 20: ["EventHubsBridgePartitionHalted"]},
    ),
    "a registry does not give a schema": (
        {"held": series("bridge_partition_held", "0x20 1x100", PARTITION + ',reason="schema"')},
        {12: [], 20: ["EventHubsBridgeSchemaMissing"]},
    ),
    "a hub takes nothing": (
        {"held": series("bridge_partition_held", "0x20 1x100", PARTITION + ',reason="hub_unavailable"')},
        {12: [], 20: ["EventHubsBridgeHubUnavailable"]},
    ),
    "a hub is missing at the start": (
        {"held": series("bridge_hub_unavailable", "0x20 1x100", 'eventhubs_namespace="contoso",hub="orders"')},
        {14: [], 20: ["EventHubsBridgeHubUnreachable"]},
    ),
    "a hub is away for a moment": (
        {"held": series("bridge_hub_unavailable", "0x20 1x4 0x96", 'eventhubs_namespace="contoso",hub="orders"')},
        {12: [], 20: []},
    ),
    "a topic is missing": (
        {"missing": series("bridge_topic_unavailable", "0x20 1x100", 'topic="orders"')},
        {14: [], 20: ["EventHubsBridgeTopicUnavailable"]},
    ),
    "a first record goes to the dead letters": (
        {"refused": series("bridge_records_refused_total", "_x20 1x100", 'topic="orders",policy="dead_letter",reason="too_large"')},
        {9: [], 12: ["EventHubsBridgeRecordsRefused"], 40: []},
    ),
    "one more record goes to the dead letters": (
        {"refused": series("bridge_records_refused_total", "7x60 8x60", 'topic="orders",policy="dead_letter",reason="refused"')},
        {29: [], 35: ["EventHubsBridgeRecordsRefused"], 60: []},
    ),
    "retention was quicker": (
        {"expired": series("bridge_records_expired_total", "_x20 500x100", 'topic="orders"')},
        {9: [], 12: ["EventHubsBridgeRecordsExpired"]},
    ),
    "no commit succeeds": (
        {"commits": series("bridge_commits_total", "0+6x20 120x100", 'outcome="ok"')},
        {14: [], 40: ["EventHubsBridgeDoesNotCommit"]},
    ),
    "an acknowledgement does not come": (
        {"oldest": series("bridge_oldest_in_flight_seconds", "0.2x20 0+30x100", PARTITION)},
        {11: [], 20: ["EventHubsBridgeRecordHeldLong"]},
    ),
    "a partition falls behind": (
        {"behind": series("bridge_lag_seconds", "0.2x20 0+30x100", PARTITION)},
        {25: [], 32: ["EventHubsBridgePartitionBehind"]},
    ),
    "a partition is behind and catches up": ({"behind": series("bridge_lag_seconds", "90000-60x120", PARTITION)}, {30: []}),
    "a hub partition stores nothing": (
        # The series of the new state says since when: from minute 10 on.
        {
            "state": series("bridge_hub_partition_state_timestamp_seconds", "1x20", HUB_PARTITION + ',state="sending"'),
            "stuck": series("bridge_hub_partition_state_timestamp_seconds", "_x20 600x100", HUB_PARTITION + ',state="retrying"'),
        },
        {14: [], 17: ["EventHubsBridgeHubPartitionStuck"]},
    ),
    "a hub partition takes turns": (
        {"state": series("bridge_hub_partition_state_timestamp_seconds", "1x120", HUB_PARTITION + ',state="throttled"')},
        {30: []},
    ),
    "a changed configuration is refused": ({"reload": series("bridge_config_reload_successful", "1x20 0x100")}, {19: [], 21: ["EventHubsBridgeConfigurationRefused"]}),
    "a configuration is corrected": ({"reload": series("bridge_config_reload_successful", "1x20 0x2 1x98")}, {20: []}),
    "throttled while the lag grows": (
        {
            "throttled": series("bridge_send_retries_total", "0+8x120", 'eventhubs_namespace="contoso",hub="orders",cause="throttled"'),
            "lag": series("bridge_consumer_lag_records", "0+15000x120", PARTITION),
        },
        {4: [], 15: ["EventHubsBridgeNeedsThroughputUnits", "EventHubsBridgeThrottled"]},
    ),
    "throttled and nothing gets through": (
        {
            "throttled": series("bridge_send_retries_total", "0+8x120", 'eventhubs_namespace="contoso",hub="orders",cause="throttled"'),
            "sent": series("bridge_events_sent_total", "0x120", 'eventhubs_namespace="contoso",hub="orders"'),
            "bytes": series("bridge_sent_bytes_total", "0x120", 'eventhubs_namespace="contoso",hub="orders"'),
        },
        {30: ["EventHubsBridgeThrottled"]},
    ),
    "the key is refused": (
        {"refused": series("bridge_send_retries_total", "0+2x120", 'eventhubs_namespace="contoso",hub="orders",cause="unauthorized"')},
        {1: [], 10: ["EventHubsBridgeTokenRefused"]},
    ),
    "no token is put": (
        {"renewals": series("bridge_token_renewals_total", "0+2x120", 'outcome="failed",eventhubs_namespace="contoso"')},
        {1: [], 10: ["EventHubsBridgeTokenRefused"]},
    ),
    "a token runs out": (
        {"expiry": series("bridge_token_expiry_timestamp_seconds", "1200x120", 'eventhubs_namespace="contoso"')},
        {18: [], 22: ["EventHubsBridgeTokenNotRenewed"]},
    ),
    "one pod has no connection": (
        {"connected": series("bridge_eventhubs_connected", "1x20 0x100", 'eventhubs_namespace="contoso",shard="0"')},
        {14: [], 20: ["EventHubsBridgeDisconnected"]},
    ),
    "Kafka is gone": (
        {"brokers": series("bridge_kafka_brokers", "3x20 0x100", 'state="up"')},
        {14: [], 20: ["EventHubsBridgeNoBroker"]},
    ),
    "a session expired": (
        {"lost": series("bridge_rebalances_total", "0x20 1x100", 'kind="lost"')},
        {9: [], 15: ["EventHubsBridgeMembershipLost"], 40: []},
    ),
    "it starts again and again": (
        {"start": series("process_start_time_seconds", "1x20 600x5 780x5 900x5 1100x85")},
        {9: [], 20: ["EventHubsBridgeRestarts"], 60: []},
    ),
    "something else starts again and again": (
        {
            "other": {
                "series": 'process_start_time_seconds{cluster="c",namespace="x",job="x",instance="10.0.0.2:80"}',
                "values": "1x20 600x5 780x5 900x5 1100x85",
            }
        },
        {20: []},
    ),
    "there is none": (dict.fromkeys(HEALTHY), {9: [], 15: ["EventHubsBridgeAbsent"]}),
}


def promtool(folder, tests):
    """What promtool says to `tests` of the rules; nothing when they pass."""
    file = folder / "tests.yaml"
    content = {"rule_files": [str(ALERTS)], "evaluation_interval": "30s", "tests": tests}
    file.write_text(yaml.safe_dump(content))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def played(differs, firing):
    """A scenario as promtool takes it."""
    firing_at = [
        {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)],
        }
        for minute, alerts in firing.items()
    ]
    inputs = [it for it in {**HEALTHY, **differs}.values() if it]
    return {"interval": "30s", "input_series": inputs, "promql_expr_test": firing_at}


@pytest.mark.parametrize("differs, firing", SCENARIOS.values(), ids=SCENARIOS)
def test_alerts_fire_when_they_should_and_no_other(tmp_path, differs, firing):
    said = promtool(tmp_path, [played(differs, firing)])
    assert not said, said


def test_every_alert_fires_in_some_scenario():
    fired = {alert for _, firing in SCENARIOS.values() for alerts in firing.values() for alert in alerts}
    assert fired == {rule["alert"] for rule in RULES}


def test_a_wrong_scenario_fails(tmp_path):
    """The tests above can fail."""
    assert "EventHubsBridgeNoBroker" in promtool(tmp_path, [played({}, {30: ["EventHubsBridgeNoBroker"]})])


def test_the_needed_throughput_units_are_said(tmp_path):
    """Twice 1000 events a second of 500 bytes take two units, of 3000 bytes six."""
    rule = next(rule for rule in RULES if rule["alert"] == "EventHubsBridgeNeedsThroughputUnits")
    throttled, _ = SCENARIOS["throttled while the lag grows"]
    lag = series("bridge_consumer_lag_records", "0+30000x120", PARTITION)
    tests = []
    for size, units in ((500, 2), (3000, 6)):
        sent = series("bridge_sent_bytes_total", f"0+{size * 30000}x120", 'eventhubs_namespace="contoso",hub="orders"')
        test = played({**throttled, "bytes": sent, "lag": lag}, {})
        labels = '{cluster="c", job="shop/bridge", namespace="shop"}'
        test["promql_expr_test"] = [{"expr": rule["expr"], "eval_time": "30m", "exp_samples": [{"labels": labels, "value": units}]}]
        tests.append(test)
    said = promtool(tmp_path, tests)
    assert not said, said


def test_texts_name_what_they_are_about(tmp_path):
    rule = next(rule for rule in RULES if rule["alert"] == "EventHubsBridgePartitionHalted")
    test = played(SCENARIOS["a partition is halted"][0], {})
    labels = {"severity": "critical", "cluster": "c", "namespace": "shop", "job": "shop/bridge", "topic": "orders", "partition": "0"}
    text = {**rule["annotations"], "summary": "orders/0 is stopped (halted): Event Hubs can never store its next record, or its position is no longer in the log"}
    alerts = [{"exp_labels": labels, "exp_annotations": text}]
    test["alert_rule_test"] = [{"eval_time": "20m", "alertname": rule["alert"], "exp_alerts": alerts}]
    said = promtool(tmp_path, [test])
    assert not said, said


def test_the_rules_are_well_formed():
    subprocess.run(["promtool", "check", "rules", "--lint-fatal", ALERTS], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_severity_and_a_runbook(rule):
    assert rule["labels"]["severity"] in ("warning", "critical")
    page, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"(?m)^## (\w+)$", (ROOT / page).read_text())
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings


def test_every_runbook_has_an_alert():
    headings = re.findall(r"(?m)^## (EventHubsBridge\w+)$", (ROOT / "docs/runbooks.md").read_text())
    assert headings == [rule["alert"] for rule in RULES], "in the order of the rules"


def test_the_chart_ships_them_whole():
    values = {"rules": {"enabled": True}}
    assert one(render(values), "PrometheusRule")["spec"]["groups"] == yaml.safe_load(ALERTS.read_text())["groups"]


def test_the_chart_leaves_out_labels_and_links_what_it_is_told_to():
    objects = render(next(file for file in CI if file.name.startswith("sas")))
    rules = [rule for group in one(objects, "PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    assert "EventHubsBridgeNeedsThroughputUnits" not in [rule["alert"] for rule in rules]
    assert len(rules) == len(RULES) - 1
    assert all(rule["labels"]["team"] == "orders" and rule["labels"]["severity"] for rule in rules)
    link = "https://wiki.example.com/runbooks#eventhubsbridgestandsstill"
    assert rules[0]["annotations"]["runbook_url"] == link
