"""What the made-up states are worth: they have the form of the real answers, and the page shows those as well."""

import json
import os
from pathlib import Path

import fastjsonschema
import pytest
from playwright.sync_api import expect

import estate

SCHEMAS = Path(__file__).resolve().parents[2] / "docs/schemas"


def schema(name):
    """A schema that allows no key besides those it names, so that a misspelled one is found."""
    def closed(node):
        if isinstance(node, dict):
            node = {key: closed(value) for key, value in node.items() if key not in ("format", "$schema")}
            return {"additionalProperties": False, **node} if "properties" in node else node
        return [closed(each) for each in node] if isinstance(node, list) else node

    return fastjsonschema.compile(closed(json.loads((SCHEMAS / name).read_text())))


@pytest.mark.parametrize("state", [state for state in estate.STATES if state != "hostile"])
def test_a_made_up_state_has_the_form_of_a_real_one(bridge, state):
    bridge.tell(state)
    schema("status.json")(bridge.status)
    schema("changes.json")(bridge.since(""))


@pytest.mark.skipif("BRIDGE_PAGE" not in os.environ, reason="the page comes from disk")
def test_the_process_shows_itself(tab):
    tab.goto(os.environ["BRIDGE_PAGE"])
    expect(tab.locator("h1")).to_have_text("Starting")
    expect(tab.locator("#group")).to_have_text("orders-bridge")
    expect(tab.locator("#rows > .row")).to_contain_text("orders")
    expect(tab.locator("#timeline-none")).to_have_text("Nothing has changed yet.")
    assert tab.complaints == []
    tab.goto("about:blank")
    tab.asked.clear()
