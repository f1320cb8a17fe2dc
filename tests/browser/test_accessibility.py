"""Every page by axe-core, in light and dark; how heavy the first page is; that nothing jumps."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.db import InterfaceError
from django.test import RequestFactory
from django.utils import translation
from playwright.sync_api import Page, expect

from faceroute_site.data_folder import DATABASE
from faceroute_site.error_pages import server_error
from tests.browser.chromium import need_chromium, new_browser
from tests.processes import Stack

pytestmark = [pytest.mark.browser, pytest.mark.processes]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIRST_PAGE = 100_000  # bytes over the wire
MEASURED = "o => axe.run(o).then(found => found.violations)"
SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(one => { sum += one.value; }))
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 500);
})"""

# What others' parts of pages do wrong that no style or template of ours mends: rule and what the
# element's HTML holds.
OTHERS = [
    # Django's chooser of groups and permissions makes its tooltips by script.
    ("aria-prohibited-attr", 'class="help-tooltip'),
    # Unfold's bars for scrolling, the sidebar's and a list's, have one name.
    ("landmark-unique", 'class="simplebar-content-wrapper"'),
    # Swagger's operations are buttons with a link in them, its title has no landmark, its headings
    # skip a level, its tables of answers have one name.
    ("nested-interactive", 'class="opblock-summary-control"'),
    ("region", 'class="information-container'),
    ("heading-order", 'class="opblock-tag'),
    ("landmark-unique", 'class="responses-table"'),
]
# Pages that a script draws after they have loaded: what is there once it has.
DRAWN = {"api:docs": ".opblock", "api:docs opened": ".opblock .microlight"}
# What is seen of everything in Korean and on a phone, besides all pages of who is not logged in.
ON_A_PHONE = [
    *("history", "summary", "prediction", "waiting", "comparison", "batch", "account", "api_keys"),
    *("admin:index", "admin:auth_user_changelist", "admin:auth_user_change"),
    *("admin:training_dataset_charts", "admin:training_trainingrun_train"),
    *("admin:training_modelversion_change", "admin:training_modelversion_activate"),
]


@dataclass(frozen=True)
class Tour:
    """A browser that is logged in and one that is not, the site's pages as they see them (name of
    an address → path), and the site's database."""

    page: Page
    paths: dict[str, str]
    stranger: Page
    stranger_paths: dict[str, str]
    database: Path


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
        said = json.loads(printed.splitlines()[-1])
        _process, url = stack.start_web()
        with new_browser() as chromium:
            page = chromium.new_page(base_url=url, locale="en-US", reduced_motion="reduce")
            page.goto("/account/login/")
            page.fill("[name=username]", "ann")
            page.fill("[name=password]", "unimportant")
            page.press("[name=password]", "Enter")
            page.wait_for_url(lambda where: "login" not in where)
            stranger = chromium.new_page(
                base_url=url,
                locale="ko-KR",
                reduced_motion="reduce",
                viewport={"width": 390, "height": 800},
            )
            stranger.context.add_cookies([{"name": "visitor", "value": said["cookie"], "url": url}])
            database = folder / "data" / DATABASE
            yield Tour(page, said["pages"], stranger, said["stranger"], database)


def violations(page: Page, kind: str, rules: list[str]) -> Iterator[str]:
    """What axe-core finds wrong in the page by these tags or rules, but for others' parts."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": kind, "values": rules}}
    found: list[dict[str, Any]] = page.evaluate(MEASURED, options)
    for one in found:
        for node in one["nodes"]:
            if not any(rule == one["id"] and part in node["html"] for rule, part in OTHERS):
                yield f"{one['id']}: {node['target']} {node['html'][:200]}"


def look_at(page: Page, name: str, path: str) -> Iterator[str]:
    """What is wrong with a page."""
    page.goto(path)
    page.wait_for_selector(DRAWN.get(name, "body"))
    yield from look_around(page, name)


def look_around(page: Page, name: str) -> Iterator[str]:
    """What is wrong with the page that is open."""
    page.evaluate(AXE_SCRIPT)
    for one in violations(page, "tag", RULES):
        yield f"{name}: {one}"


@contextmanager
def without_batches(database: Path) -> Iterator[None]:
    """The table of batches is away, as no site's should be."""
    moves = [("predictions_batch", "away"), ("away", "predictions_batch")]
    for number, (now, then) in enumerate(moves):
        with closing(sqlite3.connect(database, timeout=30)) as open_database, open_database:
            open_database.execute("PRAGMA legacy_alter_table = ON")
            open_database.execute(f"ALTER TABLE {now} RENAME TO {then}")
        if number == 0:
            yield


def pages_that_say_no(page: Page, database: Path, language: str, *places: str) -> Iterator[str]:
    """What each is, while the page shows it; `places` are the site's and the administration's."""

    def goes_to(path: str, status: int) -> str:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == status, path
        return f"{status} at {path}"

    for place in places:
        yield goes_to(f"{place}nothing/", 404)
        page.goto(place)
        page.locator("[name=csrfmiddlewaretoken]").evaluate_all(
            "all => all.forEach(one => { one.value = 'x'; })"
        )
        with page.expect_navigation() as sent:
            page.evaluate("document.querySelector('form[method=post]').submit()")
        assert sent.value.status == 403
        yield f"form expired at {place}"
        with without_batches(database):
            path = "/admin/predictions/batch/" if place == "/admin/" else "/batches/"
            yield goes_to(path, 500)
    # What the site answers while its database is away, which this one's is not.
    with translation.override(language):
        try:
            raise InterfaceError
        except InterfaceError:
            answer = server_error(RequestFactory().get("/"))
    page.route("**/away/", lambda route: route.fulfill(status=503, body=answer.content.decode()))
    yield goes_to("/away/", 503)


