"""Labels are set by people who do not see estimates of test images, each keeping what they said."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from tests.factories import DatasetFactory, SampleFactory, UserFactory
from training.datasets.annotations import adopt_estimates, annotate, confirm, disputed, said_of
from training.datasets.galleries import issue_gallery, page_of
from training.datasets.judging import judge
from training.models import Annotation, Content, Dataset, LabelIssue, Sample
from vision.attributes import SHIPPED

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(settings: Any, tmp_path: Path) -> Dataset:
    settings.DATASET_ROOT = tmp_path
    dataset: Dataset = DatasetFactory.create()
    return dataset


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def second() -> User:
    return User.objects.create_superuser("second")


@pytest.fixture
def office(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def sample_in(dataset: Dataset, split: str, **fields: Any) -> Sample:
    sample: Sample = SampleFactory.create(dataset=dataset, **fields)
    Content.objects.filter(digest=sample.digest).update(split=split)
    return sample


def only(sample: Sample) -> Any:
    return Sample.objects.filter(pk=sample.pk)


def issue(sample: Sample, label: str = "gender", suggestion: str = "female") -> LabelIssue:
    return LabelIssue.objects.create(sample=sample, label=label, score=0.9, suggestion=suggestion)


def gallery(client: Client, dataset: Dataset, show: str, **data: Any) -> str:
    address = f"/admin/training/dataset/{dataset.pk}/gallery/?show={show}"
    response = client.post(address, data, follow=True) if data else client.get(address)
    return response.content.decode()


def test_a_gallery_counts_what_it_shows_and_offers_nothing_where_that_is_nothing(
    dataset: Dataset, office: Client
) -> None:
    issue(sample_in(dataset, "test"))
    empty = gallery(office, dataset, "doubtful-gender")
    assert "Gender label issues (0)" in empty
    assert 'name="deed"' not in empty
    issue(sample_in(dataset, "train"))
    page = gallery(office, dataset, "doubtful-gender")
    assert "Gender label issues (1)" in page
    assert 'name="deed"' in page


@pytest.mark.parametrize(
    ("label", "suggestion", "value"),
    [("gender", "female", 1), ("race", "indian", 3), ("age", "61", 61)],
)
def test_the_models_estimate_becomes_the_label_of_what_trains(
    dataset: Dataset, boss: User, label: str, suggestion: str, value: int
) -> None:
    sample = sample_in(dataset, "train")
    issue(sample, label, suggestion)
    assert adopt_estimates(only(sample), boss, label) == 1
    sample.refresh_from_db()
    assert getattr(sample, label) == value
    assert not LabelIssue.objects.exists()
    assert getattr(Annotation.objects.get(annotator=boss), label) == value


def test_the_models_estimate_never_becomes_the_label_of_a_test_image(
    dataset: Dataset, boss: User, office: Client
) -> None:
    """Even where an issue was kept before the content came to test, or somebody makes one up."""
    sample = sample_in(dataset, "test")
    issue(sample)
    assert adopt_estimates(only(sample), boss, "gender") == 0
    gallery(office, dataset, issue_gallery("gender"), deed="adopt", image=[sample.pk])
    sample.refresh_from_db()
    assert sample.gender == 0
    assert "Use the model" not in gallery(office, dataset, "to-check")
    url = f"/admin/training/dataset/{dataset.pk}/gallery/?show=to-check"
    assert office.post(url, {"deed": "adopt", "image": [sample.pk]}).status_code == 404


def test_test_images_to_check_are_shown_without_estimate_and_confirmed(
    dataset: Dataset, boss: User, office: Client
) -> None:
    samples = [sample_in(dataset, "test", to_check=True) for _ in range(4)]
    page = gallery(office, dataset, "to-check")
    assert page.count('name="image"') == 4
    assert "Model:" not in page
    assert "Test" in page
    page = gallery(office, dataset, "to-check", deed="confirm", image=[samples[0].pk])
    assert page.count('name="image"') == 3
    said = Annotation.objects.get()
    assert (said.sample, said.annotator, said.age, said.gender) == (samples[0], boss, 30, 0)
    revision = dataset.revision
    dataset.refresh_from_db()
    assert dataset.revision == revision  # nothing is in it that was not


def test_a_gallery_ranks_one_label_and_tells_the_split(dataset: Dataset, office: Client) -> None:
    one, other = sample_in(dataset, "train"), sample_in(dataset, "validation")
    for sample, gender, age in ((one, 0.99, 0.5), (other, 0.6, 0.7)):
        LabelIssue.objects.create(sample=sample, label="gender", score=gender, suggestion="female")
        LabelIssue.objects.create(sample=sample, label="age", score=age, suggestion="61")
    assert [c[0].pk for c in page_of(dataset, issue_gallery("age")).clusters] == [other.pk, one.pk]
    assert [c[0].pk for c in page_of(dataset, issue_gallery("gender")).clusters] == [
        one.pk,
        other.pk,
    ]
    page = gallery(office, dataset, issue_gallery("age"))
    assert page.count("Model: 61") == 2
    assert "Training · " in page
    assert "Validation · " in page
    gallery(office, dataset, issue_gallery("age"), deed="confirm", image=[one.pk])
    left = set(LabelIssue.objects.values_list("sample", "label"))
    assert left == {(one.pk, "gender"), (other.pk, "gender"), (other.pk, "age")}


@pytest.mark.parametrize(
    ("show", "buttons"),
    [
        ("malformed_name", ["keep", "as_cleaned", "drop"]),
        ("to-check", ["confirm", "drop"]),
        *((issue_gallery(label), ["adopt", "confirm", "drop"]) for label in SHIPPED),
        ("disputed", ["keep", "as_cleaned", "drop"]),
    ],
)
def test_every_gallery_has_the_buttons_of_its_work(
    dataset: Dataset, office: Client, show: str, buttons: list[str]
) -> None:
    sample = sample_in(dataset, "train", reason="malformed_name", to_check=True)
    for label, suggestion in (("age", "61"), ("gender", "female"), ("race", "indian")):
        issue(sample, label, suggestion)
    for gender in range(2):
        Annotation.objects.create(sample=sample, annotator=UserFactory.create(), gender=gender)
    page = gallery(office, dataset, show)
    assert re.findall(r'name="deed"\s+value="(\w+)"', page) == buttons


def test_where_two_disagree_both_are_kept_and_the_label_stays(
    dataset: Dataset, boss: User, second: User
) -> None:
    sample = sample_in(dataset, "train")
    assert annotate(sample, boss, {"age": 40, "gender": 1}) == []
    assert annotate(sample, second, {"age": 50, "gender": 1}) == ["age"]
    sample.refresh_from_db()
    assert (sample.age, sample.gender) == (40, 1)
    said = [(one.annotator, one.age) for one in said_of(sample, boss.pk)]
    assert said == [(boss, 40), (second, 50)]
    assert list(disputed(dataset)) == [sample]
    assert annotate(sample, boss, {"age": 50}) == []
    sample.refresh_from_db()
    assert (sample.age, sample.gender) == (50, 1)
    assert not disputed(dataset).exists()


def test_what_others_say_of_a_test_image_is_shown_to_who_has_labelled_it(
    dataset: Dataset, boss: User, second: User
) -> None:
    sample = sample_in(dataset, "test")
    annotate(sample, boss, {"age": 40})
    assert said_of(sample, second.pk) == []
    confirm(only(sample), second)
    assert [one.age for one in said_of(sample, second.pk)] == [40, 40]


def test_the_page_of_an_image_keeps_who_says_what(
    dataset: Dataset, office: Client, boss: User, second: User
) -> None:
    sample = sample_in(dataset, "test")
    issue(sample)  # as a version of before may have left one
    annotate(sample, second, {"age": 41})
    url = f"/admin/training/sample/{sample.pk}/change/"
    page = office.get(url).content.decode()
    assert "second" not in page
    assert "Gender: female" not in page
    images = office.get("/admin/training/sample/").content.decode()
    assert "Gender: female" not in images
    assert re.search(r">(Fem|M)ale</td>", images)
    assert gallery(office, dataset, issue_gallery("gender")).count('name="image"') == 0
    fields = {"age": 45, "gender": 0, "race": 0, "override": ""}
    page = office.post(url, {**fields, "_continue": "1"}, follow=True).content.decode()
    assert "Other people have given another label for: Age" in page
    assert "second: 41" in page
    sample.refresh_from_db()
    assert sample.age == 41
    assert Annotation.objects.get(annotator=boss).age == 45
    assert f"{second}: 41" in gallery(office, dataset, "disputed")


def test_saved_unchanged_a_page_says_that_its_labels_are_right(
    dataset: Dataset, office: Client, boss: User
) -> None:
    sample = sample_in(dataset, "test", to_check=True)
    url = f"/admin/training/sample/{sample.pk}/change/"
    office.post(url, {"age": 30, "gender": 0, "race": 0, "override": ""})
    said = Annotation.objects.get()
    assert (said.annotator, said.age, said.gender, said.race) == (boss, 30, 0, 0)
    sample.refresh_from_db()
    assert not sample.to_check


def test_an_emptied_label_and_a_ruling_are_taken_as_before(
    dataset: Dataset, office: Client
) -> None:
    sample = sample_in(dataset, "train")
    url = f"/admin/training/sample/{sample.pk}/change/"
    office.post(url, {"age": "", "gender": 1, "race": 0, "override": "drop"})
    sample.refresh_from_db()
    assert (sample.age, sample.gender, sample.override, sample.reason) == (
        None,
        1,
        "drop",
        "excluded",
    )


def test_an_image_whose_label_is_emptied_is_set_aside_until_it_has_one(
    dataset: Dataset, office: Client
) -> None:
    sample = sample_in(dataset, "train")
    url = f"/admin/training/sample/{sample.pk}/change/"
    fields = {"gender": 0, "race": 0, "override": ""}
    judge(dataset)
    for age, reason in (("", "malformed_name"), (31, "")):
        office.post(url, {**fields, "age": age})
        sample.refresh_from_db()
        assert sample.reason == reason
        assert office.get(f"/admin/training/dataset/{dataset.pk}/charts/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_doubts_of_before_are_kept_but_for_those_of_test_images() -> None:
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate([("training", "0009_corrections_in_datasets")])
    old = executor.loader.project_state([("training", "0009_corrections_in_datasets")]).apps
    dataset = old.get_model("training", "Dataset").objects.create(name="old")
    for n, split in enumerate(("train", "test")):
        old.get_model("training", "Content").objects.create(digest=str(n), split=split, group=0)
        old.get_model("training", "Sample").objects.create(
            dataset=dataset, name=split, digest=str(n), doubt=0.7, doubtful_label="age",
            suggestion="61",
        )  # fmt: skip
    MigrationExecutor(connection).migrate(latest)
    issues = LabelIssue.objects.values_list("sample__name", "label", "score", "suggestion")
    assert list(issues) == [("train", "age", 0.7, "61")]
