"""Pictures of each state in both themes, into the folder that SCREENSHOTS names; without it this file is left out."""

import copy
import math
import os
from pathlib import Path

import pytest

import estate
from conftest import seen

FOLDER = Path(os.environ["SCREENSHOTS"])
STATES = [state for state in estate.STATES if state != "hostile"]
# Samples of the last ten minutes, for the small curves.
SAMPLES = 100


def past(page, clock, bridge):
    """Plays ten minutes that end in the state as it is, with rates that breathe."""
    end = bridge.status
    end["bridge"]["now"] = estate.at()
    for n in range(1, SAMPLES + 1):
        ago = 6 * (SAMPLES - n)
        bridge.status = copy.deepcopy(end)
        bridge.status["bridge"]["now"] = estate.at(ago)
        summary = bridge.status["summary"]
        for key, phase in (("records_per_second", 0), ("events_per_second", 1), ("batches_per_second", 2)):
            summary[key] = round(summary[key] * (1 + (0.05 * math.sin(n / 7 + phase) + 0.03 * math.sin(2.3 * n + phase)) * (ago > 0)))
        if summary["lag_seconds"] and ago:
            steady = 0.25 + 0.1 * math.sin(1.7 * n)
            summary["lag_seconds"] = max(steady, summary["lag_seconds"] - ago) if summary["lag_seconds"] > 10 else steady
        while not page.evaluate("time => document.getElementById('answered').textContent.startsWith(time)", bridge.status["bridge"]["now"][11:19]):
            clock.run(2)
    seen(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_picture(live, bridge, state, theme):
    quiet = state in ("starting", "estate")
    page, clock = live(state, theme=theme, before=None if quiet else estate.at(700))
    if not quiet:
        past(page, clock, bridge)
    page.screenshot(path=FOLDER / f"{state}-{theme}.png")


def test_picture_of_a_bridge_that_is_gone(live, bridge):
    page, clock = live("keeping_up", before=estate.at(700))
    past(page, clock, bridge)
    bridge.fail(502)
    clock.run(12)
    page.screenshot(path=FOLDER / "gone-light.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_picture_on_a_phone(visit, theme):
    visit("throttled", theme=theme, width=360, height=740).screenshot(path=FOLDER / f"phone-{theme}.png")
