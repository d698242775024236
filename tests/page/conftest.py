"""A browser for all tests, and for each a bridge that it may put in any state."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

import estate
from fake import Fake

AXE = Path(__import__("axe_playwright_python").__file__).with_name("axe.min.js").read_text()
# A deadline, and not a measure: the machine is shared.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
if "SCREENSHOTS" not in os.environ:
    collect_ignore = ["test_pictures.py"]


@pytest.fixture(scope="session")
def browser():
    # Chromium has no sandbox for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(os.environ["CHROMIUM"]), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def bridge():
    fake = Fake(os.environ.get("BRIDGE_PAGE"))
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def tab(browser):
    """For all visits whose time goes by itself: another page costs more than another address."""
    return opened(browser)


def opened(browser):
    page = browser.new_context().new_page()
    page.context.set_default_timeout(PATIENCE)
    page.complaints, page.asked = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page


@pytest.fixture
def visit(browser, bridge, tab):
    """Opens the page while the bridge is in a state. All that a visit must never do is looked for at its end."""
    visits = []

    def open_page(state="keeping_up", theme="light", width=1280, height=800, motion="no-preference", stopped=False, before=None):
        if state:
            bridge.tell(state)
        if before:
            bridge.status["bridge"]["now"] = before
        page = opened(browser) if stopped else tab
        page.emulate_media(color_scheme=theme, reduced_motion=motion)
        page.set_viewport_size({"width": width, "height": height})
        if stopped:
            page.clock.install()
            page.add_init_script(FLYING)
        visits.append(page)
        page.goto(bridge.url)
        if state:
            seen(page)
        return page

    yield open_page
    for page in visits:
        page.goto("about:blank")
        # What a bridge that is gone makes the browser say is none of ours.
        assert [text for text in page.complaints if "Failed to load resource" not in text] == []
        strangers = [url for url in page.asked if url != "about:blank" and not url.startswith(("data:", bridge.url))]
        assert strangers == []
        page.complaints.clear()
        page.asked.clear()
        if page is not tab:
            page.context.close()


def seen(page, time=None):
    """Waits until the page shows an answer: the one with this time, where it matters."""
    page.wait_for_function("time => !document.body.matches('.loading, .stale') && (!time || document.getElementById('answered').textContent.startsWith(time))",
                           arg=time, polling=20)


# Counts the questions that are not answered yet: time must not be moved on while there are any, or they would be given up.
FLYING = """
  window.flying = 0;
  const [ask, read] = [window.fetch, Response.prototype.json];
  const landed = () => { window.flying -= 1; };
  window.fetch = (...all) => { window.flying += 1; return ask(...all).then((answer) => { if (!answer.ok) landed(); return answer; }, (error) => { landed(); throw error; }); };
  Response.prototype.json = function () { return read.call(this).finally(landed); };
"""


class Clock:
    """Moves the page's time on. The bridge tells another time with each state, so that a test can wait for the answer it means."""

    def __init__(self, page, bridge):
        self.page, self.bridge, self.seconds = page, bridge, 0

    def tell(self, state=None, **changes):
        """The bridge is in `state` from now on, or goes on in its own; returns when the page shows it."""
        if state:
            self.bridge.tell(state, **changes)
        else:
            self.bridge.status = {**self.bridge.status, **changes}
        self.seconds += 5
        now = estate.at(-self.seconds)
        self.bridge.status["bridge"] = {**self.bridge.status["bridge"], "now": now}
        # A question every two seconds, and more seldom when it had failed or nobody looks.
        while not self.page.evaluate("time => document.getElementById('answered').textContent.startsWith(time)", now[11:19]):
            self.run(1)
        seen(self.page, now[11:19])

    def run(self, seconds):
        """So many seconds pass for the page."""
        for _ in range(2 * seconds):
            self.page.clock.run_for(500)
            self.page.wait_for_function("() => !window.flying", polling=10)


@pytest.fixture
def live(visit, bridge):
    """A page whose timers a test moves on."""

    def open_page(state="keeping_up", **options):
        page = visit(state, stopped=True, **options)
        return page, Clock(page, bridge)

    return open_page


def axe(page):
    """What axe finds against the page: each rule with the places."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [f"{each['id']} ({each['impact']}): {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found]
