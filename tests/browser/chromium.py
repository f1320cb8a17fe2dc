"""Debian's Chromium, driven by Playwright, and what its console complains about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome")
     if (path := Path("/usr/bin") / name).exists()),
    None,
)  # fmt: skip
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def need_chromium() -> None:
    """Skips the test where there is none, before a site is started for it."""
    if _CHROMIUM is None:
        pytest.skip("No Chromium was found. On Debian: apt-get install chromium")


@contextmanager
def new_browser() -> Iterator[Browser]:
    """A browser; its pages share nothing."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield chromium
        chromium.close()


@contextmanager
def new_page(url: str) -> Iterator[Page]:
    """An English page in a browser of its own; paths are relative to `url`."""
    with new_browser() as chromium:
        yield chromium.new_page(base_url=url, locale="en-US")


def lose_answers(page: Page, pattern: str, numbers: set[int]) -> None:
    """Cut the connection after the site has got a request and before its answer arrives: of the
    requests to addresses like `pattern`, of those with these numbers, counted from 1."""
    network = page.context.new_cdp_session(page)
    seen = 0

    def answered(event: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        which = {"requestId": event["requestId"]}
        if seen in numbers:
            network.send("Fetch.failRequest", {**which, "errorReason": "ConnectionReset"})
        else:
            network.send("Fetch.continueRequest", which)

    network.on("Fetch.requestPaused", answered)
    stage = {"urlPattern": pattern, "requestStage": "Response"}
    network.send("Fetch.enable", {"patterns": [stage]})


@contextmanager
def without_script_errors(page: Page) -> Iterator[None]:
    """No script fails until the block is left."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []


@contextmanager
def without_complaints(page: Page) -> Iterator[None]:
    """No script fails, and the console shows no error, until the block is left."""
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    with without_script_errors(page):
        yield
    assert complaints == []
