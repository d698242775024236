"""What `GET /status` and `GET /events` answer in made-up states of a bridge: a small shop, and an estate of 6 400 hub partitions.

A state begins as `keeping_up()`; each other one changes in it what that trouble changes.
"""

from datetime import datetime, timedelta, timezone

NOW = datetime(2026, 11, 29, 21, 10, tzinfo=timezone.utc)
HOST = "shop-prod.servicebus.windows.net"
MIB = 1024 * 1024


def at(ago=0.0):
    """A time, so many seconds ago."""
    return (NOW - timedelta(seconds=ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def topic(name, mapping, partitions, rate, size=900):
    """A topic that flows; its rate is in records a second, `size` is that of a record."""
    part = lambda n: {
        "partition": n, "shard": n % 2, "state": "flowing", "reason": None, "since": None, "detail": None,
        "position": 48_211_907 + 1_000 * n, "lag_records": (7 * n) % 23, "lag_seconds": 0.1 + (n % 4) / 20, "in_flight_records": 11 + n % 5,
    }
    return {"topic": name, "mappings": [mapping], "records_per_second": rate, "record_bytes_per_second": rate * size,
            "partitions": [part(n) for n in range(partitions)]}


def hub(name, partitions, rate, size=960, used=None):
    """A hub that takes everything, on its first `used` partitions."""
    part = lambda n: {"partition": str(n), "state": "sending", "shard": n % 2, "since": None, "attempts": 0, "next_try_seconds": None, "detail": None}
    return {"namespace": "default", "hub": name, "events_per_second": rate, "event_bytes_per_second": rate * size,
            "events_per_batch": rate / 5, "send_seconds": 0.034, "known_partitions": partitions, "partitions": [part(n) for n in range(partitions if used is None else used)]}


def mapping(number, topics, hub, partitioning="key", pattern=None):
    return {"mapping": number, "topics": topics, "topic_pattern": pattern, "namespace": "default", "hub": hub, "partitioning": partitioning, "paused": False,
            "partitions": 0, "partitions_held": 0, "lag_records": 0, "lag_seconds": 0.0, "in_flight_records": 0}


def settle(state):
    """Sums up what the topics say, as the bridge does."""
    for one in state["mappings"]:
        parts = [part for topic in state["topics"] if one["mapping"] in topic["mappings"] for part in topic["partitions"]]
        one.update(sums(parts))
    parts = [part for topic in state["topics"] for part in topic["partitions"]]
    state["summary"].update(sums(parts))
    for key, of, field in [("records_per_second", "topics", "records_per_second"), ("record_bytes_per_second", "topics", "record_bytes_per_second"),
                           ("events_per_second", "hubs", "events_per_second"), ("event_bytes_per_second", "hubs", "event_bytes_per_second")]:
        state["summary"][key] = float(sum(each[field] for each in state[of]))
    events = state["summary"]["events_per_second"]
    state["summary"].update(batches_per_second=events / 34, events_per_batch=34.2 if events else None, send_seconds=0.034 if events else None)
    return state


def sums(parts):
    ages = [part["lag_seconds"] for part in parts if part["lag_seconds"] is not None]
    return {
        "partitions": len(parts), "partitions_held": sum(part["state"] in ("held", "halted") for part in parts),
        "lag_records": sum(part["lag_records"] or 0 for part in parts) if ages else None, "lag_seconds": max(ages, default=None),
        "in_flight_records": sum(part["in_flight_records"] for part in parts),
    }


def frame():
    """A bridge with two shards and nothing to do."""
    return {
        "version": 1,
        "bridge": {"version": "0.1.0", "group": "shop-bridge", "started": at(93_600), "now": at(), "host": "shop-bridge-6d9f7c5b8-x2kqp"},
        "state": "running", "ready": True, "reasons": [],
        "summary": {"caught_up_in_seconds": 0},
        "memory": {"events_bytes": int(5.2 * MIB), "prefetched_bytes": int(7.9 * MIB), "limit_bytes": 64 * MIB},
        "shards": [{"shard": n, "joined": True, "kafka": None, "answers": True} for n in range(2)],
        "namespaces": [{"namespace": "default", "host": HOST, "connected": True, "detail": None, "connections": 2, "links": 56,
                        "token_expires": at(-2_640), "throttled": None}],
        "mappings": [], "topics": [], "hubs": [], "held": [],
    }


def keeping_up():
    state = frame()
    state["mappings"] = [
        mapping(0, ["orders"], "orders"), mapping(1, ["payments"], "payments", "mirror"), mapping(2, ["clicks"], "clicks", "round_robin"),
        mapping(3, None, "shop-{topic}", pattern=r"^(returns|stock)\..*"), mapping(4, ["audit"], "audit", "fixed:3"),
    ]
    state["topics"] = [
        topic("orders", 0, 12, 480.0), topic("payments", 1, 8, 210.0), topic("clicks", 2, 16, 2_310.0, 310), topic("returns.eu", 3, 4, 12.0),
        topic("stock.eu", 3, 4, 96.0), topic("stock.us", 3, 4, 71.0), topic("audit", 4, 1, 3.0),
    ]
    state["hubs"] = [
        hub("orders", 32, 480.0), hub("payments", 8, 210.0), hub("clicks", 32, 2_310.0, 360), hub("shop-returns.eu", 4, 12.0),
        hub("shop-stock.eu", 4, 96.0), hub("shop-stock.us", 4, 71.0), hub("audit", 8, 3.0),
    ]
    # `fixed:3` sends to that one alone.
    state["hubs"][6]["partitions"] = [{**state["hubs"][6]["partitions"][3]}]
    return settle(state)


def behind():
    """A backlog after an outage: all of it flows, faster than it arrives."""
    state = keeping_up()
    for part in state["topics"][2]["partitions"]:
        part.update(lag_records=61_000 + 900 * part["partition"], lag_seconds=252.0 - part["partition"], in_flight_records=900)
    state["hubs"][2].update(events_per_second=7_940.0, event_bytes_per_second=7_940.0 * 360)
    state["memory"].update(events_bytes=21 * MIB, prefetched_bytes=26 * MIB)
    settle(state)["summary"]["caught_up_in_seconds"] = 192.0
    return state


def throttled():
    """More comes than the namespace takes: the lanes of one hub take turns."""
    state = behind()
    for part in state["hubs"][2]["partitions"]:
        if int(part["partition"]) % 3 != 1:
            part.update(state="throttled", since=at(74), attempts=2, next_try_seconds=2.4, detail="server-busy: the namespace takes no more")
    for part in state["topics"][2]["partitions"][::4]:
        part.update(state="held", reason="hub_slow", since=at(31), detail="its hub holds its share of the memory")
    state["namespaces"][0]["throttled"] = {"bytes_per_second": 2_000_000, "waiting": 21}
    state["hubs"][2].update(events_per_second=2_020.0, event_bytes_per_second=2_020.0 * 360)
    state["held"] = [
        {"kind": "throttled", "namespace": "default", "since": at(74), "seconds": 74, "runbook": "EventHubsBridgeThrottled",
         "detail": "21 hub partitions take turns at 2.0 MB/s; hint: the namespace has 2 throughput units, and what comes takes 3"},
    ] + [{"kind": "partition", "topic": "clicks", "partition": n, "since": at(31), "seconds": 31, "runbook": "EventHubsBridgePartitionBehind",
          "detail": "its hub `clicks` holds its share of the memory"} for n in (0, 4, 8, 12)]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def halted():
    """A record that can never be stored, and the policy is `halt`."""
    state = keeping_up()
    detail = ("partition halted at offset 48 215 311: the record has 1 310 720 bytes, and the hub takes 1 048 576; "
              "hint: raise what the tier allows, or set `[failure] policy = \"dead_letter\"` for this mapping")
    state["topics"][0]["partitions"][4].update(state="halted", reason="halted", since=at(1_260), detail=detail.split("; hint")[0], lag_records=50_410,
                                               lag_seconds=1_260.0, in_flight_records=0)
    state["held"] = [{"kind": "partition", "topic": "orders", "partition": 4, "since": at(1_260), "seconds": 1_260, "detail": detail,
                      "runbook": "EventHubsBridgePartitionHalted"}]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def hub_away():
    """Somebody deleted a hub; another one has partitions that do not answer or refuse."""
    state = keeping_up()
    lost, slow = state["hubs"][1], state["hubs"][0]
    detail = "amqp:not-found: the messaging entity 'payments' could not be found"
    for part in lost["partitions"]:
        part.update(state="retrying", since=at(312), attempts=64, next_try_seconds=3.1, detail=detail)
    lost.update(events_per_second=0.0, event_bytes_per_second=0.0)
    slow["partitions"][9].update(state="waiting", since=at(14), attempts=0, detail="no answer for 14 s")
    slow["partitions"][22].update(state="retrying", since=at(41), attempts=9, next_try_seconds=4.0, detail="com.microsoft:timeout: the service could not store it")
    for part in state["topics"][1]["partitions"]:
        part.update(state="held", reason="hub_unavailable", since=at(312), detail="its hub `payments` accepts no events", lag_records=8_190, lag_seconds=312.0, in_flight_records=40)
    state["held"] = [
        {"kind": "hub", "namespace": "default", "hub": "payments", "since": at(312), "seconds": 312, "runbook": "EventHubsBridgeHubUnavailable",
         "detail": "no such hub; hint: create it, or correct the `hub` of the mapping"},
        {"kind": "delivery", "namespace": "default", "hub": "orders", "since": at(41), "seconds": 41, "runbook": "EventHubsBridgeHubPartitionStuck",
         "detail": "partition 22 has accepted nothing for 41 s: 9 tries failed, the next in 4 s: com.microsoft:timeout"},
    ] + [{"kind": "partition", "topic": "payments", "partition": n, "since": at(312), "seconds": 312, "runbook": "EventHubsBridgePartitionBehind",
          "detail": "its hub `payments` accepts no events"} for n in range(8)]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def paused():
    """Somebody has paused a mapping."""
    state = keeping_up()
    state["mappings"][1]["paused"] = True
    for part in state["topics"][1]["partitions"]:
        part.update(state="held", reason="paused", since=at(140), detail="a mapping of its topic is paused", lag_records=3_675, lag_seconds=140.0, in_flight_records=0)
    for each in (state["topics"][1], state["hubs"][1]):
        each.update({key: 0.0 for key in each if key.endswith("_per_second")})
    state["hubs"][1].update(events_per_batch=None, send_seconds=None)
    state["held"] = [{"kind": "partition", "topic": "payments", "partition": n, "since": at(140), "seconds": 140, "runbook": "EventHubsBridgePartitionBehind",
                      "detail": "a mapping of its topic is paused"} for n in range(8)]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def kafka_away():
    state = keeping_up()
    why = "no broker answers: kafka-0.shop.svc:9092: connection refused; hint: is Kafka up, and may this pod reach it?"
    state.update(ready=False, reasons=[f"shard {n}: not a member of its consumer group: {why}" for n in range(2)])
    state["shards"] = [{"shard": n, "joined": False, "kafka": why, "answers": True} for n in range(2)]
    idle(state)
    state["topics"] = []
    settle(state)["summary"].update(caught_up_in_seconds=None)
    state["memory"].update(events_bytes=0, prefetched_bytes=0)
    return state


def event_hubs_away():
    state = keeping_up()
    why = "shop-prod.servicebus.windows.net:5671: connection timed out"
    state.update(ready=False, reasons=[f"shard {n}: not connected to namespace `default`: {why}" for n in range(2)])
    state["namespaces"][0].update(connected=False, detail=why, connections=0, links=0, token_expires=None)
    for each in state["hubs"]:
        for part in each["partitions"]:
            part.update(state="retrying", since=at(95), attempts=19, next_try_seconds=2.0, detail=why)
    for each in state["topics"]:
        for part in each["partitions"]:
            part.update(state="held", reason="hub_unavailable", since=at(90), detail="its hub accepts no events", lag_seconds=95.0, lag_records=4_000)
    idle(state)
    state["memory"].update(events_bytes=23 * MIB, prefetched_bytes=1 * MIB)
    state["held"] = [{"kind": "hub", "namespace": "default", "hub": each["hub"], "since": at(95), "seconds": 95, "runbook": "EventHubsBridgeHubUnavailable",
                      "detail": f"{why}; hint: DNS of the private endpoint, firewall, network policy: port 5671"} for each in state["hubs"]]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def idle(state):
    for each in state["topics"]:
        each.update(records_per_second=0.0, record_bytes_per_second=0.0)
    for each in state["hubs"]:
        each.update(events_per_second=0.0, event_bytes_per_second=0.0)


def draining():
    state = keeping_up()
    state.update(state="draining", ready=False, reasons=["the bridge is draining"])
    for each in state["topics"]:
        for part in each["partitions"]:
            part.update(state="draining", since=at(2), lag_records=None)
    idle(state)
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


def starting():
    """Just started: nobody has said anything yet."""
    state = frame()
    state["bridge"].update(started=at(1))
    state.update(state="starting", ready=False, reasons=["shard 0: not a member of its consumer group", "shard 1: not a member of its consumer group"])
    for shard in state["shards"]:
        shard.update(joined=False)
    state["namespaces"][0].update(connected=False, connections=0, links=0, token_expires=None)
    state["memory"].update(events_bytes=0, prefetched_bytes=0)
    state["mappings"] = keeping_up()["mappings"]
    settle(state)["summary"]["caught_up_in_seconds"] = None
    return state


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def hostile():
    """Whoever names topics, or answers for Event Hubs, is not to be trusted."""
    state = halted()
    state["bridge"].update(group=HOSTILE, host=HOSTILE, version=HOSTILE)
    state["reasons"] = [HOSTILE]
    state["topics"][0]["topic"] = HOSTILE
    state["topics"][0]["partitions"][4]["detail"] = HOSTILE
    state["mappings"][0].update(topics=[HOSTILE], hub=HOSTILE, partitioning=HOSTILE, namespace=HOSTILE)
    state["hubs"][0].update(hub=HOSTILE, namespace=HOSTILE)
    state["hubs"][0]["partitions"][3].update(state=HOSTILE, detail=HOSTILE)
    state["namespaces"][0].update(namespace=HOSTILE, host=HOSTILE, detail=HOSTILE)
    state["shards"][0].update(kafka=HOSTILE)
    state["held"] = [{"kind": HOSTILE, "namespace": HOSTILE, "hub": HOSTILE, "topic": HOSTILE, "since": HOSTILE, "seconds": 3, "detail": f"{HOSTILE}; hint: {HOSTILE}",
                      "runbook": "__proto__"},
                     {"kind": "hub", "namespace": HOSTILE, "hub": HOSTILE, "since": at(4), "seconds": 4, "detail": HOSTILE, "runbook": HOSTILE}]
    return state


def estate(hubs=200, partitions=32, troubled=True):
    """As much as one process is measured with."""
    state = frame()
    state["mappings"] = [mapping(n, [f"team{n % 20:02}.stream-{n:03}"], f"stream-{n:03}") for n in range(hubs)]
    state["topics"] = [topic(f"team{n % 20:02}.stream-{n:03}", n, 5, 40.0 + n % 7) for n in range(hubs)]
    state["hubs"] = [hub(f"stream-{n:03}", partitions, 40.0 + n % 7) for n in range(hubs)]
    state["namespaces"][0].update(connections=27, links=hubs * partitions)
    state["memory"].update(events_bytes=61 * MIB, prefetched_bytes=88 * MIB, limit_bytes=256 * MIB)
    if troubled:
        for n in range(17, hubs, 41):
            for part in state["hubs"][n]["partitions"][n % 7::5]:
                part.update(state=["throttled", "waiting", "retrying"][n % 3], since=at(20 + n), attempts=3, next_try_seconds=2.0,
                            detail="com.microsoft:timeout: the service could not store it")
        state["held"] = [{"kind": "delivery", "namespace": "default", "hub": f"stream-{n:03}", "since": at(20 + n), "seconds": 20 + n,
                          "runbook": "EventHubsBridgeHubPartitionStuck", "detail": f"partition {n % 7} has accepted nothing for {20 + n} s"}
                         for n in range(17, hubs, 41)]
    return settle(state)


EVENTS = [
    (3_420, "info", "rebalance", "the group gave this member 24 partitions", {"shard": "0"}),
    (3_419, "info", "rebalance", "the group gave this member 25 partitions", {"shard": "1"}),
    (1_810, "warn", "throttled", "throttled by event hubs: refused batches wait, and are sent again at the rate that the namespace accepts", {"namespace": "default"}),
    (1_641, "info", "throttled", "no longer throttled", {"namespace": "default", "lasted": "169.0 s"}),
    (940, "warn", "hub", "cannot connect to event hubs, retrying; records for other namespaces continue", {"namespace": "default", "hub": "audit", "detail": "connection refused"}),
    (902, "info", "hub", "connected to event hubs again", {"namespace": "default", "lasted": "38.0 s"}),
    (240, "info", "token", "a new token is in use", {"namespace": "default"}),
]
TROUBLE = {
    "halted": (1_260, "error", "halted", "partition halted: this record can never be stored. Fix the cause and restart", {"topic": "orders", "partition": "4"}),
    "throttled": (74, "warn", "throttled", "throttled by event hubs: refused batches wait, and are sent again", {"namespace": "default", "detail": "21 hub partitions take turns"}),
    "hub_away": (312, "error", "hub", "the hub is not usable: its mappings wait, all others continue", {"namespace": "default", "hub": "payments", "detail": "no such hub"}),
    "kafka_away": (63, "error", "kafka", "no broker answers", {"detail": "kafka-0.shop.svc:9092: connection refused"}),
    "event_hubs_away": (95, "error", "hub", "cannot connect to event hubs, retrying", {"namespace": "default", "detail": "connection timed out"}),
    "draining": (2, "info", "draining", "draining: no more records are taken", {}),
    "hostile": (5, "error", HOSTILE, HOSTILE, {HOSTILE: HOSTILE, "detail": HOSTILE}),
}


def events(name):
    """All that are kept in the state of this name."""
    if name == "starting":
        all = []
    else:
        all = sorted([*EVENTS, *([TROUBLE[name]] if name in TROUBLE else [])], key=lambda event: -event[0])
    return [{"id": n, "time": at(ago), "level": level, "change": change, "message": message, "fields": fields}
            for n, (ago, level, change, message, fields) in enumerate(all, 1)]


STATES = {state.__name__: state for state in
          (keeping_up, behind, throttled, halted, hub_away, paused, kafka_away, event_hubs_away, draining, starting, hostile, estate)}
