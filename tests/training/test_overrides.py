"""What administrators decide has the last word, and never puts one picture into two splits."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.factories import DatasetFactory, SampleFactory
from training.datasets import curations
from training.datasets.contents import join
from training.datasets.judging import judge
from training.datasets.overrides import relabel, rule
from training.models import Content, Dataset, Override, Sample

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(settings: Any, tmp_path: Path) -> Dataset:
    settings.DATASET_ROOT = tmp_path
    dataset: Dataset = DatasetFactory.create()
    return dataset


def kept(dataset: Dataset) -> int:
    funnel: list[dict[str, Any]] = curations.current(dataset)["full"].funnel
    return int(funnel[-1]["count"])


def only(sample: Sample) -> Any:
    return Sample.objects.filter(pk=sample.pk)


def test_a_ruling_changes_the_funnel_and_taking_it_back_restores_it(dataset: Dataset) -> None:
    first, _second = SampleFactory.create_batch(2, dataset=dataset)
    before = kept(dataset)
    assert rule(only(first), Override.DROP) == 1
    dataset.refresh_from_db()
    assert kept(dataset) == before - 1
    first.refresh_from_db()
    assert first.reason == "excluded"
    rule(only(first), Override.NONE)
    dataset.refresh_from_db()
    assert kept(dataset) == before


def test_an_image_set_aside_can_be_let_in(dataset: Dataset) -> None:
    sample = SampleFactory.create(dataset=dataset, found="no_face", reason="no_face")
    rule(only(sample), Override.KEEP)
    dataset.refresh_from_db()
    assert kept(dataset) == 1


@pytest.mark.parametrize("lacking", [{"age": None}, {"race": None}, {"digest": ""}])
def test_nobody_can_rule_an_image_in_that_has_no_labels_or_no_file(
    dataset: Dataset, lacking: dict[str, Any]
) -> None:
    sample = SampleFactory.create(
        dataset=dataset, found="malformed_name", reason="malformed_name", **lacking
    )
    rule(only(sample), Override.KEEP)
    dataset.refresh_from_db()
    assert kept(dataset) == 0


def test_a_ruling_outlives_the_next_cleaning(dataset: Dataset) -> None:
    sample = SampleFactory.create(dataset=dataset)
    rule(only(sample), Override.DROP)
    judge(dataset)
    sample.refresh_from_db()
    assert sample.reason == "excluded"


def test_a_ruling_concerns_the_datasets_of_the_chosen_images_alone(dataset: Dataset) -> None:
    other: Dataset = DatasetFactory.create()
    sample = SampleFactory.create(dataset=dataset)
    rule(only(sample), Override.DROP)
    dataset.refresh_from_db()
    other.refresh_from_db()
    assert (dataset.revision, other.revision) == (1, 0)


def test_an_image_let_in_shares_the_split_of_its_copies(dataset: Dataset) -> None:
    """What cleaning set aside for another reason is a copy nonetheless."""
    for n in range(40):
        digest = f"{n:064x}"
        SampleFactory.create(dataset=dataset, digest=digest, bucket=2)
        SampleFactory.create(
            dataset=dataset, digest=f"{n + 100:064x}", bucket=0, found="no_face", reason="no_face"
        )
    keys = list(Content.objects.values_list("pk", flat=True))
    join(itertools.pairwise(keys))
    judge(dataset)
    rule(dataset.samples.all(), Override.KEEP)
    dataset.refresh_from_db()
    chosen = curations.selection(dataset, "full").chosen
    assert len(chosen) == 80
    assert len({split for _, split in chosen}) == 1


def test_mending_a_label_ends_the_contradiction_of_its_copies(dataset: Dataset) -> None:
    one = SampleFactory.create(dataset=dataset, digest="a" * 64, gender=0, name="1.jpg")
    two = SampleFactory.create(dataset=dataset, digest="a" * 64, gender=1, name="2.jpg")
    SampleFactory.create(dataset=dataset)
    judge(dataset)
    assert set(dataset.samples.values_list("reason", flat=True)) == {"conflicting_classes", ""}
    two.refresh_from_db()
    two.gender = 0
    relabel(two)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.reason, two.reason) == ("", "exact_duplicate")
    assert one.group == two.group


def test_what_was_computed_before_a_change_does_not_replace_what_came_after(
    dataset: Dataset,
) -> None:
    sample = SampleFactory.create(dataset=dataset)
    late = Dataset.objects.get(pk=dataset.pk)
    rule(only(sample), Override.DROP)
    dataset.refresh_from_db()
    assert kept(dataset) == 0
    curations.current(late)
    [stored] = dataset.curations.filter(policy="full")
    assert stored.revision == dataset.revision
    assert stored.funnel[-1]["count"] == 0
