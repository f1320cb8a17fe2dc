"""The pictures of the user's guide."""

from pathlib import Path

from PIL import Image, ImageEnhance
from playwright.sync_api import expect

from .camera import Camera

_WORKED = 120_000  # milliseconds for a worker


def pictures(camera: Camera, photos: list[Path], scratch: Path) -> None:
    page = camera.page
    page.goto("/account/signup/")
    page.fill("[name=username]", "ann")
    for field in ("password1", "password2"):
        page.fill(f"[name={field}]", "correct horse battery")
    page.click("button.primary")
    _a_group(camera, photos, scratch)
    _a_batch(camera, _family(photos, scratch))
    _what_was_sent(camera)


def side_by_side(camera: Camera) -> None:
    """The picture of two versions, once another one serves."""
    page = camera.page
    page.goto("/history/?order=oldest")
    page.click(".card-link:has-text('group.jpg')")
    page.get_by_role("button", name=camera.words("Run again")).click()
    expect(page.locator("article.face")).to_have_count(2, timeout=_WORKED)
    page.get_by_role("link", name=camera.words("Side by side")).first.click()
    camera.take("user-compared", height=620)


def _a_group(camera: Camera, photos: list[Path], scratch: Path) -> None:
    page = camera.page
    group = _side_by_side(photos[:2], scratch)
    page.goto("/")
    page.set_input_files("#photos", [group, *photos])
    expect(page.locator("#chosen li")).to_have_count(1 + len(photos))
    camera.take("user-upload", height=1000)
    page.click("#send")
    page.wait_for_url("**/history/")
    expect(page.locator("[hx-trigger]")).to_have_count(0, timeout=_WORKED)
    page.click(f".card-link:has-text('{group.name}')")
    expect(page.locator("article.face")).to_have_count(2)
    camera.take("result", height=640)
    page.locator("#face-1 details.estimate").evaluate_all("all => all.forEach(o => o.open = true)")
    camera.take("user-face", of="#face-1", height=1100)
    page.reload()
    page.click("#face-1 .correction summary")
    page.fill("#face-1-age", "77")
    camera.take("user-correction", of="#face-1", height=1300)
    page.reload()
    _covered(camera)


def _covered(camera: Camera) -> None:
    page = camera.page
    page.click(".pictures summary")
    page.click(".covering input[value=pixels]")
    page.uncheck(".covering input[name=faces][value='1']")
    page.locator(".covering").get_by_text(camera.words("Preview")).click()
    expect(page.locator(".covered")).to_be_visible()
    camera.take("user-anonymised", of=".pictures", height=800)


def _a_batch(camera: Camera, folder: Path) -> None:
    page = camera.page
    page.goto("/")
    page.set_input_files("#folder", folder)
    page.click("#send")
    page.wait_for_url("**/batches/*/", timeout=_WORKED)
    expect(page.locator(".panel-state")).to_contain_text(camera.words("Done"), timeout=_WORKED)
    expect(page.locator(".batch-summary")).to_be_visible()
    page.reload()
    camera.take("user-batch", height=1500)


def _what_was_sent(camera: Camera) -> None:
    page = camera.page
    page.goto("/history/")
    page.locator(".card input").nth(1).check()
    camera.take("user-history", height=800)
    page.goto("/account/")
    camera.take("user-account", height=820)


def _side_by_side(portraits: list[Path], scratch: Path) -> Path:
    """Two portraits in one photo."""
    left, right = (Image.open(path).convert("RGB").resize((600, 600)) for path in portraits)
    group = Image.new("RGB", (1200, 600))
    group.paste(left, (0, 0))
    group.paste(right, (600, 0))
    group.save(path := scratch / "group.jpg", quality=92)
    return path


def _family(photos: list[Path], scratch: Path) -> Path:
    """A folder of photos that are a little different from one another, and what is none."""
    folder = scratch / "Family album"
    folder.mkdir()
    for number, turn in enumerate(range(-12, 12)):
        photo = Image.open(photos[number % len(photos)]).convert("RGB")
        lit = ImageEnhance.Brightness(photo).enhance(1 + turn / 40)
        lit.rotate(turn).save(folder / f"IMG_{2001 + number}.jpg", quality=90)
    (folder / "notes.jpg").write_text("no photo")
    return folder
