"""What a version has learnt from is kept with it and never tests it; former versions' is found."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from tests.factories import ModelVersionFactory
from tests.training.trainable import quick, small_dataset, small_version
from training.datasets import curations, example_files, former, lineage
from training.models import Content, Dataset, JobState, ModelVersion, TrainingRun
from training.registry.figures import noise_sentences
from training.registry.figures import test_sentences as sentences
from training.registry.stored_bundles import bundle_path
from training.registry.versions import trained_on
from training.reports.downloads import zipped_bundle
from training.runs.trainings import create_training, execute, take
from vision.bundles.bundle import add_trained_on, load_bundle, save_bundle
from vision.bundles.trained_on import of_examples
from vision.data.former_splits import former_selection
from vision.data.selection import POLICIES

# Committed as in life: the run's heart beats on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    for root in ("MODEL", "TRAINING", "DATASET", "FEATURE"):
        setattr(settings, f"{root}_ROOT", tmp_path / root.lower())


@pytest.fixture
def dataset(db: None) -> Dataset:
    return small_dataset()


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def former_of(dataset: Dataset) -> tuple[str, dict[str, set[str]]]:
    """The fingerprint and the contents by split that `full` had by the former rule."""
    selection = former_selection(POLICIES["full"], former._images(dataset))
    parts: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for candidate, split in selection.chosen:
        parts[split].add(candidate.digest)
    return selection.fingerprint, parts


def splits(digests: set[str]) -> set[str]:
    return set(Content.objects.filter(digest__in=digests).values_list("split", flat=True))


def version_of(folder: Path, **manifest: Any) -> ModelVersion:
    """A version as one before kept it: without a list of what it learnt from."""
    version = small_version(folder)
    bundle = load_bundle(bundle_path(version))
    described = {k: v for k, v in bundle.manifest.items() if k not in {"trained_on", "files"}}
    name = manifest["name"]
    save_bundle(bundle_path(version).parent / name, described | manifest, bundle.tensors)
    row: ModelVersion = ModelVersionFactory.create(name=name, bundle=name)
    row.manifest = load_bundle(bundle_path(row)).manifest
    row.save()
    return row


def test_a_version_keeps_what_it_and_its_backbone_learnt_from(
    dataset: Dataset, tmp_path: Path
) -> None:
    backbone = small_version(tmp_path / "small")
    before = of_examples(["ab" * 32], [7], "e" * 64)
    backbone.manifest = add_trained_on(bundle_path(backbone), before)
    backbone.save()
    run = create_training(dataset, quick(epochs=1), backbone=backbone, activate=False, user=None)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    assert run.version
    learnt = trained_on(run.version)
    assert learnt
    curated = curations.curated(dataset, "full")
    assert learnt.holds([example.digest for example in curated.train]).all()
    assert learnt.holds(["ab" * 32]).all()
    assert not learnt.holds([example.digest for example in curated.test]).any()
    assert set(learnt.selections) == {"e" * 64, curated.fingerprint}
    assert run.version.report["left_out"] == 0
    assert run.version.report["metrics"]["n"] == len(curated.test)
    assert run.version.report["label_noise"]["pairs"] == 0


def test_images_that_the_backbone_has_seen_are_left_out_of_the_test_and_counted(
    dataset: Dataset, tmp_path: Path
) -> None:
    """A backbone from elsewhere has seen something that looks like one of the test images here."""
    exam = curations.curated(dataset, "full").test
    look = Content.objects.get(digest=exam[0].digest)
    from vision.data.near_copies import look_at

    plain = int(look_at(example_files.path_of(look.digest).read_bytes()).hashes[0, 0])
    backbone = small_version(tmp_path / "small")
    learnt = of_examples(["cd" * 32], [plain], "e")
    backbone.manifest = add_trained_on(bundle_path(backbone), learnt)
    backbone.save()
    run = create_training(dataset, quick(epochs=1), backbone=backbone, activate=False, user=None)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    assert run.version
    assert run.version.report["left_out"] == 1
    assert run.version.report["metrics"]["n"] == len(exam) - 1
    told = list(sentences(run.version.manifest, run.version.report))
    assert told == [
        "1 test image was left out, because the model was trained on it or on a near copy."
    ]
    assert told[0] in (bundle_path(run.version) / "MODEL_CARD.md").read_text()


def test_what_a_registered_version_has_learnt_from_stays_or_becomes_training(
    dataset: Dataset, tmp_path: Path
) -> None:
    tested = [example.digest for example in curations.curated(dataset, "full").test]
    backbone = small_version(tmp_path / "small")
    backbone.manifest = add_trained_on(bundle_path(backbone), of_examples(tested[:3], [], "e"))
    backbone.save()
    lineage.bring_up_to_date(quietly)
    assert splits(set(tested[:3])) == {"train"}
    dataset.refresh_from_db()
    assert [e.digest for e in curations.curated(dataset, "full").test] == tested[3:]


def test_a_former_version_is_told_by_its_fingerprint(dataset: Dataset, tmp_path: Path) -> None:
    fingerprint, parts = former_of(dataset)
    data = {"recipe": "full", "seed": 0, "fingerprint": fingerprint}
    version = version_of(tmp_path / "s", name="full-7", data=data, training={"trunk": None})
    assert list(sentences(version.manifest, {})) == [
        "Which images it was trained on cannot be told, so some of them may be among those that "
        "it was tested on."
    ]
    lineage.bring_up_to_date(quietly)
    version.refresh_from_db()
    learnt = trained_on(version)
    assert learnt
    assert learnt.holds(sorted(parts["train"])).all()
    assert len(learnt) == len(parts["train"])
    assert splits(parts["train"]) == {"train"}
    assert "test" not in splits(parts["validation"])
    assert not list(sentences(version.manifest, {}))
    # Found once, it is not looked for again.
    manifest = version.manifest
    lineage.bring_up_to_date(quietly)
    version.refresh_from_db()
    assert version.manifest == manifest


def test_what_it_was_trained_on_cannot_be_told_where_the_dataset_has_changed(
    dataset: Dataset, tmp_path: Path
) -> None:
    fingerprint, _ = former_of(dataset)
    first = dataset.samples.order_by("pk")[0]
    dataset.samples.filter(pk=first.pk).update(age=(first.age or 0) + 1)
    data = {"recipe": "full", "seed": 0, "fingerprint": fingerprint}
    version = version_of(tmp_path / "s", name="full-7", data=data, training={"trunk": None})
    lineage.bring_up_to_date(quietly)
    version.refresh_from_db()
    assert trained_on(version) is None
    assert len(list(sentences(version.manifest, {}))) == 1


def test_an_unknown_backbone_is_named(dataset: Dataset, tmp_path: Path) -> None:
    backbone = small_version(tmp_path / "small")
    run = create_training(dataset, quick(epochs=1), backbone=backbone, activate=False, user=None)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    assert run.version
    (told,) = sentences(run.version.manifest, run.version.report)
    assert f"What “{load_bundle(bundle_path(backbone)).manifest['name']}”, which it goes on" in told


def test_a_training_begun_before_the_upgrade_goes_on_with_the_same_images(
    dataset: Dataset, tmp_path: Path
) -> None:
    small_version(tmp_path / "small")
    fingerprint, parts = former_of(dataset)
    run = create_training(dataset, quick(epochs=4), backbone=None, activate=False, user=None)
    TrainingRun.objects.filter(pk=run.pk).update(former_splits=True)

    def stop(phase: str, _done: int, _total: int) -> None:
        run.refresh_from_db()
        if len(run.history.get("gender", ())) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(take(run.pk), stop)
    assert execute(take(run.pk)) == JobState.DONE
    run.refresh_from_db()
    assert len(run.history["gender"]) == 4
    assert run.version
    assert run.version.manifest["data"]["fingerprint"] == fingerprint
    assert splits(parts["train"]) == {"train"}
    learnt = trained_on(run.version)
    assert learnt
    assert len(learnt) == len(parts["train"])
    exam = {example.digest for example in curations.curated(dataset, "full").test}
    assert exam
    assert not exam & (parts["train"] | parts["validation"])
    assert run.version.report["metrics"]["n"] == len(exam)


def test_the_shipped_starter_tells_what_the_starters_before_it_learnt_from(
    settings: Any, tmp_path: Path, dataset: Dataset
) -> None:
    shipped = version_of(tmp_path / "s", name="starter-9", data={"fingerprint": "a" * 64})
    settings.STARTER_BUNDLE = bundle_path(shipped)
    tested = curations.curated(dataset, "full").test[0].digest
    learnt = of_examples([tested], [], "a" * 64) | of_examples([], [], "b" * 64)
    shipped.manifest = add_trained_on(settings.STARTER_BUNDLE, learnt)
    shipped.save()
    older = version_of_again("starter-2", shipped, {"fingerprint": "b" * 64})
    lineage.bring_up_to_date(quietly)
    older.refresh_from_db()
    assert older.manifest["trained_on"]["contents"] == 1
    assert not older.manifest["trained_on"]["unknown"]
    assert splits({tested}) == {"train"}


def version_of_again(name: str, like: ModelVersion, data: dict[str, str]) -> ModelVersion:
    bundle = load_bundle(bundle_path(like))
    described = {k: v for k, v in bundle.manifest.items() if k not in {"trained_on", "files"}}
    backbone = {"trunk": {"version": "starter-1", "fingerprint": "c" * 64}}
    about = described | {"name": name, "data": data, "training": backbone}
    save_bundle(bundle_path(like).parent / name, about, bundle.tensors)
    row: ModelVersion = ModelVersionFactory.create(name=name, bundle=name)
    row.manifest = load_bundle(bundle_path(row)).manifest
    row.save()
    return row


def test_a_versions_page_says_what_cannot_be_told_and_what_was_left_out(
    dataset: Dataset, tmp_path: Path, admin_client: Client
) -> None:
    version = small_version(tmp_path / "small")
    ModelVersion.objects.filter(pk=version.pk).update(
        manifest={k: v for k, v in version.manifest.items() if k != "trained_on"},
        report={
            "left_out": 3,
            "label_noise": {
                "pairs": 5, "age_difference": 3.8, "gender_differs": 0.025, "race_differs": 0.083,
            },
        },
    )  # fmt: skip
    address = reverse("admin:training_modelversion_change", args=[version.pk])
    page = admin_client.get(address).content.decode()
    assert "trained on cannot be told" in page
    assert "3 test images were left out" in page
    assert "ages by 3.8 years in the mean, gender in 2.5% and race in 8.3%" in page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "in 1 pair of near"), ("ko", "사본 1쌍에서")]
)
def test_one_pair_of_near_copies_is_not_called_pairs(language: str, words: str) -> None:
    noise = {"pairs": 1, "age_difference": 2, "gender_differs": 0, "race_differs": 0}
    with override(language):
        (sentence,) = noise_sentences(noise)
    assert words in sentence


def test_the_list_goes_where_the_bundle_goes(tmp_path: Path) -> None:
    version = small_version(tmp_path / "small")
    version.manifest = add_trained_on(bundle_path(version), of_examples(["ab" * 32], [7], "e"))
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped_bundle(version)))) as archive:
        archive.extractall(tmp_path / "taken")
    learnt = load_bundle(tmp_path / "taken" / version.bundle).trained_on
    assert learnt
    assert learnt.holds(["ab" * 32]).all()


def test_the_command_compares_what_waits(dataset: Dataset, capsys: Any) -> None:
    call_command("find_copies")
    assert "Compared 80 images with all others." in capsys.readouterr().out
    call_command("find_copies")
    assert "Compared 0 images" in capsys.readouterr().out


def test_migrating_keeps_contents_once_and_remembers_what_was_begun() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("training", "0004_progress_and_start")])
    try:
        apps = executor.loader.project_state([("training", "0004_progress_and_start")]).apps
        dataset = apps.get_model("training", "Dataset").objects.create(name="old")
        sample = apps.get_model("training", "Sample").objects
        for n, bucket in enumerate((0, 1, 2, 10, 11, 19, 0)):
            digest = hashlib.sha256(str(bucket).encode()).hexdigest()
            sample.create(
                dataset=dataset, name=f"{n}.jpg", digest=digest, bucket=bucket,
                perceptual_hash=digest[:16],
            )  # fmt: skip
        sample.create(dataset=dataset, name="broken.jpg", digest="")
        runs = apps.get_model("training", "TrainingRun").objects
        begun = {"dataset": dataset, "recipe": {}, "started_at": "2026-11-25T00:00Z"}
        cut_off = runs.create(state="interrupted", **begun)
        done = runs.create(state="done", **begun)
        waiting = runs.create(state="queued", dataset=dataset, recipe={})
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    rows = Content.objects.order_by("pk")
    assert [content.split for content in rows] == [
        "test", "test", "train", "validation", "validation", "train",
    ]  # fmt: skip
    assert all(content.group == content.pk and not content.compared for content in rows)
    former_runs = TrainingRun.objects.filter(former_splits=True).values_list("pk", flat=True)
    assert list(former_runs) == [cut_off.pk]
    assert {done.pk, waiting.pk} == set(
        TrainingRun.objects.filter(former_splits=False).values_list("pk", flat=True)
    )
