"""What the page says of each state a bridge can be in."""

import json
import re

import pytest
from playwright.sync_api import expect

import estate
from fake import PAGE

# The words themselves are the runbooks', and may change there.
RUNBOOKS = json.loads((PAGE / "runbooks.js").read_text().partition(" = ")[2].rstrip(";\n"))

# The headline, what is spoken, and the sign's tone.
HEADLINES = {
    "keeping_up": ("Keeping up", "Keeping up", "good"),
    "behind": ("Behind by 4 min 12 s", "Behind", "calm"),
    "throttled": ("Throttled: namespace default", "Throttled: namespace default", "limit"),
    "halted": ("Halted: orders / 4", "Halted: orders / 4", "bad"),
    "hub_away": ("Held: hub payments", "Held: hub payments", "warn"),
    "paused": ("Paused: mapping payments", "Paused: mapping payments", "calm"),
    "kafka_away": ("Kafka is away", "Kafka is away", "bad"),
    "event_hubs_away": ("Event Hubs is away", "Event Hubs is away", "bad"),
    "draining": ("Draining", "Draining", "calm"),
    "starting": ("Starting", "Starting", "calm"),
    "estate": ("Retrying: 5 hubs", "Retrying: 5 hubs", "warn"),
}


def text(page, selector):
    return page.locator(selector).inner_text()


def plain(words):
    """As it is shown: code has a face of its own, and no marks."""
    return words.replace("`", "")


def rows(page):
    """The mappings as they stand: state, topic, hub and why."""
    return page.locator("#rows > .row").evaluate_all(
        "rows => rows.map((row) => ['.state', '.from', '.to', '.why'].map((part) => row.querySelector(part).textContent))")


def hubs(page):
    """The rows of the heat map: hub, letters of its cells, note."""
    return page.locator("#map > .hub").evaluate_all(
        "rows => rows.map((row) => [row.querySelector('.of span').textContent, [...row.querySelectorAll('.cell')].map((cell) => cell.textContent || (cell.dataset.tone === 'none' ? '.' : '-')).join(''), row.querySelector('.note').textContent])")


@pytest.mark.parametrize("state", HEADLINES)
def test_the_headline_says_how_it_is(visit, state):
    page = visit(state)
    line, spoken, tone = HEADLINES[state]
    assert text(page, "h1") == line
    assert page.locator("#spoken").text_content() == spoken
    assert page.locator("body").get_attribute("data-tone") == tone
    assert page.title() == f"{line} · shop-bridge"


def test_it_keeps_up(visit):
    page = visit()
    assert text(page, "#batches-note") == "34 events each, accepted in 34 ms"
    figures = {name: text(page, f"#{name}") for name in ("lag", "lag-note", "in", "in-note", "out", "eta")}
    assert figures == {"lag": "0.3 s", "lag-note": "497 records", "in": "3\u202f182 /s", "in-note": "1.5 MB/s", "out": "3\u202f182 /s", "eta": "yes"}
    assert text(page, "#held-none") == "Nothing is held."
    assert page.locator("#held > li").count() == 0
    assert [row[0] for row in rows(page)] == ["keeping up"] * 5
    assert hubs(page)[0] == ["orders", "-" * 32, "sending"]
    # `fixed:3` sends to no other.
    assert hubs(page)[6] == ["audit", "...-....", "sending"]
    assert text(page, "#memory") == "13.1 MiB of 64.0 MiB (20 %): 5.2 MiB in batches, 7.9 MiB fetched ahead"
    assert "token expires in 44 min" in text(page, "#namespaces")


def test_a_backlog_says_when_it_is_over(visit):
    page = visit("behind")
    assert text(page, "#eta") == "in 3 min 12 s"
    assert text(page, "#subline").endswith("At this rate it has caught up in 3 min 12 s.")
    assert rows(page)[0] == ["Bbehind", "clicks", "clicks", ""]


def test_a_throttled_hub_is_seen_in_its_row_its_mapping_and_its_namespace(visit):
    page = visit("throttled")
    assert hubs(page)[0] == ["clicks", "".join("-" if n % 3 == 1 else "T" for n in range(32)), "21 throttled"]
    assert rows(page)[0] == ["Hheld", "clicks", "clicks", "4 of 16 partitions wait: its hub accepts events too slowly · 21 hub partitions throttled"]
    assert "throttled" in text(page, "#namespaces") and "accepts 2.0 MB/s, 21 hub partitions in turn" in text(page, "#namespaces")
    # The cause before what follows from it; partitions that wait for the same are one line.
    assert page.locator("#held h3").all_inner_texts() == ["T\nThrottled namespace", "H\nKafka partitions that are not read\n4"]
    assert text(page, "#held li:nth-child(2) .of") == "clicks / 0, 4, 8, 12"


