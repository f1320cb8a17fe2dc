"""`measure_detection` on crops of the public-domain portrait."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from skimage import data

from tests.training.utkface import write_zip


def test_it_tells_what_is_found_by_size_and_roll(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    portrait = Image.fromarray(data.astronaut())  # type: ignore[no-untyped-call]
    files = {"UTKFace/1_0_0_broken.jpg.chip.jpg": b"no image"}
    for index, half in enumerate((65, 69, 73)):
        crop = io.BytesIO()
        portrait.crop((224 - half, 124 - half, 224 + half, 124 + half)).save(crop, "PNG")
        files[f"UTKFace/40_1_0_{index:017}.jpg.chip.jpg"] = crop.getvalue()
    path = write_zip(tmp_path / "crops.zip", files)

    call_command("measure_detection", str(path), "--pictures", "1", "--json")

    report = json.loads(capsys.readouterr().out)
    assert report["crops"] == 3
    cells = report["cells"]
    assert len(cells) == 20
    for cell in cells:
        assert cell["faces"] == 12
        assert cell["extra"] == 0
        assert cell["cpu_ms"] > 0
        if cell["size"] >= 40:
            assert cell["found"] >= 11
            assert cell["upright"] == cell["found"]


def test_a_dataset_without_images_is_refused_in_words(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "crops.zip", {"UTKFace/1_0_0_1.jpg.chip.jpg": b"no image"})
    with pytest.raises(CommandError, match="holds no image that can be read"):
        call_command("measure_detection", str(path))
