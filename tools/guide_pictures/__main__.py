"""The pictures of the user's and the administrator's guide, of a real site.

    .venv/bin/python -m tools.guide_pictures DATASET [--language ko] [--photos FOLDER] [--to FOLDER]

A site is started on an empty data folder and used in Chromium as the guides say: photos are sent,
DATASET (a zip of labelled faces as UTKFace's; some thousands will do) is imported, searched for
label issues and trained on. The photos, by default those in docs/images/photos, are to be in the
public domain: the first two by name show one face each, and others join a batch. Images of the
dataset are covered in the pictures. English ones go to docs/images, those of another language to a
folder in it. On two cores it takes some ten minutes with 3,000 images.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import new_browser
from tests.processes import ROOT, Stack, free_port, wait_until

from . import administrator, user
from .camera import Camera

# Where those who read a language are.
_PLACES = {"en": ("en-US", "Europe/Berlin"), "ko": ("ko-KR", "Asia/Seoul")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    images = ROOT / "docs" / "images"
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--language", choices=_PLACES, default="en")
    parser.add_argument("--photos", type=Path, default=images / "photos")
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    language = options.language
    folder = options.to or (images if language == "en" else images / language)
    folder.mkdir(parents=True, exist_ok=True)
    photos = sorted(options.photos.glob("*.jpg"))
    with tempfile.TemporaryDirectory(prefix="guide-pictures-") as scratch:
        _make(options.dataset.resolve(), photos, Path(scratch), folder, language)


def _make(dataset: Path, photos: list[Path], scratch: Path, folder: Path, language: str) -> None:
    with Stack(scratch / "data", logs=scratch) as stack, new_browser() as chromium:
        url = _start(stack)
        visitor = _camera(chromium, url, folder, language, width=1180)
        user.pictures(visitor, photos, scratch)
        administrator.pictures(_camera(chromium, url, folder, language, width=1280), dataset)
        user.side_by_side(visitor)


def _camera(chromium: Browser, url: str, folder: Path, language: str, *, width: int) -> Camera:
    """That of a new visitor; the administration has its sidebar from 1,280 pixels on."""
    locale, time_zone = _PLACES[language]
    page = chromium.new_page(
        base_url=url,
        bypass_csp=True,  # the camera adds a style
        viewport={"width": width, "height": 900},
        locale=locale,
        timezone_id=time_zone,
    )
    return Camera(page, folder, language)


def _start(stack: Stack) -> str:
    """The address of a site, as `make run` starts it, with an administrator."""
    port = free_port()
    stack.environment |= {"PORT": str(port), "HOST": "127.0.0.1"}
    stack.environment["DJANGO_SUPERUSER_PASSWORD"] = administrator.PASSWORD
    site = stack.start("site", sys.executable, "manage.py", "serve")
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: "Ready at" in site.output(), "the site answers", site)
    stack.manage("createsuperuser", "--noinput", "--username", administrator.NAME, "--email", "")
    return url


if __name__ == "__main__":
    main()
