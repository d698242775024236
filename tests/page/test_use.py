"""Whoever uses it, on whatever: by keyboard, by ear, on a phone, in the dark, behind a proxy."""

import pytest
from playwright.sync_api import expect

import estate
from conftest import axe
from fake import PREFIX

FOCUSED = "() => document.activeElement.id || document.activeElement.className || document.activeElement.nodeName"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", [state for state in estate.STATES if state != "estate"])
def test_axe_finds_nothing_and_a_phone_has_room(visit, state, theme):
    page = visit(state, theme=theme)
    for button in page.locator(".open").all()[:1]:
        button.click()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert axe(page) == []
    # The same on a phone, where nothing may lie beside the screen.
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone_or_when_there_is_no_answer(live, bridge, theme):
    page, clock = live("throttled", theme=theme, width=360, height=740)
    assert axe(page) == []
    bridge.fail(502)
    clock.run(4)
    expect(page.locator("h1")).to_contain_text("No answer for")
    assert axe(page) == []


def test_the_first_screen_answers(visit):
    page = visit("hub_away")
    for part in ("h1", "#lag", "#in", "#out", "#eta", "#held > li:first-child .detail", "#memory", "#namespaces", "#shards", "#map .hub:first-child"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 800, part


def test_every_part_is_reached_by_keyboard_and_seen_there(visit):
    page = visit("hub_away")
    reached = []
    for _ in range(13):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "solid2px", reached
    # One stop for the whole map.
    assert reached[:2] == ["skip", "theme"]
    assert reached[2:9] == ["SUMMARY", "SUMMARY", "SUMMARY", "filter", "cell told", "open", "open"], reached
    assert reached[9:] == ["open", "open", "open", "timeline"], reached


def test_a_cell_is_explained_where_the_keyboard_is(visit):
    page = visit("hub_away")
    page.locator("#filter").focus()
    page.keyboard.press("Tab")
    readout = page.locator("#readout")
    expect(readout).to_have_text("payments / 0: retrying for 5 min 12 s, 64 tries, the next in 3.1 s, shard 0. amqp:not-found: the messaging entity 'payments' could not be found")
    page.keyboard.press("ArrowDown")
    expect(readout).to_have_text("orders / 0: sending, shard 0")
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    expect(readout).to_have_text("orders / 9: waiting for 14 s, shard 1. no answer for 14 s")
    page.keyboard.press("End")
    expect(readout).to_contain_text("orders / 31: sending")
    page.keyboard.press("Control+End")
    expect(readout).to_contain_text("audit / 7: not used")
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("audit / 7")
    page.keyboard.press("Home")
    page.keyboard.press("Control+Home")
    expect(readout).to_contain_text("payments / 0")
    page.keyboard.press("Tab")
    expect(readout).to_have_text("")
    # Back at the cell where it was.
    page.keyboard.press("Shift+Tab")
    expect(readout).to_contain_text("payments / 0")


def test_rows_do_not_move_under_the_hand(live):
    page, clock = live()
    third = page.locator("#rows .open").nth(2)
    third.focus()
    clock.tell("throttled")
    expect(page.locator("#rows > .row").nth(2)).to_contain_text("clicks")
    assert page.evaluate(FOCUSED) == "open"
    page.evaluate("document.activeElement.blur()")
    clock.tell()
    expect(page.locator("#rows > .row").first).to_contain_text("clicks")


def test_the_filter_finds_topics_hubs_and_states(visit):
    page = visit("estate")
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "filter"
    page.keyboard.type("stream-01")
    expect(page.locator("#filter-note")).to_have_text("10 of 200 mappings, 10 of 200 hubs")
    assert page.locator("#rows > .row:visible").count() == 10
    assert page.locator("#map > .hub:visible").count() == 10
    page.locator("#filter").fill("retrying")
    expect(page.locator("#filter-note")).to_have_text("2 of 200 mappings, 2 of 200 hubs")
    page.locator("#filter").fill("nowhere")
    expect(page.locator("#rows-none")).to_have_text("No mapping matches.")
    page.keyboard.press("Escape")
    assert page.locator("#rows > .row:visible").count() == 200


def test_the_headline_alone_is_spoken_and_only_when_it_is_another(live):
    page, clock = live("behind")
    assert page.evaluate("[...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log]')].map((node) => [node.id, node.getAttribute('aria-live')])") == [["spoken", "polite"]]
    page.evaluate("window.spoken = 0; new MutationObserver(() => { window.spoken += 1; }).observe(document.getElementById('spoken'), { childList: true, characterData: true, subtree: true })")
    state = estate.behind()
    state["summary"].update(lag_seconds=300.0)
    clock.tell(summary=state["summary"])
    expect(page.locator("h1")).to_have_text("Behind by 5 min")
    assert page.evaluate("spoken") == 0
    clock.tell("halted")
    assert page.evaluate("spoken") == 1


def test_the_theme_is_the_systems_or_ones_own_and_kept_for_the_tab(visit):
    page = visit(theme="dark")
    ground = lambda: page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    dark = ground()
    page.emulate_media(color_scheme="light")
    light = ground()
    assert light != dark
    button = page.locator("#theme")
    button.click()
    button.click()
    expect(button).to_have_text("Theme: dark")
    assert ground() == dark
    page.reload()
    expect(button).to_have_text("Theme: dark")
    assert ground() == dark
    button.click()
    expect(button).to_have_text("Theme: auto")
    assert ground() == light


def test_nothing_moves_for_those_who_asked_for_it(visit):
    page = visit(motion="reduce")
    assert page.evaluate("[...document.querySelectorAll('*')].every((node) => /^0s(, 0s)*$/.test(getComputedStyle(node).transitionDuration) && getComputedStyle(node).animationName === 'none')")


def test_all_of_it_is_small_and_comes_from_the_process(visit, bridge):
    page = visit()
    sizes = page.evaluate("performance.getEntries().filter((each) => ['navigation', 'resource'].includes(each.entryType) && !/status|events/.test(each.name)).map((each) => each.decodedBodySize)")
    assert len(sizes) > 5
    assert sum(sizes) < 200_000
    assert all(asked.startswith(PREFIX + "/") for asked in bridge.asked)


def test_it_asks_and_does_nothing_else(visit):
    page = visit("throttled")
    methods = []
    page.on("request", lambda request: methods.append(request.method))
    with page.expect_response("**/status"):
        pass
    assert set(methods) <= {"GET"}
    assert page.locator("form").count() == 0
