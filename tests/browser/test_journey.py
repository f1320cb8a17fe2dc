"""A person's way through the site, in a real Chromium, on the real processes."""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import dateformat
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
    crowd = Image.new("RGB", (2000, 1500), "slategray")
    for x in range(0, 2000, 500):
        for y in range(0, 1500, 500):
            crowd.paste(portrait.resize((480, 480)), (x, y))
    exif = Image.Exif()
    exif[0x0112] = 6
    files: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "portrait.heic": (portrait, {}),
        "cat.png": (Image.fromarray(data.chelsea()), {}),  # type: ignore[no-untyped-call]
        "collage.jpg": (collage, {}),
        "crowd.jpg": (crowd, {}),
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


def test_a_face_is_chosen_on_the_photo_or_by_its_card_with_mouse_or_keys(
    page: Page, photos: dict[str, Path]
) -> None:
    send(page, photos["collage.jpg"])
    expect(page.locator("article.face")).to_have_count(3, timeout=60_000)
    page.click("#mark-2 circle")
    expect(page.locator("#face-2")).to_be_focused()
    page.hover("h1")
    for chosen in ("#mark-2", "#face-2"):
        expect(page.locator(chosen)).to_have_attribute("aria-current", "true")
    page.focus("#face-3 .number")
    page.keyboard.press("Enter")
    expect(page.locator("#mark-3")).to_be_focused()
    expect(page.locator("#mark-3")).to_have_attribute("aria-current", "true")
    expect(page.locator("main [aria-current]")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("main [aria-current]")).to_have_count(0)


def test_what_an_estimate_is_worth_is_one_click_away(page: Page, photos: dict[str, Path]) -> None:
    send(page, photos["portrait.heic"])
    gender = page.locator(".estimate", has_text="Gender").first
    expect(gender).to_be_visible(timeout=60_000)
    worth = gender.locator("p")
    expect(worth).to_be_hidden()
    gender.locator("summary").click()
    expect(worth).to_contain_text(re.compile(r"gave \d+ images the same estimate: .*Female"))


@pytest.mark.parametrize("width", [390, 1280])
def test_twelve_faces_are_a_table_that_is_sorted_and_unfolded(
    page: Page, photos: dict[str, Path], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    send(page, photos["crowd.jpg"])
    rows = page.locator("table.faces tbody")
    expect(rows).to_have_count(12, timeout=60_000)
    for way, reverse in (("ascending", False), ("descending", True)):
        page.click("th button:has-text('Age')")
        expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", way)
        cells = page.locator("tbody td:nth-child(2)[data-value]")
        ages = cells.evaluate_all("cells => cells.map(cell => Number(cell.dataset.value))")
        assert ages == sorted(ages, reverse=reverse)
    details = rows.nth(4).locator(".details")
    expect(details).to_be_hidden()
    rows.nth(4).get_by_text("Details").click()
    expect(details).to_contain_text("Not right? Correct it")
    expect(rows.nth(4).locator("a.more")).to_have_attribute("aria-expanded", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_a_script_marks_and_cards_lead_to_each_other(
    page: Page, photos: dict[str, Path]
) -> None:
    send(page, photos["crowd.jpg"])
    expect(page.locator("table.faces tbody")).to_have_count(12, timeout=60_000)
    browser = page.context.browser
    assert browser is not None
    cookies = page.context.storage_state()
    plain = browser.new_context(
        base_url=page.url, java_script_enabled=False, storage_state=cookies, locale="en-US"
    )
    other = plain.new_page()
    other.goto(page.url)
    other.click("#face-5 a.more")
    expect(other.locator("#details-5")).to_be_visible()
    expect(other.locator(".details:visible")).to_have_count(1)
    other.click("#mark-7 circle")
    assert other.url.endswith("#face-7")
    plain.close()


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
    page.get_by_role("button", name="Delete", exact=True).click()
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
    page.select_option("#face-1-race", label="White")
    page.check("#face-1-consent")
    page.click("button:has-text('Save the correction')")
    expect(page.locator(".correction [role=status]")).to_contain_text("Your correction was saved")
    expect(page.locator(".correction")).to_contain_text("An administrator will look at it")
    expect(page.locator(".correction")).to_contain_text("30 years, Female")
    page.click("text=Change or withdraw it")
    page.fill("#face-1-age", "31")
    page.click("button:has-text('Save the correction')")
    expect(page.locator(".correction")).to_contain_text("31 years, Female, White")
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
    now = datetime.now(ZoneInfo("Asia/Seoul"))
    lately = [dateformat.format(now - timedelta(minutes=n), "N j, Y, P") for n in range(10)]
    assert other.locator("time").inner_text() in lately
    context.close()
