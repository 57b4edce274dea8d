"""A browser for pages: the system's Chromium, without a window and without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")  # while it is open, its event loop runs and no other can run on this thread
def browser():
    """Return the open browser; without one, tests are skipped."""
    path = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if path is None:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)}. On Debian run: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page; the test fails if the page logs errors or requests anything else.

    It takes a path or an address, the window's `width`, prefixes of addresses that the page may request (`allowed`),
    `expected` parts of error messages, and options of Playwright's `new_context`, such as ``color_scheme="dark"``
    or ``java_script_enabled=False``.
    """
    contexts, problems = [], []

    def open_(page_or_address, width, allowed=(), expected=(), **options):
        address = page_or_address.resolve().as_uri() if isinstance(page_or_address, Path) else page_or_address
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        watch(page, (address, *allowed), problems, expected)
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def watch(page, allowed, problems, expected=()):
    """Block requests for addresses without an allowed prefix; record them, errors and other messages."""

    def pass_or_stop(route):
        if route.request.url.startswith(tuple(allowed)):
            return route.continue_()
        problems.append(f"request: {route.request.url}")
        return route.abort()

    def note(message):
        if message.type in ("error", "warning") and not any(part in message.text for part in expected):
            problems.append(f"console: {message.text}")

    page.route("**/*", pass_or_stop)
    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))


def overflow(page):
    """Return how many pixels a page is wider than its window."""
    return page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
