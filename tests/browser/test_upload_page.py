"""The upload page in a real Chromium: folders, refusals, a cut connection, the camera."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Dialog, Locator, Page, expect
from skimage import data

from tests.browser.chromium import (
    lose_answers,
    new_browser,
    without_complaints,
    without_script_errors,
)

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:  # the site tells first whether there is one
    with new_browser() as chromium:
        yield chromium


@pytest.fixture
def page(site: str, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=site, locale="en-US")
    with without_script_errors(page):
        page.goto("/")
        yield page
    page.context.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photos, two of them deeper, a video, a text and a zip with a zip in it."""
    top = tmp_path_factory.mktemp("folders") / "Holiday"
    (top / "second day").mkdir(parents=True)
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    for number in range(5):
        below = "second day" if number > 2 else "."
        portrait.rotate(number).save(top / below / f"{number}.jpg")
    (top / "film.mp4").write_bytes(bytes(5000))
    (top / "notes.txt").write_text("no photo")
    (top / ".DS_Store").write_bytes(bytes(10))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as written:
        written.write(top / "0.jpg", "0.jpg")
    with zipfile.ZipFile(top / "more.zip", "w") as written:
        written.writestr("inner.zip", inner.getvalue())
    return top


def tile(page: Page, name: str) -> Locator:
    return page.locator("#chosen li", has=page.locator(f'.name:text-is("{name}")'))


def test_of_a_folder_the_photos_are_sent_and_the_rest_is_said(page: Page, folder: Path) -> None:
    page.set_input_files("#folder", folder)
    expect(page.locator("#chosen li")).to_have_count(8)
    expect(page.locator("#summary")).to_have_text("To send: 5 · Not taken: 3")
    for name in ("film.mp4", "notes.txt"):
        expect(tile(page, name)).to_contain_text("This kind of file")
    expect(tile(page, "more.zip")).to_contain_text("zip within a folder is not opened")
    page.click("#send")
    page.wait_for_url("**/history/")
    expect(page.locator(".card")).to_have_count(5)


def test_a_dropped_folder_is_walked(page: Page, folder: Path) -> None:
    """As a browser hands it over: portions of entries, until an empty one."""
    photo = (folder / "0.jpg").read_bytes()
    page.evaluate(
        """bytes => {
          const file = new File([new Uint8Array(bytes)], "0.jpg", {type: "image/jpeg"});
          const leaf = path => ({isDirectory: false, name: path.slice(-5), fullPath: path,
            file: done => done(new File([file], path.slice(-5), {type: file.type}))});
          const tree = (path, portions) => ({isDirectory: true, name: "x", fullPath: path,
            createReader: () => ({readEntries: done => done(portions.shift() ?? [])})});
          const top = tree("/a", [[leaf("/a/1.jpg")], [tree("/a/b", [[leaf("/a/b/2.jpg")]])]]);
          const drop = new Event("drop", {bubbles: true, cancelable: true});
          drop.dataTransfer = {items: [{kind: "file", webkitGetAsEntry: () => top}]};
          document.dispatchEvent(drop);
        }""",
        list(photo),
    )
    expect(tile(page, "1.jpg")).to_be_visible()
    expect(tile(page, "2.jpg")).to_be_visible()


def test_what_will_be_refused_is_not_sent(page: Page, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(bytes(16 * 2**20))
    (tmp_path / "empty.jpg").write_bytes(b"")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if one.method == "POST" else None)
    page.set_input_files("#photos", [tmp_path / "large.jpg", tmp_path / "empty.jpg"])
    expect(tile(page, "large.jpg")).to_contain_text("Larger than 15 MB")
    expect(tile(page, "empty.jpg")).to_contain_text("empty")
    expect(page.locator("#send")).to_be_hidden()
    page.set_input_files("#photos", folder / "0.jpg")
    page.click("#send")
    page.wait_for_url(re.compile("/predictions/"))
    assert len(sent) == 1


def test_a_photo_that_the_site_refuses_says_why_beside_the_others(
    page: Page, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.jpg").write_text("no photo")
    page.set_input_files("#photos", [tmp_path / "words.jpg", folder / "0.jpg", folder / "1.jpg"])
    page.click("#send")
    expect(tile(page, "words.jpg")).to_contain_text("cannot be read")
    expect(page.locator("[data-state=sent]")).to_have_count(2)
    page.click("text=See the results")
    expect(page.locator(".card")).to_have_count(2)


def test_after_a_cut_everything_arrives_once(page: Page, folder: Path) -> None:
    """Of two photos that arrived no answer comes back, so that they are sent once more."""
    lose_answers(page, "*/photos/", {2, 3})
    page.set_input_files("#folder", folder)
    page.click("#send")
    expect(page.locator("#problem")).to_contain_text("connection was lost")
    expect(page.locator("#chosen [data-state=left]").first).to_contain_text("Try again")
    page.wait_for_url("**/history/")  # it goes on by itself
    expect(page.locator(".card")).to_have_count(5)


def test_one_tile_is_tried_again_and_the_rest_follows(page: Page, folder: Path) -> None:
    refusal = {"code": "storage_unavailable", "message": "Not now."}
    page.route("**/photos/", lambda route: route.fulfill(status=503, json=refusal))
    page.set_input_files("#photos", [folder / "0.jpg", folder / "1.jpg"])
    page.click("#send")
    expect(page.locator("#problem")).to_have_text("Not now.")
    expect(page.locator("[data-state=left]")).to_have_count(2)
    page.unroute("**/photos/")
    tile(page, "1.jpg").locator(".again").click()
    page.wait_for_url("**/history/")
    expect(page.locator(".card")).to_have_count(2)


def test_a_photo_by_the_camera_is_sent_when_somebody_says_so(page: Page) -> None:
    with without_complaints(page):
        page.click("#webcam")
        page.click("text=Take the photo")
        expect(page.locator("dialog canvas")).to_be_visible()
        page.click("text=Take another")
        expect(page.locator("dialog video")).to_be_visible()
        page.click("text=Take the photo")
        page.click("text=Use this photo")
        expect(page.locator("#chosen li")).to_have_count(1)
        expect(page.locator("#chosen")).to_contain_text("camera-")
        expect(page.locator("[data-state=sent]")).to_have_count(0)
        page.click("#send")
        page.wait_for_url(re.compile("/predictions/"))


def test_without_a_camera_the_dialog_says_so(page: Page) -> None:
    page.evaluate(
        """() => navigator.mediaDevices.getUserMedia = async () => {
          throw new DOMException("", "NotFoundError"); }"""
    )
    page.click("#webcam")
    expect(page.locator("dialog")).to_contain_text("No camera was found")
    expect(page.locator("[data-act=snap]")).to_be_disabled()


def test_whoever_leaves_while_photos_are_sent_is_asked(page: Page, folder: Path) -> None:
    page.route("**/photos/", lambda route: route.abort("internetdisconnected"))
    page.set_input_files("#photos", folder / "0.jpg")
    page.click("#send")
    expect(page.locator("#problem")).to_be_visible()
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.click("nav >> text=About")
    page.wait_for_url("**/about/")
    assert asked == ["beforeunload"]
