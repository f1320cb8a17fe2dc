"""Pictures of a page, small enough for a repository."""

import gettext
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Page

from tests.processes import ROOT

_LARGEST = 150_000  # bytes of a picture
_QUALITIES = (85, 75, 60)

# Images of a dataset are mostly not free: in the administration they are grey.
_COVERED = ".fr-gallery img, .fr-faces img { filter: brightness(0) opacity(0.2); }"


class Camera:
    """Takes pictures of what a browser's page shows and keeps them in a folder as WebP.

    `words` gives what the site says for an English message in the page's language.
    """

    def __init__(self, page: Page, folder: Path, language: str) -> None:
        self.page = page
        self._folder = folder
        # English messages stand for themselves, without a catalogue.
        catalogue = gettext.translation("django", ROOT / "locale", [language], fallback=True)
        self.words = catalogue.gettext

    def take(self, name: str, *, height: int, of: str = "") -> None:
        """The upper `height` pixels of the page, or of the element that a selector finds."""
        self.page.wait_for_load_state()
        self.page.add_style_tag(content=_COVERED)
        self.page.set_viewport_size({"width": self._width, "height": height})
        self.page.mouse.move(0, 0)
        self.page.wait_for_load_state("networkidle")
        box = FloatRect(x=0, y=0, width=self._width, height=height)
        if of:
            found = self.page.locator(of).first.bounding_box()
            if found is None:
                raise ValueError(f"Nothing to be seen on {self.page.url} is {of}.")
            box = found
            box["height"] = min(box["height"], height)
        taken = self.page.screenshot(full_page=True, clip=box, animations="disabled")
        self._keep(name, Image.open(io.BytesIO(taken)).convert("RGB"))

    @property
    def _width(self) -> int:
        size = self.page.viewport_size
        return size["width"] if size else 0

    def _keep(self, name: str, picture: Image.Image) -> None:
        for quality in _QUALITIES:
            written = io.BytesIO()
            picture.save(written, "WEBP", quality=quality, method=6)
            if written.tell() <= _LARGEST:
                (self._folder / f"{name}.webp").write_bytes(written.getvalue())
                return
        raise ValueError(f"{name} takes {written.tell()} bytes; show less of the page.")
