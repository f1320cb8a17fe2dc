"""The figures of a dataset against counts made by hand."""

import hashlib
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from tests.factories import DatasetFactory, SampleFactory
from training.datasets.contents import join
from training.datasets.judging import judge
from training.datasets.revisions import move_on
from training.eda import dataset_figures
from training.eda.dataset_charts import _untested, tables
from training.eda.label_noise import label_noise
from training.models import Content, Dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_figures_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def dataset(settings: Any, tmp_path: Path) -> Dataset:
    """Ten images: 4 white, 3 black, 2 asian, 1 indian; one of them out, and one without labels.

    Which of them test and which undersampling draws is always the same.
    """
    settings.DATASET_ROOT = tmp_path
    dataset: Dataset = DatasetFactory.create()
    buckets = iter((0, 1, 2, 3, 4, 10, 5, 6, 7, 8))  # two test, one validates
    for race, ages in enumerate([(1, 25, 25, 70), (30, 31, 95), (19, 20), (40,)]):
        for n, age in enumerate(ages):
            SampleFactory.create(
                dataset=dataset, race=race, age=age, gender=n % 2, brightness=10.0 * n,
                sharpness=10.0**n, width=200 + n, bucket=next(buckets),
                digest=hashlib.sha256(f"{race} {n}".encode()).hexdigest(),
            )  # fmt: skip
    dataset.samples.filter(age=70).update(reason="excluded")
    SampleFactory.create(
        dataset=dataset, age=None, gender=None, race=None, reason="malformed_name",
        digest="", width=None, height=None, brightness=None, sharpness=None,
    )  # fmt: skip
    return dataset


def test_counts_are_those_of_the_labels(dataset: Dataset) -> None:
    report = dataset_figures.summary(dataset)
    assert report["counts"]["race"] == {
        "white": 4, "black": 3, "asian": 2, "indian": 1, "others": 0,
    }  # fmt: skip
    assert report["counts"]["gender"] == {"male": 6, "female": 4}
    decades = {"0-9": 1, "10-19": 1, "20-29": 3, "30-39": 2, "40-49": 1, "70-79": 1, "90+": 1}
    assert {k: n for k, n in report["counts"]["decade"].items() if n} == decades
    assert report["used"]["race"]["white"] == 3
    assert report["reasons"] == {"used": 9, "excluded": 1, "malformed_name": 1}


def test_every_image_is_in_one_bin_of_each_distribution(dataset: Dataset) -> None:
    images = dataset_figures.summary(dataset)["images"]
    for field in ("brightness", "sharpness"):
        assert sum(images[field]["counts"]) == 10
        assert len(images[field]["edges"]) == len(images[field]["counts"]) + 1
    first_bins = dict(
        zip(images["brightness"]["edges"], images["brightness"]["counts"], strict=False)
    )
    assert {edge: n for edge, n in first_bins.items() if n} == {0.0: 4, 10.0: 3, 20.0: 2, 30.0: 1}
    assert images["resolutions"] == {
        "200 × 200": 4, "201 × 200": 3, "202 × 200": 2, "203 × 200": 1,
    }  # fmt: skip


def test_groups_of_identical_files_are_counted_with_their_contradictions(dataset: Dataset) -> None:
    for digest, labels in {
        "a": [(30, 0, 0), (30, 0, 0)],
        "b": [(30, 0, 0), (31, 0, 0), (32, 0, 0)],
        "c": [(30, 0, 0), (30, 1, 0)],
        "d": [(30, 0, 1), (35, 0, 2)],
    }.items():
        for age, gender, race in labels:
            SampleFactory.create(
                dataset=dataset, digest=digest * 64, age=age, gender=gender, race=race
            )
    assert dataset_figures.summary(dataset)["copies"] == {
        "identical_groups": 4,
        "identical_files": 9,
        "conflicting_groups": 3,
        "conflicting_class_groups": 2,
        "not_compared": 19,
    }


