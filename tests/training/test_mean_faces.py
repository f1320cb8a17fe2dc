"""The mean face of every group: of the images in use, and of nothing else."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.factories import DatasetFactory, SampleFactory
from training.datasets import example_files, mean_faces
from training.models import Dataset, Sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _dataset_root(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path


@pytest.fixture
def dataset() -> Dataset:
    dataset: Dataset = DatasetFactory.create()
    return dataset


def add(dataset: Dataset, grey: int, side: int = 100, **fields: Any) -> Sample:
    data = io.BytesIO()
    Image.new("RGB", (side, side), (grey, grey, grey)).save(data, "PNG")
    sample: Sample = SampleFactory.create(
        dataset=dataset, digest=example_files.keep(data.getvalue()), **fields
    )
    return sample


def drawn(dataset: Dataset, race: int, gender: int) -> float:
    with Image.open(io.BytesIO(mean_faces.read(dataset, race, gender))) as image:
        assert image.size == (mean_faces.SIDE, mean_faces.SIDE)
        return float(np.asarray(image).mean())


def draw(dataset: Dataset) -> None:
    mean_faces.draw_all(dataset, lambda *_: None)


def test_it_is_the_mean_of_the_images_of_its_group_in_use(dataset: Dataset) -> None:
    add(dataset, 50, race=1, gender=0)
    add(dataset, 150, race=1, gender=0, side=400)
    add(dataset, 250, race=1, gender=0, reason="excluded")
    add(dataset, 200, race=1, gender=1)
    draw(dataset)
    assert drawn(dataset, 1, 0) == pytest.approx(100, abs=2)
    assert drawn(dataset, 1, 1) == pytest.approx(200, abs=2)


def test_a_group_without_images_has_none(dataset: Dataset) -> None:
    sample = add(dataset, 50, race=3, gender=1)
    draw(dataset)
    assert mean_faces.groups(dataset) == [(3, 1)]
    sample.delete()
    draw(dataset)
    assert mean_faces.groups(dataset) == []


def test_a_file_that_is_gone_is_left_out(dataset: Dataset) -> None:
    add(dataset, 50, race=0, gender=0)
    example_files.path_of(add(dataset, 250, race=0, gender=0).digest).unlink()
    draw(dataset)
    assert drawn(dataset, 0, 0) == pytest.approx(50, abs=2)
