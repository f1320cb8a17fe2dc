"""The charts of a dataset, as a real Chromium draws them for an administrator."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import need_chromium, new_page, without_complaints
from tests.processes import Stack
from tests.training.utkface import random_files, write_zip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need_chromium()
    folder = tmp_path_factory.mktemp("site")
    odd = {"UTKFace/no_labels.jpg": b""}
    archive = write_zip(folder / "utk.zip", random_files(60) | odd)
    account = {"DJANGO_SUPERUSER_PASSWORD": "boss-boss-1"}
    with Stack(folder / "data", logs=folder, **account) as stack:
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("collectstatic", "--noinput", "--verbosity", "0")
        stack.manage("createsuperuser", "--noinput", "--username=boss", "--email=b@example.org")
        stack.manage("import_dataset", str(archive))
        _process, url = stack.start_web()
        yield url


@pytest.fixture
def page(site: str) -> Iterator[Page]:
    """A logged-in administrator's page; what the console complains about fails the test."""
    with new_page(site) as page:
        page.goto("/admin/login/?next=/admin/training/dataset/1/charts/")
        page.fill("input[name=username]", "boss")
        page.fill("input[name=password]", "boss-boss-1")
        page.click("[type=submit]")
        with without_complaints(page):
            yield page


@pytest.mark.parametrize("width", [390, 1280])
def test_every_chart_is_drawn_within_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/training/dataset/1/charts/")
    charts = page.locator(".fr-chart")
    assert charts.count() == page.locator(".fr-charts > section").count() > 0
    for chart in charts.all():
        marks = chart.locator(".fr-area :is(rect, .fr-box)")
        assert marks.count() > 0, chart.get_attribute("aria-labelledby")
        sizes = marks.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
        assert max(sizes) > 1, chart.get_attribute("aria-labelledby")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_theme_of_the_page_is_that_of_the_charts(page: Page) -> None:
    page.goto("/admin/training/dataset/1/charts/")
    text = page.locator(".fr-chart .fr-y text").first
    expect(text).to_be_visible()
    bright = text.evaluate("element => getComputedStyle(element).fill")
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(text).not_to_have_css("fill", bright)


def test_the_numbers_are_there_as_a_table_and_as_a_file(page: Page) -> None:
    page.goto("/admin/training/dataset/1/charts/")
    card = page.locator("section", has=page.locator("#chart-race-title"))
    card.locator("summary").click(position={"x": 4, "y": 8})
    cells = card.locator("tbody td:nth-child(2)").all_inner_texts()
    assert sum(map(int, cells)) == 60
    with page.expect_download() as waiting:
        card.get_by_role("link", name="CSV").click()
    assert re.fullmatch(r"UTKFace-race\.csv", waiting.value.suggested_filename)


def test_an_image_is_left_out_in_the_gallery_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/admin/training/sample/?reason__exact=")
    page.locator("input.action-select").first.check()
    page.select_option("select[name=action]", "drop")
    page.locator("#changelist-form [type=submit][name=index], button[name=index]").first.click()
    page.goto("/admin/training/dataset/1/gallery/?show=excluded")
    expect(page.locator(".fr-tile")).to_have_count(1)
    expect(page.locator(".fr-tile img")).to_be_visible()
    page.locator(".fr-tile input").check()
    page.get_by_role("button", name="Remove the override").click()
    expect(page.locator("body")).to_contain_text("1 image was changed.")
    expect(page.locator(".fr-tile")).to_have_count(0)
