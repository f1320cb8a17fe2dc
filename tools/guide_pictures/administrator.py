"""The pictures of the administrator's guide."""

from pathlib import Path

from playwright.sync_api import expect

from .camera import Camera

NAME, PASSWORD = "boss", "correct horse battery"
# The page names the import folder, which in a picture is not to be that of this machine.
_ELSEWHERE = """one => {
    one.textContent = one.textContent.replace(/\\S+\\/imports/, "/srv/faceroute/imports");
}"""
_WORKED = 3_600_000  # milliseconds for an import, a search, a training


def pictures(camera: Camera, dataset: Path) -> None:
    page = camera.page
    page.goto("/admin/")
    page.fill("[name=username]", NAME)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    _a_dataset(camera, dataset)
    _doubtful_labels(camera)
    _a_training(camera)
    _a_link(camera)
    _the_overview(camera)


def _a_dataset(camera: Camera, dataset: Path) -> None:
    page = camera.page
    page.goto("/admin/training/dataset/import/")
    page.set_input_files("[name=upload]", dataset)
    page.get_by_text("/imports").evaluate(_ELSEWHERE)
    camera.take("administrator-import", height=700)
    _press(camera, "Import")
    _wait_for_run(camera)
    page.click("#run dl a")
    camera.take("administrator-charts", height=1050)


def _doubtful_labels(camera: Camera) -> None:
    page = camera.page
    charts = page.url
    _press(camera, "Find label issues")
    _wait_for_run(camera)
    page.goto(charts)
    page.locator(".fr-links").get_by_text(camera.words("Label issues"), exact=True).click()
    camera.take("administrator-labels", height=900)


def _a_training(camera: Camera) -> None:
    page = camera.page
    page.goto("/admin/training/trainingrun/train/")
    expect(page.locator("section[aria-live] dl")).to_be_visible(timeout=30_000)
    camera.take("administrator-train", height=1340)
    _press(camera, "Train")
    _wait_for_run(camera)
    page.reload()
    camera.take("administrator-run", height=1200)
    page.click("#run dl a >> nth=-1")
    camera.take("administrator-version", height=1100)
    page.locator(".fr-buttons").get_by_text(camera.words("Activate"), exact=True).click()
    camera.take("administrator-activate", height=900)
    page.locator("form.fr-buttons button").first.click()
    expect(page.locator(".fr-buttons").first).to_contain_text(camera.words("In use"))


def _a_link(camera: Camera) -> None:
    page = camera.page
    page.goto("/admin/auth/user/?q=ann")
    page.click("a:text-is('ann')")
    page.get_by_text(camera.words("Link to a new password")).first.click()
    camera.take("administrator-password", height=420)


def _the_overview(camera: Camera) -> None:
    page = camera.page
    page.goto("/admin/")
    for _try in range(60):  # its sums are of what was finished five minutes ago or longer
        if page.locator(f"dt:text-is('{camera.words('Photos done')}') + dd").inner_text() != "0":
            break
        page.wait_for_timeout(10_000)
        page.reload()
    expect(page.locator("#health")).to_contain_text(camera.words("All is well"), timeout=30_000)
    camera.take("administrator-overview", height=1000)


def _press(camera: Camera, button: str) -> None:
    camera.page.get_by_role("button", name=camera.words(button), exact=True).click()


def _wait_for_run(camera: Camera) -> None:
    page = camera.page
    expect(page.locator("#run")).to_be_visible(timeout=60_000)
    expect(page.locator("#run[hx-get]")).to_have_count(0, timeout=_WORKED)
    expect(page.locator("#run")).to_contain_text(camera.words("Done"))