def test_what_is_held_has_its_reason_its_hint_and_the_words_of_the_runbook(visit):
    page = visit("halted")
    group = page.locator("#held > li")
    assert group.locator(".of").inner_text() == "orders / 4"
    assert group.locator(".age").inner_text() == "for 21 min"
    assert group.locator(".detail").inner_text().startswith("partition halted at offset 48 215 311")
    assert group.locator(".hint").inner_text() == 'raise what the tier allows, or set [failure] policy = "dead_letter" for this mapping'
    runbook = RUNBOOKS["EventHubsBridgePartitionHalted"]
    assert group.locator(".first").inner_text() == "First: " + plain(runbook["steps"][0])
    group.locator("summary").click()
    assert group.locator("details p").inner_text() == plain(runbook["means"])
    assert group.locator("details li").all_inner_texts() == [plain(step) for step in runbook["steps"]]


def test_a_step_that_only_sends_the_reader_here_is_not_the_first(visit):
    page = visit("hub_away")
    steps = RUNBOOKS["EventHubsBridgeHubPartitionStuck"]["steps"]
    assert steps[0].startswith("Look at the log")
    assert page.locator("#held .first").nth(1).inner_text() == "First: " + plain(steps[1])
    assert hubs(page)[0] == ["payments", "R" * 8, "all retrying"]
    assert hubs(page)[1] == ["orders", "-" * 9 + "W" + "-" * 12 + "R" + "-" * 9, "1 waiting, 1 retrying"]
    assert page.locator("#held .of").all_inner_texts() == ["payments", "orders", "payments / 0–7"]


def test_a_mapping_opens_to_its_partitions(visit):
    page = visit("halted")
    opens = page.get_by_role("button", name="orders to orders")
    expect(opens).to_have_attribute("aria-expanded", "false")
    opens.click()
    expect(opens).to_have_attribute("aria-expanded", "true")
    parts = page.locator(".part").all_inner_texts()
    assert len(parts) == 12
    assert re.sub(r"\s+", " ", parts[0]).startswith("X orders / 4 halted for 21 min: partition halted at offset")
    assert re.sub(r"\s+", " ", parts[1]) == "orders / 0 flowing position 48 211 907 · 0 behind · 0.1 s · 11 in flight · shard 0"


def test_what_somebody_has_paused_is_not_called_held(visit):
    page = visit("paused")
    assert rows(page)[0] == ["Ppaused", "payments", "payments", "not read until it is resumed"]
    assert "wait" not in text(page, "#subline")


def test_who_is_away_is_named(visit):
    page = visit("kafka_away")
    assert "connection refused" in text(page, "#subline")
    assert text(page, "#held h3") == "A\nKafka is away\n2"
    assert text(page, "#held .first") == "First: " + plain(RUNBOOKS["EventHubsBridgeNoBroker"]["steps"][0])
    assert text(page, "#shards").count("not a member") == 2
    page = visit("event_hubs_away")
    assert "connection timed out" in text(page, "#subline")
    assert "not connected" in text(page, "#namespaces")
    assert {row[0] for row in rows(page)} == {"Aaway"}
    assert text(page, "#held .of") == "orders, payments, clicks, shop-returns.eu, shop-stock.eu, shop-stock.us, audit"


def test_what_is_not_known_is_not_guessed(visit):
    page = visit("starting")
    assert [text(page, f"#{name}") for name in ("lag", "lag-note", "eta", "eta-note")] == ["–", "not known", "not yet", "not known"]
    assert text(page, "#map-sum") == "Nothing was sent yet."
    assert {row[0] for row in rows(page)} == {"?no partition"}
    assert text(page, "#timeline-none") == "Nothing has changed yet."
    assert "not needed yet" in text(page, "#namespaces")


def test_the_time_line_says_what_changed_the_newest_first(visit):
    page = visit("halted")
    assert page.locator("#timeline li").count() == 8
    assert re.sub(r"\s+", " ", text(page, "#timeline li:first-child")) == "21:06:00 note: a new token is in use namespace default"
    assert page.locator("#ticks").get_attribute("aria-label") == "The last hour: 1 error, 2 warnings, 5 notes"


def test_what_others_wrote_stays_text(visit):
    page = visit("hostile")
    page.get_by_role("button", name=estate.HOSTILE).first.click()
    page.locator("#map .cell").nth(3).hover()
    assert page.evaluate("document.querySelectorAll('body img, body script, body iframe').length") == 0
    assert page.title() == f"Halted: {estate.HOSTILE} / 4 · {estate.HOSTILE}"
    for place in ("#group", "#identity", "h1", "#held", "#rows", "#readout", "#namespaces", "#shards", "#timeline"):
        assert estate.HOSTILE in text(page, place), place
