"""Every page by axe-core, in light and dark; how heavy the first page is; that nothing jumps."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.chromium import need_chromium, new_browser
from tests.processes import Stack

pytestmark = [pytest.mark.browser, pytest.mark.processes]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FIRST_PAGE = 100_000  # bytes over the wire
MEASURED = "o => axe.run(o).then(found => found.violations)"
SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(one => { sum += one.value; }))
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 500);
})"""

# What others' parts of pages do wrong: rule and what the element's HTML holds.
OTHERS = [
    # Django's chooser of groups and permissions: its tooltips, and the grey of its placeholders
    ("aria-prohibited-attr", 'class="help-tooltip'),
    ("color-contrast", 'placeholder="Filter"'),
    # Swagger's operations are buttons with a link in them.
    ("nested-interactive", 'class="opblock-summary-control"'),
]

# Pages that a script draws after they have loaded: what is there once it has.
DRAWN = {"api:docs": ".opblock"}


@dataclass(frozen=True)
class Tour:
    """A browser's page that is logged in, and the site's pages: name of an address → path."""

    page: Page
    paths: dict[str, str]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    need_chromium()
    folder = tmp_path_factory.mktemp("tour")
    with Stack(folder / "data", logs=folder) as stack:
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.manage("register_starter")
        stack.start_redis()
        furnish = [sys.executable, "-m", "tests.browser.every_page"]
        printed = subprocess.run(
            furnish, cwd=stack.root, env=stack.environment, check=True, stdout=subprocess.PIPE
        ).stdout
        _process, url = stack.start_web()
        with new_browser() as chromium:
            page = chromium.new_page(base_url=url, locale="en-US", reduced_motion="reduce")
            page.goto("/account/login/")
            page.fill("[name=username]", "ann")
            page.fill("[name=password]", "unimportant")
            page.press("[name=password]", "Enter")
            page.wait_for_url(lambda where: "login" not in where)
            yield Tour(page, json.loads(printed.splitlines()[-1]))


def violations(page: Page, kind: str, rules: list[str]) -> Iterator[str]:
    """What axe-core finds wrong in the page by these tags or rules, but for others' parts."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": kind, "values": rules}}
    found: list[dict[str, Any]] = page.evaluate(MEASURED, options)
    for one in found:
        for node in one["nodes"]:
            if not any(rule == one["id"] and part in node["html"] for rule, part in OTHERS):
                yield f"{one['id']}: {node['target']} {node['html'][:200]}"


def test_axe_finds_nothing_wrong_on_any_page(tour: Tour) -> None:
    """WCAG's rules everywhere, and what axe calls best practice on the pages that are all ours."""
    assert {"upload", "prediction", "batch", "api:docs", "admin:index"} <= tour.paths.keys()
    wrong = []
    for name, path in tour.paths.items():
        tour.page.emulate_media(color_scheme="light")
        tour.page.goto(path)
        tour.page.wait_for_selector(DRAWN.get(name, "body"))
        tour.page.evaluate(AXE_SCRIPT)
        tags = WCAG if ":" in name else [*WCAG, "best-practice"]
        found = [*violations(tour.page, "tag", tags)]
        tour.page.emulate_media(color_scheme="dark")
        found += violations(tour.page, "rule", ["color-contrast"])
        wrong += [f"{name}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)


def test_the_first_page_is_light(tour: Tour) -> None:
    network = tour.page.context.new_cdp_session(tour.page)
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tour.page.goto("/", wait_until="networkidle")
    network.detach()
    assert 0 < sum(sizes) <= FIRST_PAGE


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["upload", "prediction", "history", "batch"])
def test_nothing_jumps_while_a_page_loads(tour: Tour, name: str, width: int) -> None:
    network = tour.page.context.new_cdp_session(tour.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})  # as on a first visit
    tour.page.set_viewport_size({"width": width, "height": 800})
    tour.page.goto(tour.paths[name])
    network.detach()
    assert tour.page.evaluate(SHIFTS) == 0