def test_axe_finds_nothing_wrong_on_any_page(tour: Tour) -> None:
    assert {"upload", "prediction", "batch", "api:docs", "admin:index"} <= tour.paths.keys()
    opened = {"api:docs opened": f"{tour.paths['api:docs']}#/predictions/predictions_create"}
    wrong: list[str] = []
    for name, path in (tour.paths | opened).items():
        tour.page.emulate_media(color_scheme="light")
        wrong += look_at(tour.page, name, path)
        tour.page.emulate_media(color_scheme="dark")
        dark = violations(tour.page, "rule", ["color-contrast"])
        wrong += [f"{name}, dark: {one}" for one in dark]
    assert not wrong, "\n".join(wrong)


def test_axe_finds_nothing_wrong_on_a_phone_in_korean(tour: Tour) -> None:
    assert {"upload", "prediction", "batch", "login", "signup"} <= tour.stranger_paths.keys()
    nowhere = {"404": "/nothing/"}
    visits = [(tour.stranger, *one) for one in (tour.stranger_paths | nowhere).items()]
    tour.page.context.add_cookies(
        [{"name": "django_language", "value": "ko", "domain": "127.0.0.1", "path": "/"}]
    )
    tour.page.set_viewport_size({"width": 390, "height": 800})
    refused = {"404": "/admin/nothing/", "403": "/admin/training/dataset/add/"}
    paths = {name: tour.paths[name] for name in ON_A_PHONE} | refused
    visits += [(tour.page, *one) for one in paths.items()]
    wrong: list[str] = []
    for page, name, path in visits:
        wrong += look_at(page, name, path)
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wrong.append(f"{name} is wider than the screen.")
        if name != "api:docs" and page.get_attribute("html", "lang") != "ko":
            wrong.append(f"{name} is not in Korean.")
    tour.page.context.clear_cookies(name="django_language")
    assert not wrong, "\n".join(wrong)


def test_axe_finds_nothing_wrong_on_pages_that_say_no(tour: Tour) -> None:
    """On a wide screen in English, those of the administration too; on a phone in Korean."""
    wrong: list[str] = []
    tour.page.set_viewport_size({"width": 1280, "height": 800})
    visits = ((tour.page, "en", ("/", "/admin/")), (tour.stranger, "ko", ("/",)))
    for page, language, places in visits:
        for name in pages_that_say_no(page, tour.database, language, *places):
            page.emulate_media(color_scheme="light")
            wrong += look_around(page, f"{name}, {language}")
            page.emulate_media(color_scheme="dark")
            dark = violations(page, "rule", ["color-contrast"])
            wrong += [f"{name}, {language}, dark: {one}" for one in dark]
            assert page.get_attribute("html", "lang") == language, name
            assert page.title() not in {"", "FaceRoute"}, name
    assert not wrong, "\n".join(wrong)


def test_the_administration_is_worked_by_keyboard(tour: Tour) -> None:
    tour.page.set_viewport_size({"width": 390, "height": 800})
    tour.page.goto("/admin/")
    tour.page.get_by_role("button", name="Navigation").press("Enter")
    expect(tour.page.get_by_role("link", name="Datasets")).to_be_in_viewport()
    tour.page.locator("#nav-sidebar").get_by_role("button", name="ann").press("Enter")
    expect(tour.page.get_by_text("Log out")).to_be_visible()


@pytest.mark.parametrize(
    "name", ["prediction", "history", "batch", "admin:training_modelversion_change"]
)
def test_on_paper_there_is_nothing_to_press(tour: Tour, name: str) -> None:
    tour.page.goto(tour.paths[name])
    pressed = tour.page.locator("nav:visible, button:visible, input:visible, select:visible")
    expect(pressed).not_to_have_count(0)
    tour.page.emulate_media(media="print")
    expect(pressed).to_have_count(0)
    expect(tour.page.locator("main:visible, #main:visible")).to_have_count(1)
    tour.page.emulate_media(media="screen")


def test_with_high_contrast_chosen_faces_and_legends_are_told_apart(tour: Tour) -> None:
    tour.page.emulate_media(forced_colors="active")
    tour.page.goto(f"{tour.paths['prediction']}#face-1")
    expect(tour.page.locator("#face-1")).to_have_css("outline-style", "solid")
    expect(tour.page.locator("#face-2")).to_have_css("outline-style", "none")
    tour.page.goto(tour.paths["admin:training_modelversion_change"])
    colours = "all => new Set(all.map(one => getComputedStyle(one).backgroundColor)).size"
    assert tour.page.locator(".fr-legend i").evaluate_all(colours) > 1
    tour.page.emulate_media(forced_colors="none")


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
