"""A person's way through the site, in a real Chromium, on the real processes."""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from skimage import data

from tests.browser.chromium import new_page, without_complaints, without_script_errors

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
]


@pytest.fixture
def page(site: str) -> Iterator[Page]:
    with new_page(site) as page, without_complaints(page):
        yield page


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("photos")
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    collage = Image.new("RGB", (1600, 900), "slategray")
    for side, angle, place in ((500, 0, (40, 40)), (350, 20, (600, 60)), (600, -30, (960, 200))):
        turned = portrait.resize((side, side)).rotate(angle, fillcolor="slategray")
        collage.paste(turned, place)
    exif = Image.Exif()
    exif[0x0112] = 6
    files: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "portrait.heic": (portrait, {}),
        "cat.png": (Image.fromarray(data.chelsea()), {}),  # type: ignore[no-untyped-call]
        "collage.jpg": (collage, {}),
        "large.jpg": (portrait.resize((3464, 3464)).rotate(90), {"exif": exif}),
    }
    for name, (image, options) in files.items():
        image.save(folder / name, **options)
    return {name: folder / name for name in files}


def send(page: Page, *paths: Path) -> None:
    page.goto("/")
    page.set_input_files("#photos", list(paths))
    expect(page.locator("#chosen li")).to_have_count(len(paths))
    page.click("#send")


def test_the_portrait_becomes_a_result_without_reload(page: Page, photos: dict[str, Path]) -> None:
    send(page, photos["portrait.heic"])
    page.wait_for_url(re.compile(r"/predictions/[0-9a-f-]{36}/$"))
    expect(page.locator(".face")).to_have_count(1, timeout=60_000)
    expect(page.locator(".face")).to_contain_text("Female")
    age = page.locator(".face h2").inner_text()
    assert 25 <= int(re.findall(r"\d+", age)[-1]) <= 42
    expect(page.locator("svg.boxes rect")).to_have_count(1)
    page.hover("svg.boxes a")
    expect(page.locator("article.face")).to_have_class(re.compile("lit"))
    crop = page.request.get(page.locator("img.crop").get_attribute("src") or "")
    assert Image.open(io.BytesIO(crop.body())).width > 50


def test_several_photos_each_have_their_own_outcome(page: Page, photos: dict[str, Path]) -> None:
    names = ["cat.png", "collage.jpg", "large.jpg"]
    send(page, *(photos[name] for name in names))
    page.wait_for_url("**/history/")
    expect(page.locator(".card")).to_have_count(3)
    for words in ("No face", "3 faces", "One face"):
        expect(page.locator(".card", has_text=words)).to_have_count(1, timeout=60_000)
    expect(page.locator("[hx-trigger]")).to_have_count(0)

    page.on("dialog", lambda dialog: dialog.accept())
    page.locator(".card", has_text="No face").locator("input").check()
    page.click("text=Delete selected")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".messages")).to_contain_text("1 result was deleted")


def test_a_face_is_corrected_in_place_and_the_correction_taken_back(
    page: Page, photos: dict[str, Path]
) -> None:
    send(page, photos["portrait.heic"])
    expect(page.locator(".face")).to_have_count(1, timeout=60_000)
    address = page.url
    page.click("text=Not right? Correct it")
    page.fill("#face-1-age", "30")
    page.select_option("#face-1-gender", label="Female")
    page.check("#face-1-consent")
    page.click("button:has-text('Send the correction')")
    expect(page.locator(".correction [role=status]")).to_contain_text("Thank you")
    expect(page.locator(".correction")).to_contain_text("30 years, Female")
    page.click("text=Change or withdraw it")
    page.click("button:has-text('Withdraw the correction')")
    expect(page.locator(".correction")).to_contain_text("Not right? Correct it")
    assert page.url == address


def test_two_browsers_see_nothing_of_each_other(page: Page, photos: dict[str, Path]) -> None:
    send(page, photos["cat.png"])
    page.wait_for_url(re.compile("/predictions/"))
    browser = page.context.browser
    assert browser is not None
    other = browser.new_page(base_url=page.url.split("/predictions")[0])
    response = other.goto(page.url)
    assert response is not None
    assert response.status == 404


@pytest.mark.parametrize(
    "path", ["/", "/about/", "/history/", "/account/login/", "/account/signup/"]
)
@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_api_documentation_opens(page: Page) -> None:
    page.goto("/api/v1/docs/")
    expect(page.locator(".opblock-tag-section")).not_to_have_count(0, timeout=15_000)
    expect(page.locator("#swagger-ui")).to_contain_text("/api/v1/predictions/")


def test_korean_is_one_press_away(page: Page) -> None:
    page.goto("/")
    page.click("button[lang=ko]")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("label", has_text="사진 선택")).to_be_visible()


def test_after_a_log_out_back_shows_nothing(page: Page, photos: dict[str, Path]) -> None:
    page.goto("/account/signup/")
    page.fill("[name=username]", "ann")
    page.fill("[name=password1]", "correct horse battery")
    page.fill("[name=password2]", "correct horse battery")
    page.click("button.primary")
    send(page, photos["cat.png"])
    page.wait_for_url(re.compile("/predictions/"))
    page.goto("/history/")
    expect(page.locator(".card")).to_have_count(1)
    page.click("summary:has-text('ann')")
    page.click("button:has-text('Log out')")
    expect(page.locator("nav")).to_contain_text("Log in")
    page.go_back()
    expect(page.locator("nav")).to_contain_text("Log in")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("body")).not_to_contain_text("ann")


def test_a_form_that_is_too_old_is_sent_with_one_more_click(
    site: str, photos: dict[str, Path]
) -> None:
    with new_page(site) as page, without_script_errors(page):
        page.goto("/")
        page.set_input_files("#photos", photos["cat.png"])
        sign_up_in_another_tab(page, "bob")
        page.click("#send")
        expect(page.locator("#problem")).to_contain_text("Please send it once more")
        page.click("#send")
        page.wait_for_url(re.compile("/predictions/"))
        expect(page.locator("summary")).to_contain_text("bob")


def sign_up_in_another_tab(page: Page, name: str) -> None:
    """As far as cookies go, which all tabs share."""
    form = page.context.request.get("/account/signup/").text()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[0]
    password = "correct horse battery"
    sent = {"username": name, "password1": password, "password2": password}
    page.context.request.post(
        "/account/signup/",
        form={**sent, "csrfmiddlewaretoken": token},
        headers={"Referer": page.url},
    )


def test_dates_are_in_the_browsers_time_zone(page: Page, photos: dict[str, Path]) -> None:
    browser = page.context.browser
    assert browser is not None
    page.goto("/")
    context = browser.new_context(base_url=page.url, timezone_id="Asia/Seoul", locale="en-US")
    other = context.new_page()
    send(other, photos["cat.png"])
    other.wait_for_url(re.compile("/predictions/"))
    other.goto("/history/")
    shown = datetime.strptime(
        other.locator("time").inner_text().replace(".", ""), "%m/%d/%Y %I:%M %p"
    )
    assert abs(shown - datetime.now(ZoneInfo("Asia/Seoul")).replace(tzinfo=None)) < timedelta(
        minutes=10
    )
    context.close()
