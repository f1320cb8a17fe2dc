"""Every version is scored on the exam: when it is made, and at an upgrade; cut off, it goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.factories import ModelVersionFactory
from tests.training.trainable import quick, small_dataset, small_version
from tests.training.training_runs import lose_workers, training_run
from training import tasks
from training.datasets import curations
from training.exams import exam_runs
from training.exams.exam_runs import examine_all, queue_where_due, request_examination
from training.exams.exam_store import figures_of, images_of, outcomes, paired_outcomes
from training.exams.freezing import settled_exam
from training.jobs import lifecycle
from training.messages import in_words
from training.models import Dataset, Exam, ExamOutcome, ExamRun, JobState, ModelVersion, TrainingRun
from training.registry.loading import load_engine
from training.registry.stored_bundles import bundle_path
from training.registry.versions import register_bundle
from training.runs import publishing
from training.runs.trainings import create_training, execute, take
from vision.bundles.bundle import WEIGHTS, add_trained_on, load_bundle, save_bundle
from vision.bundles.trained_on import of_examples
from vision.data.labelled_files import LabelledFile
from vision.evaluation.evaluate import evaluate

# Committed as in life: a run's heart beats on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


@pytest.fixture
def small(db: None, tmp_path: Path) -> ModelVersion:
    return small_version(tmp_path / "small")


@pytest.fixture
def exam(dataset: Dataset) -> Exam:
    exam = settled_exam(dataset)
    assert exam
    return exam


@pytest.fixture
def before(dataset: Dataset, small: ModelVersion) -> list[ModelVersion]:
    """A site with two versions and a training, from before there was an exam."""
    second = register_bundle(bundle_path(small), "second")
    training_run(JobState.DONE, dataset=dataset, version=second)
    return [small, second]


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def trained(dataset: Dataset) -> TrainingRun:
    run = create_training(dataset, quick(epochs=1), backbone=None, activate=False, user=None)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    return run


def test_a_training_freezes_its_exam_and_scores_what_it_makes_and_what_serves(
    dataset: Dataset, small: ModelVersion
) -> None:
    version = trained(dataset).version
    assert version
    exam = Exam.objects.get()
    assert exam.images.count() == len(curations.curated(dataset, "full").test) == 8
    assert set(exam.outcomes.values_list("version__name", flat=True)) == {"small", version.name}
    # The same images and labels as its own test, scored by themselves.
    for figure in ("n", "gender_accuracy"):
        assert figures_of(version)[figure] == version.report["metrics"][figure]  # type: ignore[index]
    pair = paired_outcomes(version, small)
    assert pair
    # It was trained for gender alone, on the same backbone; it has crops read as training measured.
    np.testing.assert_allclose(pair[0].years, pair[1].years, rtol=0.01)
    assert not np.allclose(
        pair[0].probabilities["gender"], pair[1].probabilities["gender"], rtol=0.01
    )
    assert pair[0].labels["age"].tolist() == [image.labels["age"] for image in images_of(exam)]


def test_a_calibration_is_scored_and_what_it_is_compared_with(
    dataset: Dataset, small: ModelVersion
) -> None:
    call_command("calibrate", "--name", "new", "--json")
    assert Exam.objects.get().dataset_name == dataset.name
    new, old = (outcomes(ModelVersion.objects.get(name=name)) for name in ("new", "small"))
    assert new
    assert old
    assert len(new) == len(old) == 8


def test_an_outcome_is_what_evaluate_says_of_the_same_images(
    exam: Exam, small: ModelVersion
) -> None:
    examine_all(quietly)
    files = [LabelledFile(i.digest, i.path.read_bytes(), i.labels) for i in images_of(exam)]
    expected = evaluate(load_engine(load_bundle(bundle_path(small))), files)
    found = figures_of(small)
    assert found
    for figure, value in found.items():
        assert value == pytest.approx(expected[figure], abs=2e-4), figure


def test_the_network_is_asked_once_about_an_image_of_both_tests(
    dataset: Dataset, exam: Exam, small: ModelVersion
) -> None:
    told: list[tuple[str, int, int]] = []
    bundle, own = load_bundle(bundle_path(small)), curations.curated(dataset, "full").test
    both = publishing.findings_of(bundle, own, dataset, exam, lambda *step: told.append(step))
    assert [step for step in told if step[0] == "exam"] == [("exam", 8, 8)]
    told.clear()
    half = publishing.findings_of(bundle, own[:3], dataset, exam, lambda *step: told.append(step))
    assert [step for step in told if step[0] == "exam"] == [("exam", 3, 8), ("exam", 8, 8)]
    assert both.outcome
    assert half.outcome
    np.testing.assert_allclose(half.outcome[1].years, both.outcome[1].years, rtol=1e-4)


def test_labels_that_changed_since_count_for_the_datasets_test_alone(
    dataset: Dataset, exam: Exam, small: ModelVersion
) -> None:
    examine_all(quietly)
    before = figures_of(small)
    digests = [image.digest for image in images_of(exam)]
    dataset.samples.filter(digest__in=digests).update(age=100)
    call_command("calibrate", "--name", "new", "--json")
    ExamOutcome.objects.filter(version=small).delete()
    examine_all(quietly)
    assert figures_of(small) == before
    new = ModelVersion.objects.get(name="new")
    assert new.report["metrics"]["age_mae"] > figures_of(new)["age_mae"] + 10  # type: ignore[index]


def test_a_deleted_dataset_leaves_the_exam_to_be_sat(
    dataset: Dataset, exam: Exam, small: ModelVersion, admin_client: Any
) -> None:
    url = f"/admin/training/dataset/{dataset.pk}/delete/"
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert not Dataset.objects.exists()
    done = examine_all(quietly)
    assert done.examined == ("small",)
    assert figures_of(small)["n"] == 8  # type: ignore[index]


def test_what_a_version_has_learnt_from_is_not_scored(exam: Exam, small: ModelVersion) -> None:
    images = images_of(exam)
    known = of_examples([image.digest for image in images[:2]], [], "e")
    small.manifest = add_trained_on(bundle_path(small), known)
    small.save()
    examine_all(quietly)
    found = outcomes(small)
    assert found
    assert np.isnan(found.years).tolist() == [True] * 2 + [False] * 6
    assert figures_of(small)["n"] == 6  # type: ignore[index]


def test_at_an_upgrade_all_versions_are_scored_in_the_background(
    before: list[ModelVersion], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcomes(before[0]) is None
    call_command("register_starter")
    assert "Versions wait to be scored on the exam" in capsys.readouterr().out
    run = ExamRun.objects.get()
    assert run.state == JobState.QUEUED
    ModelVersion.objects.filter(name__startswith="starter").delete()  # large: 96 pixels
    exam_runs.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.sentence) == (JobState.DONE, "2 versions were scored on the exam.")
    assert all(outcomes(version) for version in before)
    assert not queue_where_due()
    assert ExamRun.objects.count() == 1


def test_a_site_that_never_trained_has_nothing_to_examine(
    dataset: Dataset, small: ModelVersion
) -> None:
    assert not queue_where_due()
    with pytest.raises(CommandError, match="There is no exam yet"):
        call_command("examine")


def test_a_broken_version_is_named_and_the_others_are_scored(before: list[ModelVersion]) -> None:
    (bundle_path(before[0]) / WEIGHTS).write_bytes(b"x")
    run = request_examination(None)
    exam_runs.work(run.pk)
    run.refresh_from_db()
    assert run.state == JobState.DONE
    assert run.sentence.startswith(
        "1 version was scored on the exam. “small” could not be examined: "
    )
    assert outcomes(before[1])


def test_a_backbone_without_heads_is_not_waited_for(exam: Exam, small: ModelVersion) -> None:
    bundle = load_bundle(bundle_path(small))
    folder = bundle_path(small).parent / "bare"
    save_bundle(folder, {**bundle.manifest, "heads": {}}, bundle.tensors)
    row = ModelVersionFactory.create(name="bare", bundle="bare")
    row.manifest = load_bundle(folder).manifest
    row.save()
    assert examine_all(quietly).examined == ("small",)
    assert not queue_where_due()


def test_an_examination_that_is_cut_off_goes_on_with_the_version_it_was_at(
    before: list[ModelVersion],
) -> None:
    def stop(phase: str, _done: int, _total: int) -> None:
        if phase == "exam" and ExamOutcome.objects.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine_all(stop)
    first = ExamOutcome.objects.get()
    assert examine_all(quietly).examined == ("second",)
    assert ExamOutcome.objects.get(version=before[0]) == first
    assert examine_all(quietly).examined == ()


def test_an_examination_whose_worker_is_lost_is_resumed(before: list[ModelVersion]) -> None:
    run = request_examination(None)
    assert lifecycle.take(ExamRun, run.pk)
    assert request_examination(None) == run  # one at a time
    lose_workers()
    lifecycle.sweep()
    run.refresh_from_db()
    assert run.state == JobState.INTERRUPTED
    assert lifecycle.resume(run)
    exam_runs.work(run.pk)
    run.refresh_from_db()
    assert run.state == JobState.DONE
    assert all(outcomes(version) for version in before)


def test_an_examination_whose_worker_is_lost_goes_on_by_itself_but_not_for_ever(
    before: list[ModelVersion],
) -> None:
    assert queue_where_due()
    run = ExamRun.objects.get()
    for _ in range(3):
        assert lifecycle.take(ExamRun, run.pk)
        lose_workers()
        tasks.sweep()
        run.refresh_from_db()
    assert run.state == JobState.INTERRUPTED  # the third time it waits for somebody
    tasks.sweep()
    run.refresh_from_db()
    assert run.state == JobState.INTERRUPTED
    assert lifecycle.resume(run)
    exam_runs.work(run.pk)
    run.refresh_from_db()
    assert run.state == JobState.DONE


def test_what_somebody_cancelled_does_not_go_on_by_itself(before: list[ModelVersion]) -> None:
    run = request_examination(None)
    lifecycle.cancel(run)
    tasks.sweep()
    run.refresh_from_db()
    assert run.state == JobState.CANCELLED


def test_images_of_the_exam_that_are_lost_cost_no_training(
    dataset: Dataset, exam: Exam, small: ModelVersion
) -> None:
    lost = images_of(exam)[0]
    lost.path.unlink()
    failed = examine_all(quietly).failed
    assert {name: in_words(why) for name, why in failed.items()} == {
        "small": "1 image of the exam cannot be read any more. Please import “tiny” again."
    }
    own = [one for one in curations.curated(dataset, "full").test if one.digest != lost.digest]
    found = publishing.findings_of(load_bundle(bundle_path(small)), own, dataset, exam, quietly)
    assert found.report["metrics"]["n"] == 7
    assert found.outcome is None


def test_the_command_tells_all_figures(
    before: list[ModelVersion], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("examine", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["exam"]["dataset"] == "tiny"
    assert (told["exam"]["images"], told["exam"]["versions"]) == (8, 2)
    assert told["examined"] == ["small", "second"]
    assert told["failed"] == {}
    assert [one["model_version"] for one in told["versions"]] == ["small", "second"]
    assert told["versions"][0]["age_mae"] == figures_of(before[0])["age_mae"]  # type: ignore[index]
    call_command("examine", "--json")
    assert json.loads(capsys.readouterr().out)["examined"] == []
