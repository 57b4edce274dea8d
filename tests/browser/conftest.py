"""A browser for pages: the system's Chromium, without a window and without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")  # as long as it is open its event loop runs, and no other can on this thread
def browser():
    """Return the opened browser; without one, tests skip."""
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
    """Return a function that opens a page; the test fails where a page complains, or asks for anything else.

    It takes a path or an address, the window's `width`, addresses beginning with `allowed` that the page may ask for,
    parts of complaints that are `expected`, and options of Playwright's `new_context`, such as ``color_scheme="dark"``
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
    """Stop requests for addresses that begin with none of the allowed, and note them, errors and other complaints."""

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