def test_a_cell_too_small_for_a_test_image_says_so() -> None:
    dataset = DatasetFactory.create()
    for bucket, race in ((0, 0), (2, 0), (3, 1), (11, 1), (4, 2)):
        SampleFactory.create(dataset=dataset, bucket=bucket, race=race)
    assert [
        (cell["race"], cell["n"]) for cell in dataset_figures.summary(dataset)["untested_cells"]
    ] == [
        ("black", 2),
        ("asian", 1),
    ]
    (note,) = tables(dataset)["splits"]["notes"]
    assert note == (
        "2 cells of race, gender and decade are too small for a test image, so tests say nothing "
        "of them: Black, male, 30-39 (2); Asian, male, 30-39 (1)."
    )


def test_labels_of_near_copies_tell_how_noisy_labels_are(dataset: Dataset) -> None:
    assert label_noise(dataset)["pairs"] == 0
    labels = [(30, 0, 0), (34, 0, 0), (40, 1, 0), (40, 1, 2)]
    one, two, three, four = (
        SampleFactory.create(dataset=dataset, age=age, gender=gender, race=race)
        for age, gender, race in labels
    )
    # The same file again, with another label: that it differs from itself is told elsewhere.
    SampleFactory.create(dataset=dataset, digest=one.digest, age=90)
    keys = dict(Content.objects.values_list("digest", "pk"))
    join([(keys[one.digest], keys[two.digest]), (keys[three.digest], keys[four.digest])])
    judge(dataset)
    assert label_noise(dataset) == {
        "pairs": 2,
        "age_difference": 2.0,  # 4 and 0 years
        "gender_differs": 0.0,
        "race_differs": 0.5,
    }


def test_the_funnel_and_the_splits_add_up(dataset: Dataset) -> None:
    report = dataset_figures.summary(dataset)
    for recipe in ("classic", "full"):
        funnel = report["funnels"][recipe]
        for before, after in itertools.pairwise(funnel):
            assert before["count"] - sum(after["reasons"].values()) == after["count"]
    assert report["funnels"]["classic"][-1]["count"] == 3 * 2
    assert report["funnels"]["full"][-1]["count"] == 9
    assert report["splits"]["full"] == {"train": 6, "validation": 1, "test": 2}
    # Of the two test images “classic” leaves one out, and is examined on both all the same.
    assert report["splits"]["classic"] == {"train": 4, "validation": 1, "test": 2}


def test_cells_under_fifty_images_are_named_smallest_first(dataset: Dataset) -> None:
    SampleFactory.create_batch(50, dataset=dataset, age=25, gender=0, race=4)
    cells = dataset_figures.summary(dataset)["small_cells"]
    assert len(cells) == 5 * 2 * 10 - 1
    assert [cell["n"] for cell in cells] == sorted(cell["n"] for cell in cells)
    assert {"race": "white", "gender": "female", "age": "20-29", "n": 1} in cells


def test_figures_are_asked_of_the_database_once_per_change(
    dataset: Dataset, django_assert_num_queries: Any
) -> None:
    dataset_figures.figures(dataset)
    with django_assert_num_queries(0):
        dataset_figures.figures(dataset)
    dataset.samples.filter(age=95).delete()
    move_on(dataset)
    assert dataset_figures.figures(dataset).labelled.sum() == 9


def test_decades_end_where_the_next_begins() -> None:
    ages = np.zeros(117, np.int64)
    ages[[0, 9, 10, 19, 89, 90, 116]] = 1
    assert dataset_figures.by_decade(ages).tolist() == [2, 2, 0, 0, 0, 0, 0, 0, 1, 2]


def test_the_command_prints_every_figure_as_one_document(dataset: Dataset) -> None:
    text = io.StringIO()
    call_command("dataset_figures", dataset=dataset.name, json=True, stdout=text)
    report = json.loads(text.getvalue())
    assert report["counts"] == dataset_figures.summary(dataset)["counts"]
    assert report["charts"]["race"]["rows"][0] == ["White", 4]


def test_the_command_names_a_dataset_that_is_not_there(db: None) -> None:
    with pytest.raises(CommandError, match="no dataset called 'nowhere'"):
        call_command("dataset_figures", dataset="nowhere")


def test_of_many_cells_too_small_only_the_largest_are_named() -> None:
    cells = [{"race": "black", "gender": "male", "decade": "0-9", "n": n} for n in range(30, 0, -1)]
    [note] = _untested(cells)
    assert note.startswith("30 cells")
    assert [int(n) for n in re.findall(r"\((\d+)\)", note)] == list(range(30, 18, -1))
    assert note.endswith("; ….")
