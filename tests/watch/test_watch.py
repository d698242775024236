"""Each alert fires when its cause is made, with everything real but the length of a minute; and no panel of the dashboard stays empty.

One test, in the order of a bad day: every step makes a cause, waits for its alert, and mends it.
"""

import json
import re
from pathlib import Path

import pytest

from stage import ROOT, wait_for
from world import ALERTS, World

DASHBOARD = json.loads((ROOT / "charts/kafka-eventhubs-bridge/files/dashboard.json").read_text())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("world")) as world:
        yield world
    # Shown when something failed.
    print(*world.logs(), sep="\n")


def fires(world, *alerts):
    """Waits until all of `alerts` have fired, each at some time."""
    seen = set()
    wait_for(f"{set(alerts)}, saw {seen}", lambda: seen.update(world.firing()) or seen >= set(alerts))


def mended(world, *alerts):
    """Waits until none of `alerts` fires."""
    wait_for(f"the end of {alerts}", lambda: not world.firing() & set(alerts))


def sent(world):
    """Whether events flow."""
    return world.query("sum(rate(bridge_events_sent_total[5s])) > 0")


# What only a later step has something to show for.
LATER = {"Refused, expired, left out: {{topic}}: expired", "Errors of the client: {{code}}"}


def empty_panels(world):
    """What of the dashboard has no data now: panel and legend."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "10s").replace("[10m]", "[10s]")
            if not world.query(re.sub(r"\$\w+", ".*", expression)):
                yield f"{panel['title']}: {target['legendFormat']}"


def shown(world, panel):
    """Waits until `panel` has data."""
    wait_for(panel, lambda: panel not in set(empty_panels(world)))


def test_all_is_well(world):
    wait_for("events", lambda: sent(world))
    assert world.query("sum(up)")[0]["value"][1] == "1", "the scrape keeps within Azure Monitor's limits"
    # Longer than the longest `for`, so that what is wrong would have come.
    wait_for("a quiet while", lambda: world.query("count_over_time(bridge_build_info[30s]) >= 50"))
    assert world.firing() == set()


def test_a_record_that_cannot_be_stored(world):
    world.send_large("audits")
    fires(world, "EventHubsBridgeRecordsRefused")
    world.send_large("payments")
    fires(world, "EventHubsBridgePartitionHalted")


def test_throttled(world):
    world.fault(kind="throttle", bytes_per_second=30_000, events_per_second=150, scope={"hub": "orders"})
    fires(world, "EventHubsBridgeThrottled", "EventHubsBridgeNeedsThroughputUnits", "EventHubsBridgeFallsBehind", "EventHubsBridgeRecordHeldLong")
    world.mend()
    mended(world, "EventHubsBridgeThrottled")


def test_a_hub_that_takes_nothing(world):
    world.fault(kind="refuse_attach", condition="amqp:not-found", scope={"hub": "returns"})
    world.fault(kind="detach_links", condition="amqp:not-found", scope={"hub": "returns"})
    fires(world, "EventHubsBridgeHubUnavailable", "EventHubsBridgeHubPartitionStuck")
    # The moment with most to see.
    assert set(empty_panels(world)) <= LATER
    world.mend()
    mended(world, "EventHubsBridgeHubUnavailable", "EventHubsBridgeHubPartitionStuck")


def test_a_token_that_is_refused(world):
    world.fault(kind="refuse_token", status=401, text="no")
    world.fault(kind="expire_tokens")
    fires(world, "EventHubsBridgeTokenRefused", "EventHubsBridgeHubUnreachable")
    world.mend()
    mended(world, "EventHubsBridgeTokenRefused", "EventHubsBridgeHubUnreachable")


def test_event_hubs_is_gone(world):
    world.kill("hub")
    fires(world, "EventHubsBridgeDisconnected", "EventHubsBridgeStandsStill", "EventHubsBridgePartitionBehind")
    world.start("hub")
    mended(world, "EventHubsBridgeDisconnected")
    wait_for("events", lambda: sent(world))


def test_a_member_that_was_silent(world):
    world.freeze("bridge")
    wait_for("no scrape", lambda: not world.query("rate(bridge_events_sent_total[5s])"))
    world.thaw("bridge")
    fires(world, "EventHubsBridgeMembershipLost")


def test_retention_was_quicker(world):
    world.kill("bridge")
    fires(world, "EventHubsBridgeAbsent")
    world.delete_records("orders")
    world.start("bridge")
    fires(world, "EventHubsBridgeRecordsExpired")
    shown(world, "Refused, expired, left out: {{topic}}: expired")


def test_it_starts_again_and_again(world):
    for _ in range(3):
        world.kill("bridge")
        world.start("bridge")
        world.ready()
    fires(world, "EventHubsBridgeRestarts")


def test_kafka_is_gone(world):
    world.kill("kafka")
    fires(world, "EventHubsBridgeNoBroker")
    shown(world, "Errors of the client: {{code}}")


def test_every_alert_has_had_its_cause():
    """But for three, which promtool alone plays: commits that fail while sends succeed, a token nobody renews for an hour, a topic that is missing."""
    alerts = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
    caused = set(re.findall(r'"(EventHubsBridge\w+)"', Path(__file__).read_text()))
    assert alerts - caused == {f"EventHubsBridge{name}" for name in ("DoesNotCommit", "TokenNotRenewed", "TopicUnavailable")}
