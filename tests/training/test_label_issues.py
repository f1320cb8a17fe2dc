"""Finding label issues: planted ones are found, with features of the model that ships."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F
from PIL import Image

from tests.factories import DatasetFactory
from tests.training.utkface import write_folder
from training.datasets import example_files, label_issues
from training.datasets.importing import import_files
from training.jobs import lifecycle
from training.messages import in_words
from training.models import Content, Dataset, LabelIssue, ReviewRun
from vision.attributes import RACE

pytestmark = pytest.mark.django_db

_HUES = [(220, 220, 220), (30, 30, 30), (220, 40, 40), (40, 200, 40), (150, 60, 220)]
_PLANTED = {4: "gender", 11: "gender", 24: "race", 57: "race"}  # images that carry a wrong label


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "kept"
    settings.FEATURE_ROOT = tmp_path / "features"


def picture(number: int) -> bytes:
    """One half is in a colour of its race, the other plain or striped by its gender.

    No backbone can take one for the other: this is about what is searched for, not about how sure a
    backbone is. The search lists an error only where the right label gets as large a share as is
    usual among images that carry it.
    """
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 30, (96, 96, 3))
    pixels[:, :48] += _HUES[number % 5]
    if number % 2 == 0:
        pixels[::2, 48:] += 200
    data = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def make_dataset(tmp_path: Path, count: int) -> tuple[Dataset, dict[str, str]]:
    """A dataset whose labels can be seen, some of which are wrong: file → label."""
    made, wrong = {}, {}
    for number in range(count):
        planted = _PLANTED.get(number)
        gender = number % 2 ^ (planted == "gender")
        race = (number + 2 * (planted == "race")) % 5
        name = f"{20 + number % 50}_{gender}_{race}_{number:05}.png"
        made[name] = picture(number)
        if planted:
            wrong[name] = planted
    dataset: Dataset = DatasetFactory.create(name="Planted")
    import_files(dataset, write_folder(tmp_path / "in", made), lambda *_: None)
    # Pictures this plain look like copies of each other, and so all of them train.
    dataset.samples.update(found="", reason="", group=F("pk"))
    return dataset, wrong


def test_planted_label_errors_are_found_with_the_right_estimate(tmp_path: Path) -> None:
    dataset, wrong = make_dataset(tmp_path, 120)
    phases: list[str] = []
    message = label_issues.review(dataset, lambda phase, *_: phases.append(phase))
    flagged = set(LabelIssue.objects.values_list("sample__name", "label"))
    assert set(wrong.items()) <= flagged
    assert len(flagged) <= len(wrong) + 12
    assert in_words(message).startswith(f"{len(flagged)} of 360 labels look wrong")
    assert {"features", "labels"} <= set(phases)
    for number, label in _PLANTED.items():
        issue = LabelIssue.objects.get(sample__name__endswith=f"_{number:05}.png", label=label)
        truth = ["male", "female"][number % 2] if label == "gender" else RACE.labels[number % 5]
        assert issue.suggestion == truth
        assert 0.5 < issue.score <= 1


def test_the_command_lists_the_doubts_and_a_second_search_replaces_them(tmp_path: Path) -> None:
    dataset, wrong = make_dataset(tmp_path, 120)
    former = dataset.samples.all()[0]
    LabelIssue.objects.create(sample=former, label="age", score=2.0, suggestion="0")
    text = io.StringIO()
    call_command("find_label_errors", dataset="Planted", json=True, stdout=text)
    found = json.loads(text.getvalue())
    assert set(wrong) <= {issue["name"] for issue in found}
    for label in ("age", "gender", "race"):
        issues = [issue["doubt"] for issue in found if issue["doubtful_label"] == label]
        assert issues == sorted(issues, reverse=True)
        assert max(issues, default=0) <= 1
    labels = [issue["doubtful_label"] for issue in found]
    assert set(labels[:2]) == {"gender", "race"}  # each label's likeliest first


def test_of_test_images_no_estimate_is_kept_and_the_doubted_are_mixed_with_others(
    tmp_path: Path,
) -> None:
    dataset, wrong = make_dataset(tmp_path, 120)
    Content.objects.update(split="test")
    label_issues.review(dataset, lambda *_: None)
    assert not LabelIssue.objects.exists()
    to_check = set(dataset.samples.filter(to_check=True).values_list("name", flat=True))
    assert set(wrong) <= to_check
    assert len(to_check) >= 2 * len(wrong)
    everything = [name for name in to_check if name not in wrong]
    assert len(everything) >= len(wrong)


def test_an_age_is_doubted_by_what_is_usual_at_that_age() -> None:
    rng = np.random.default_rng(0)
    years = np.concatenate([np.full(500, 5.0), np.full(500, 60.0)])
    ages = years + np.concatenate([rng.normal(0, 1.5, 500), rng.normal(0, 9, 500)])
    ages[0], ages[500] = 17, 72  # both twelve years off
    issues = label_issues.age_issue_scores(ages, years)
    assert issues[0] > 0.8
    assert issues[500] < 0.3
    assert issues.argmax() == 0


def test_too_few_images_are_refused_with_words(tmp_path: Path) -> None:
    make_dataset(tmp_path, 10)
    with pytest.raises(CommandError, match="fewer than 50 images"):
        call_command("find_label_errors", dataset="Planted")


def test_the_command_names_a_dataset_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="no dataset called 'nowhere'"):
        call_command("find_label_errors", dataset="nowhere")


def test_one_search_at_a_time(user: User) -> None:
    dataset: Dataset = DatasetFactory.create()
    first = label_issues.request_review(dataset, user)
    assert label_issues.request_review(dataset, user) == first
    lifecycle.cancel(first)
    assert label_issues.request_review(dataset, user) != first


def test_a_search_that_fails_tells_why(user: User) -> None:
    run = label_issues.request_review(DatasetFactory.create(), user)
    label_issues.work(run.pk)
    ended = ReviewRun.objects.get(pk=run.pk)
    assert ended.state == "failed"
    assert "fewer than 50 images" in ended.sentence


def test_an_image_whose_file_is_gone_fails_the_search_and_nothing_else(
    tmp_path: Path, user: User
) -> None:
    dataset, _wrong = make_dataset(tmp_path, 60)
    sample = dataset.samples.first()
    assert sample
    example_files.path_of(sample.digest).unlink()
    run = label_issues.request_review(dataset, user)
    label_issues.work(run.pk)
    ended = ReviewRun.objects.get(pk=run.pk)
    assert ended.state == "failed"
    assert not LabelIssue.objects.exists()
