"""What is declared beside age, gender and race goes the whole way of a dataset: imported, reviewed,
trained on, examined, compared and shown."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from PIL import Image

from tests.factories import DatasetFactory, ModelVersionFactory, SampleFactory
from tests.training.test_attributes import RECIPE, glasses
from tests.training.trainable import small_version
from training.datasets import corrections, curations, label_issues
from training.datasets.annotations import annotate, disputed
from training.datasets.galleries import issue_gallery
from training.datasets.importing import import_files
from training.datasets.judging import judge
from training.eda import dataset_figures
from training.eda.label_noise import label_noise
from training.exams import gate
from training.exams.exam_store import figures_of, keep_outcome, outcomes
from training.exams.freezing import settled_exam
from training.forms import TrainingForm
from training.models import (
    Annotation,
    Content,
    Dataset,
    Exam,
    ExamImage,
    JobState,
    LabelIssue,
    ModelVersion,
    Sample,
)
from training.registry.figures import noise_sentences
from training.reports.downloads import card_of
from training.runs.trainings import create_training, execute, take
from vision.attributes import SHIPPED
from vision.data.labelled_files import LabelledFile
from vision.training.known_recipes import RECIPES

__all__ = ["glasses"]

IMAGES, TESTS = 280, 110
WRONG = (3, 33, 66, 93, 123, 153)  # with glasses, and labelled without
# A training's heart beats on a connection of its own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("glasses")]


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def office(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def picture(number: int, worn: bool) -> bytes:
    """Patches of its own for every number, yellowish with glasses and bluish without."""
    patches = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    patches[..., 2 if worn else 0] = 10
    data = io.BytesIO()
    Image.fromarray(patches).resize((64, 64), Image.Resampling.BICUBIC).save(data, "PNG")
    return data.getvalue()


def is_worn(number: int) -> bool:
    return number % 3 == 0


def imported(folder: Path, count: int = IMAGES) -> Dataset:
    """A dataset from a table with a column more; of every seventh image it leaves the cell out."""
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "age", "gender", "race", "glasses"])
        for number in range(count):
            name, worn = f"{number:04}.png", is_worn(number)
            (folder / name).write_bytes(picture(number, worn))
            cell = ("with" if worn else "without") if number % 7 else ""
            table.writerow([name, 20 + number % 50, number % 2, number % 5, cell])
    dataset: Dataset = DatasetFactory.create(name="optician's")
    import_files(dataset, folder, quietly)
    return dataset


def trained(dataset: Dataset, tmp_path: Path) -> ModelVersion:
    small_version(tmp_path / "small")
    tests = dataset.samples.order_by("pk")[:TESTS].values("digest")
    Content.objects.filter(digest__in=tests).update(split="test")
    run = create_training(dataset, RECIPE, backbone=None, activate=True, user=None)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    assert run.version
    return run.version


def test_a_column_of_a_table_becomes_labels_that_are_counted_and_taken_away(
    tmp_path: Path,
) -> None:
    dataset = imported(tmp_path / "in", 40)
    said = {one.name: one.labels.get("glasses") for one in dataset.samples.all()}
    assert said["0001.png"] == 0
    assert said["0003.png"] == 1
    assert said["0007.png"] is None
    summary = dataset_figures.summary(dataset)
    assert summary["counts"]["glasses"] == {"without": 22, "with": 12}
    assert list(summary["counts"]) == ["race", "gender", "glasses", "decade"]
    table = curations.split_table(curations.selection(dataset, "full"))
    rows = {row["file"]: row for row in csv.DictReader(io.StringIO(table))}
    assert [rows[name]["glasses"] for name in ("0001.png", "0003.png")] == ["without", "with"]
    assert rows["0007.png"]["glasses"] == ""


def test_labels_that_come_later_are_added_and_change_nothing_that_is_there(tmp_path: Path) -> None:
    dataset = imported(tmp_path / "in", 20)
    known, unknown = (dataset.samples.get(name=name) for name in ("0003.png", "0004.png"))
    known.labels = {**known.labels, "age": 77, "glasses": 0}
    known.save()
    unknown.labels = {name: unknown.labels[name] for name in SHIPPED}
    unknown.found = "no_face"
    unknown.save()
    assert import_files(dataset, tmp_path / "in", quietly).changed == 1
    assert import_files(dataset, tmp_path / "in", quietly).changed == 0
    known.refresh_from_db()
    assert (known.labels["age"], known.labels["glasses"]) == (77, 0)
    unknown.refresh_from_db()
    assert (unknown.labels["glasses"], unknown.reason) == (0, "no_face")


def test_it_is_trained_on_examined_compared_and_shown(tmp_path: Path, office: Client) -> None:
    dataset = imported(tmp_path / "in")
    version = trained(dataset, tmp_path)
    assert version.report["metrics"]["glasses_accuracy"] > 0.9
    assert sum(version.manifest["labels"]["classes"]["train"]["glasses"].values()) > 50
    assert Exam.objects.get().attributes == "age,gender,race,glasses"
    assert (figures_of(version) or {})["glasses_accuracy"] > 0.9
    scores = outcomes(version)
    assert scores
    flipped = {**scores.probabilities, "glasses": scores.probabilities["glasses"][:, ::-1]}
    worse = ModelVersionFactory.create(manifest=version.manifest)
    keep_outcome(Exam.objects.get(), worse, replace(scores, probabilities=flipped))
    assert any("Glasses, accuracy: 0.0" in one for one in gate.warnings(worse, version))
    assert not any("Glasses" in one for one in gate.warnings(version, worse))

    page = office.get(f"/admin/training/modelversion/{version.pk}/change/").content.decode()
    assert "Glasses, accuracy" in page
    assert "Gender, race and glasses" in page
    assert "Glasses accuracy by group" in page
    assert version.report["edits"]["as_they_are"]["glasses_accuracy"] > 0.9
    assert "| gender | glasses | race (3 labels) |" in card_of(version)
    for table in ("modelversion", "trainingrun"):
        assert "Glasses" in office.get(f"/admin/training/{table}/").content.decode()
    charts = office.get(f"/admin/training/dataset/{dataset.pk}/charts/").content.decode()
    assert "How many images carry each glasses label." in charts


def test_wrong_labels_are_found_and_put_right(tmp_path: Path, office: Client, boss: User) -> None:
    small_version(tmp_path / "small")
    dataset = imported(tmp_path / "in", 200)
    planted = dataset.samples.filter(name__in=[f"{number:04}.png" for number in WRONG])
    for sample in planted:
        sample.labels = {**sample.labels, "glasses": 0}
        sample.save()
    Content.objects.update(split="train")
    message = label_issues.review(dataset, quietly)
    assert message.parameters["total"] == sum(len(one.labels) for one in dataset.samples.all())
    # A model of so few images misses some, and may doubt one that is right.
    issues = LabelIssue.objects.filter(label="glasses")
    found = issues.filter(sample__in=planted)
    assert len(found) >= len(WRONG) / 3
    assert len(found) > len(issues) / 2
    issue = found[0]
    wrong = issue.sample
    assert (issue.suggestion, issue.value, issue.in_words) == ("with", 1, "with")

    url = f"/admin/training/dataset/{dataset.pk}/gallery/?show={issue_gallery('glasses')}"
    page = office.get(url).content.decode()
    assert "Glasses label issues (" in page
    assert "Model: with" in page
    office.post(url, {"deed": "adopt", "image": [wrong.pk]})
    wrong.refresh_from_db()
    assert wrong.labels["glasses"] == 1
    assert Annotation.objects.get(annotator=boss).labels == {"glasses": 1}


def test_what_was_declared_otherwise_once_says_nothing_and_breaks_no_page(office: Client) -> None:
    """Of glasses there were three labels, and hats were declared too."""
    sample = SampleFactory.create(further_labels={"glasses": 2, "hat": 1})
    Content.objects.update(split="train")
    for nothing in (-1, None):
        SampleFactory.create(dataset=sample.dataset, further_labels={"glasses": nothing})
    for label, suggestion in (("glasses", "sun"), ("hat", "with")):
        LabelIssue.objects.create(sample=sample, label=label, score=0.9, suggestion=suggestion)
    Annotation.objects.create(sample=sample, further_labels={"glasses": 2}, age=40)

    assert set(sample.labels) == set(SHIPPED)
    figures = dataset_figures.figures(sample.dataset)
    assert list(figures.labels_of("glasses")) == [0, 0]
    gallery = (
        f"/admin/training/dataset/{sample.dataset_id}/gallery/?show={issue_gallery('glasses')}"
    )
    assert "Model: sun" in office.get(gallery).content.decode()
    office.post(gallery, {"deed": "adopt", "image": [sample.pk]})
    huge = "9" * 30
    for path in ("", f"?glasses__exact={huge}", f"?gender__exact={huge}", f"{sample.pk}/change/"):
        assert office.get(f"/admin/training/sample/{path}").status_code == 200
    sample.labels = {**sample.labels, "age": 41}
    assert sample.further_labels == {"hat": 1}


def test_the_page_of_an_image_asks_for_it_and_lists_are_narrowed_by_it(
    office: Client, boss: User
) -> None:
    sample, other = SampleFactory.create(), SampleFactory.create(further_labels={"glasses": 0})
    url = f"/admin/training/sample/{sample.pk}/change/"
    assert 'name="glasses"' in office.get(url).content.decode()
    fields = {"age": 30, "gender": 0, "race": 0, "override": ""}
    office.post(url, {**fields, "glasses": 1})
    sample.refresh_from_db()
    assert sample.labels == {"age": 30, "gender": 0, "race": 0, "glasses": 1}
    for chosen, left_out in ((sample, other), (other, sample)):
        query: dict[str, Any] = {"glasses__exact": chosen.labels["glasses"], "o": "6"}
        page = office.get("/admin/training/sample/", query).content.decode()
        assert chosen.name in page
        assert left_out.name not in page
    office.post(url, {**fields, "glasses": ""})
    sample.refresh_from_db()
    assert "glasses" not in sample.labels


def test_people_may_disagree_on_it(boss: User) -> None:
    sample, second = SampleFactory.create(), User.objects.create_superuser("second")
    assert annotate(sample, boss, {"glasses": 1}) == []
    assert not disputed(sample.dataset).exists()
    assert annotate(sample, second, {"glasses": 0}) == ["glasses"]
    assert list(disputed(sample.dataset)) == [sample]
    sample.refresh_from_db()
    assert sample.labels["glasses"] == 1
    said = Annotation.objects.get(annotator=second)
    assert str(said) == "second: – · – · – · without"


def test_copies_that_differ_in_it_conflict_and_of_those_that_agree_the_fuller_is_used() -> None:
    dataset: Dataset = DatasetFactory.create()

    def copies(*worn: int | None) -> list[str]:
        dataset.samples.all().delete()
        for value in worn:
            further = {} if value is None else {"glasses": value}
            SampleFactory.create(dataset=dataset, digest="a" * 64, further_labels=further)
        judge(dataset)
        return list(dataset.samples.order_by("pk").values_list("reason", flat=True))

    assert copies(0, 1) == ["conflicting_classes"] * 2
    conflict = dataset.samples.first()
    assert conflict
    assert conflict.get_reason_display() == "Copies that differ in gender, race or glasses"
    assert dataset_figures.figures(dataset).copies["conflicting_class_groups"] == 1
    assert copies(None, 1) == ["exact_duplicate", ""]


def test_how_far_labels_of_near_copies_agree_is_told() -> None:
    dataset: Dataset = DatasetFactory.create()
    for worn in (0, 1):
        SampleFactory.create(dataset=dataset, group=7, further_labels={"glasses": worn})
    noise = label_noise(dataset)
    assert noise["glasses_differs"] == 1.0
    assert noise["gender_differs"] == 0.0
    assert list(noise_sentences(noise))[1] == "Labels of glasses differ in 100.0% of them."


def test_a_correction_brings_it_along() -> None:
    class Given(list[LabelledFile]):
        hold = staticmethod(lambda files: files)

    former = corrections._sources[0]
    labels = {"age": 30, "gender": 1, "race": 2, "glasses": 1}
    corrections.come_from(Given([LabelledFile("a.png", picture(1, True), labels, sender="ann")]))
    try:
        dataset: Dataset = DatasetFactory.create()
        corrections.add(dataset, quietly)
    finally:
        corrections.come_from(former)
    assert dataset.samples.get().labels == labels


def test_an_exam_gives_way_to_one_with_labels_enough_of_more_attributes() -> None:
    dataset: Dataset = DatasetFactory.create()
    for number in range(130):
        SampleFactory.create(dataset=dataset, bucket=0 if number < TESTS else (5, 10)[number % 2])
    exam = settled_exam(dataset)
    assert exam
    assert (exam.attributes, settled_exam(dataset)) == ("age,gender,race", exam)
    for sample in dataset.samples.all():
        annotate(sample, None, {"glasses": 1})
    fuller = settled_exam()
    assert fuller
    assert fuller != exam
    assert (fuller.attributes, settled_exam()) == ("age,gender,race,glasses", fuller)
    assert {image.labels["glasses"] for image in fuller.images.all()} == {1}


def test_an_attribute_that_is_declared_no_more_keeps_its_labels() -> None:
    sample: Sample = SampleFactory.create(further_labels={"hat": 1, "glasses": 0})
    assert "hat" not in sample.labels
    sample.labels = {"age": 31, "gender": 0, "race": 0}
    assert sample.further_labels == {"hat": 1}


def test_a_database_of_the_version_before_keeps_all_labels() -> None:
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate([("training", "0015_message_codes")])
    old = executor.loader.project_state([("training", "0015_message_codes")]).apps
    labels = {"age": 41, "gender": 1, "race": 3}
    dataset = old.get_model("training", "Dataset").objects.create(name="old")
    sample = old.get_model("training", "Sample").objects.create(
        dataset=dataset, name="a.jpg", **labels
    )
    old.get_model("training", "Annotation").objects.create(sample=sample, age=40)
    exam = old.get_model("training", "Exam").objects.create(dataset_name="old")
    image = {"position": 0, "digest": "a" * 64, **labels}
    old.get_model("training", "ExamImage").objects.create(exam=exam, **image)
    issue = {"label": "race", "score": 0.9, "suggestion": "asian"}
    old.get_model("training", "LabelIssue").objects.create(sample=sample, **issue)
    MigrationExecutor(connection).migrate(latest)
    assert Sample.objects.get().labels == labels
    assert Annotation.objects.get().labels == {"age": 40}
    assert ExamImage.objects.get().labels == labels
    assert Exam.objects.get().attributes == "age,gender,race"
    found = LabelIssue.objects.get()
    assert (found.suggestion, found.value, found.in_words) == ("asian", 2, "Asian")


def test_the_form_tells_which_head_a_recipe_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "glasses" not in dict(TrainingForm().fields["heads"].choices)  # type: ignore[attr-defined]
    monkeypatch.setitem(RECIPES, RECIPE.name, RECIPE)
    dataset = DatasetFactory.create()
    asked = {"dataset": dataset.pk, "recipe": "classic", "heads": ["age", "glasses"]}
    [sentence] = TrainingForm(asked).errors["heads"]
    assert "glasses" in str(sentence)
