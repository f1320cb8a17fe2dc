"""The pictures of the user's and the administrator's guide, of a real site.

    .venv/bin/python -m tools.guide_pictures DATASET [--photos FOLDER] [--to FOLDER]

A site is started on an empty data folder and used in Chromium as the guides say: photos are sent,
DATASET (a zip of labelled faces as UTKFace's; some thousands will do) is imported, searched for
label errors and trained on. The photos, by default those in docs/images/photos, are to be in the
public domain: the first two by name show one face each, and others join a batch. Images of the
dataset are covered in the pictures. On two cores it takes some ten minutes with 3,000 images.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import new_browser
from tests.processes import ROOT, Stack, free_port, wait_until

from . import administrator, user
from .camera import Camera

_SIZE = {"width": 1180, "height": 900}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    images = ROOT / "docs" / "images"
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--photos", type=Path, default=images / "photos")
    parser.add_argument("--to", type=Path, default=images)
    options = parser.parse_args()
    photos = sorted(options.photos.glob("*.jpg"))
    with tempfile.TemporaryDirectory(prefix="guide-pictures-") as scratch:
        _make(options.dataset.resolve(), photos, Path(scratch), options.to)


def _make(dataset: Path, photos: list[Path], scratch: Path, folder: Path) -> None:
    with Stack(scratch / "data", logs=scratch) as stack, new_browser() as chromium:
        url = _start(stack)
        look = {"viewport": _SIZE, "locale": "en-US", "timezone_id": "Europe/Berlin"}
        for tour in ("user", "administrator"):
            page = chromium.new_page(base_url=url, bypass_csp=True, **look)  # type: ignore[arg-type]
            camera = Camera(page, folder)
            if tour == "user":
                user.pictures(camera, photos, scratch)
            else:
                administrator.pictures(camera, dataset)


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
