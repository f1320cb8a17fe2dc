"""Batches in a real Chromium: a folder as one, a zip in pieces, a cut connection, two tabs."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from skimage import data

from tests.browser.chromium import lose_answers, new_browser, without_script_errors

pytestmark = [pytest.mark.browser, pytest.mark.processes]

WORKED = 60_000  # milliseconds for a worker


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:  # the site tells first whether there is one
    with new_browser() as chromium:
        yield chromium


@pytest.fixture
def page(site: str, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=site, locale="en-US")
    page = context.new_page()
    with without_script_errors(page):
        page.goto("/")
        yield page
    context.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight portraits, a photo without a face, a file that only calls itself one."""
    top = tmp_path_factory.mktemp("folders") / "Family"
    top.mkdir()
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    for number in range(8):
        portrait.rotate(number).save(top / f"{number}.jpg")
    Image.fromarray(data.chelsea()).save(top / "cat.jpg")  # type: ignore[no-untyped-call]
    (top / "words.jpg").write_text("no photo")
    (top / "clip.mp4").write_text("no photo either")
    return top


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    """Two portraits, a text and a zip, and enough of nothing that it takes several pieces."""
    path = folder.parent / "Trip.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        written.write(folder / "0.jpg", "0.jpg")
        written.write(folder / "1.jpg", "below/1.jpg")
        written.writestr("notes.txt", "no photo")
        written.writestr("inner.zip", b"PK\x05\x06" + bytes(18))
        written.writestr("nothing.bin", bytes(17 * 2**20))
    return path


def begin(page: Page, what: Path) -> None:
    page.set_input_files("#folder" if what.is_dir() else "#photos", what)
    expect(page.locator("#batch-name")).to_be_visible()
    page.click("#send")


def test_a_folder_becomes_a_batch_whatever_happens_to_the_connection(
    page: Page, folder: Path
) -> None:
    lose_answers(page, "*/photos/", {3, 4})
    begin(page, folder)
    page.wait_for_url(re.compile("/batches/"), timeout=WORKED)
    expect(page.locator("h1")).to_have_text("Family")
    expect(page.locator(".panel-state")).to_contain_text("10 of 10 photos", timeout=WORKED)
    expect(page.locator(".row-photo")).to_have_count(10)
    expect(page.locator(".batch-rows")).to_contain_text("Refused: This kind of picture")
    expect(page.locator(".totals")).to_contain_text("Female: 8 of 8 faces")
    expect(page.locator("#not-taken")).to_contain_text("Family/clip.mp4: This kind of file")

    page.select_option("[name=show]", label="Photos without a face")
    page.click("text=Filter")
    expect(page.locator(".row-photo")).to_have_count(1)
    expect(page.locator(".row-photo")).to_contain_text("cat.jpg")
    page.click("text=Show all")
    page.click("thead >> text=Age")
    expect(page.locator("[aria-sort=ascending]")).to_contain_text("Age")
    with page.expect_download() as download:
        page.click("text=CSV")
    assert len(download.value.path().read_text("utf-8-sig").splitlines()) == 11


def test_a_zip_goes_on_after_a_reload_where_it_stopped(page: Page, archive: Path) -> None:
    lose_answers(page, "*/archives/*offset=*", {2, 3, 4})
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "PUT" else None)
    begin(page, archive)
    expect(page.locator("#problem")).to_contain_text("connection was lost", timeout=WORKED)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    sent.clear()
    expect(page.locator(".adding")).to_contain_text("Trip")
    page.set_input_files("#photos", archive)
    page.click("#send")
    page.wait_for_url(re.compile("/batches/"))
    assert not [url for url in sent if url.endswith("offset=0")]
    expect(page.locator(".panel-state")).to_contain_text("Done", timeout=WORKED)
    expect(page.locator(".panel-state")).to_contain_text("2 faces")
    expect(page.locator(".batch-rows .refused")).not_to_have_count(0)
    expect(page.locator("#not-taken")).to_be_hidden()


def test_two_tabs_show_the_same_and_steer_the_same(page: Page, folder: Path) -> None:
    begin(page, folder)
    page.wait_for_url(re.compile("/batches/"), timeout=WORKED)
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#not-taken")).to_be_hidden()
    other.click("summary:has-text('Rename')")
    other.fill("[name=name]", "Reunion")
    other.click("text=Save")
    expect(other.locator("h1")).to_have_text("Reunion")
    for tab in (page, other):
        expect(tab.locator(".panel-state")).to_contain_text("10 of 10 photos", timeout=WORKED)
        expect(tab.locator(".row-photo")).to_have_count(10)
    page.goto("/batches/")
    expect(page.locator(".batches")).to_contain_text("Reunion")


def test_the_same_folder_added_again_is_not_sent_twice(page: Page, folder: Path) -> None:
    begin(page, folder)
    page.wait_for_url(re.compile("/batches/"), timeout=WORKED)
    page.click("text=Add photos")
    page.set_input_files("#folder", folder)
    page.click("#send")
    page.wait_for_url(re.compile("/batches/"), timeout=WORKED)
    expect(page.locator(".panel-state")).to_contain_text("10 of 10 photos", timeout=WORKED)
