"""The page goes on by itself: it asks, it says when there is no answer, and it touches only what changed."""

import re
import threading

import pytest
from playwright.sync_api import expect

import estate
from conftest import seen

# Counts what an update does to the document, and lets a test find out whether a node is the same as before.
WATCH = """() => {
  window.touched = [];
  new MutationObserver((records) => window.touched.push(...records.map((record) => record.target.id || record.target.getAttribute?.('class') || record.target.nodeName)))
    .observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  document.querySelectorAll('#rows > .row, #map .hub, #timeline > li').forEach((node) => { node.old = true; });
}"""


def questions(bridge, path="/status"):
    return sum(path in asked for asked in bridge.asked)


def test_a_change_is_shown_without_a_reload(live):
    page, clock = live()
    page.evaluate(WATCH)
    clock.tell("throttled")
    expect(page.locator("h1")).to_have_text("Throttled: namespace default")
    # The troubled one came first, and is the row that it was.
    assert page.evaluate("[...document.querySelectorAll('#rows > .row')].map((row) => [row.old, row.querySelector('.from').textContent])")[0] == [True, "clicks"]
    assert page.evaluate("[...document.querySelectorAll('#map .hub')].every((row) => row.old)")
    clock.tell("keeping_up")
    expect(page.locator("h1")).to_have_text("Keeping up")
    assert page.locator("#held > li").count() == 0


def test_an_answer_that_says_nothing_new_touches_nothing_but_the_time(live):
    page, clock = live("estate")
    page.evaluate(WATCH)
    clock.tell()
    touched = page.evaluate("touched")
    # The time, the curves, the ages of what is held, and the marks of the time line.
    assert len(touched) < 60, touched
    assert not {"cell", "cells", "hub", "row"} & set(touched), touched


def test_of_6400_cells_only_those_that_changed_are_touched(live):
    page, clock = live("estate")
    assert page.locator("#map .cell").count() == 6_400
    assert page.locator("#rows > .row").count() == 200
    page.evaluate(WATCH)
    hubs = estate.estate()["hubs"]
    for n in (3, 4):
        hubs[100]["partitions"][n]["state"] = "throttled"
    clock.tell(hubs=hubs)
    expect(page.get_by_label("partition 3: throttled")).to_be_visible()
    touched = page.evaluate("touched")
    # Tone, letter and label of each.
    assert touched.count("cell") == 6, touched
    assert len(touched) < 80, touched
    assert page.evaluate("[...document.querySelectorAll('#map .hub')].every((row) => row.old)")


def test_a_bridge_that_is_gone_is_missed_and_found_again(live, bridge):
    page, clock = live()
    bridge.fail(0)
    clock.run(4)
    expect(page.locator("h1")).to_have_text(re.compile(r"No answer for \d s"))
    clock.run(12)
    expect(page.locator("h1")).to_have_text(re.compile(r"No answer for \d\d s"))
    expect(page.locator("#subline")).to_contain_text("The figures below are those of 21:10:00 UTC.")
    expect(page.locator("#spoken")).to_have_text("No answer from the bridge")
    assert "stale" in page.locator("body").get_attribute("class")
    assert page.title().startswith("No answer for ")
    clock.tell("behind")
    expect(page.locator("h1")).to_have_text("Behind by 4 min 12 s")
    assert "stale" not in page.locator("body").get_attribute("class")


def test_a_bridge_that_fails_is_asked_more_seldom(live, bridge):
    page, clock = live()
    bridge.fail(502)
    before = questions(bridge)
    clock.run(60)
    # Thirty, if it went on as before.
    assert 4 <= questions(bridge) - before <= 12
    expect(page.locator("#subline")).to_contain_text("HTTP 502")


def test_there_is_one_question_at_a_time(live, bridge):
    page, _ = live()
    bridge.slow = threading.Event()
    before = questions(bridge)
    # Not so long that it gives the question up.
    page.clock.run_for(7_500)
    page.wait_for_function("() => window.flying === 1", polling=10)
    expect(page.locator("h1")).to_contain_text("No answer for")
    assert questions(bridge) <= before + 1
    bridge.slow.set()
    expect(page.locator("h1")).to_have_text("Keeping up")


def test_nobody_looks(live, bridge):
    page, clock = live()
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.away ?? true })")
    clock.tell()
    before = questions(bridge)
    clock.run(20)
    assert questions(bridge) == before
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("h1")).to_have_text("Keeping up")
    before = questions(bridge)
    clock.run(6)
    assert questions(bridge) > before


def test_the_time_line_goes_on_from_where_it_was(live, bridge):
    page, clock = live()
    assert page.locator("#timeline > li").count() == 7
    page.evaluate(WATCH)
    bridge.events.append({"id": 8, "time": estate.at(-4), "level": "error", "change": "halted", "message": "partition halted", "fields": {"topic": "orders"}})
    clock.run(8)
    expect(page.locator("#timeline > li").first).to_contain_text("partition halted")
    assert page.evaluate("[...document.querySelectorAll('#timeline > li')].slice(1).every((node) => node.old)")
    assert bridge.asked[-1].endswith("events?since=7") or any(asked.endswith("events?since=7") for asked in bridge.asked)
    # A process that was started anew counts anew.
    bridge.events = bridge.events[-1:]
    bridge.events[0]["id"] = 1
    clock.tell(bridge={**bridge.status["bridge"], "started": estate.at(1)})
    clock.run(8)
    expect(page.locator("#timeline > li")).to_have_count(1)


def test_a_time_line_that_fails_takes_nothing_with_it(live, bridge):
    page, clock = live()
    bridge.events = None
    clock.tell("behind", version=1)
    bridge.events = None
    clock.tell()
    expect(page.locator("h1")).to_have_text("Behind by 4 min 12 s")


def test_another_version_is_not_guessed_at(live, bridge):
    page, clock = live()
    bridge.status["version"] = 2
    clock.run(4)
    expect(page.locator("#subline")).to_contain_text("reload the page")


@pytest.mark.parametrize("code", [404, 500])
def test_what_never_answered_says_so(visit, bridge, code):
    bridge.fail(code)
    page = visit(None)
    expect(page.locator("h1")).to_contain_text("No answer for")
    expect(page.locator("#subline")).to_contain_text(f"HTTP {code}")
    bridge.fails = None
    seen(page)
    expect(page.locator("h1")).to_have_text("Keeping up")
