"""What speaks against a version is said before it takes over, and nothing else is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from tests.factories import ModelVersionFactory
from tests.training.examined import exam_of, examined, without
from tests.training.reports import HEADS, group, metrics
from tests.vision.answers import older, saying, two_models, wrong
from training.exams import gate
from training.models import ModelVersion
from vision.evaluation.scores import Scores

pytestmark = pytest.mark.django_db

THREE = HEADS | {"race": {"output": "classes", "labels": ["white", "black", "asian"]}}
OLD, _ = two_models()


def serves(scores: Scores = OLD, **fields: Any) -> ModelVersion:
    return examined(scores, is_active=True, activated_at=timezone.now(), **fields)


def served(scores: Scores, days_ago: int) -> ModelVersion:
    """A version that was made and served so many days ago."""
    then = timezone.now() - timedelta(days=days_ago)
    version = examined(scores, activated_at=then)
    ModelVersion.objects.filter(pk=version.pk).update(created_at=then)
    version.refresh_from_db()
    return version


def warned(new: Scores, old: Scores = OLD) -> list[str]:
    """What is said against a version with these answers where another serves."""
    serving = serves(old)
    return gate.warnings(examined(new), serving)


# No worse, or not


def test_nothing_is_said_of_the_same_a_better_or_a_first_version() -> None:
    serving = serves()
    assert gate.warnings(examined(OLD), serving) == []
    assert gate.warnings(examined(older(OLD, -0.3)), serving) == []
    assert gate.warnings(serving, serving) == []
    assert gate.warnings(examined(older(OLD, 30.0)), None) == []


def test_what_is_worse_is_told_with_both_figures_and_by_how_much() -> None:
    sentences = warned(older(OLD, 0.3))
    now, then = older(OLD, 0.3).outcomes["age_mae"].mean(), OLD.outcomes["age_mae"].mean()
    assert f"{now:.2f} instead of the {then:.2f}" in sentences[0]
    assert "on the same 1127 images; it is worse, by 0.300 to 0.300" in sentences[0]


@pytest.mark.parametrize("head", ["gender", "race"])
def test_half_a_point_is_seen(head: str) -> None:
    """As the old margins, meant for twice as many images and unpaired, did not."""
    assert any("accuracy" in sentence for sentence in warned(wrong(OLD, head, 0.007)))


def test_what_the_exam_cannot_show_to_be_no_worse_waits_too() -> None:
    """Two models that are equal but for chance, of which one has four answers fewer."""
    shares = OLD.probabilities["gender"].copy()
    right = shares.argmax(axis=1) == OLD.labels["gender"]
    lost, won = np.flatnonzero(right)[:12], np.flatnonzero(~right)[:8]
    shares[[*lost, *won]] = shares[[*lost, *won]][:, ::-1]
    (sentence,) = warned(saying(OLD, gender=shares))
    assert "it may be worse by up to 0.009, and 0.005 are allowed" in sentence


def test_groups_that_lose_share_one_sentence_and_the_others_are_not_named() -> None:
    asian_women = (OLD.labels["race"] == 2) & (OLD.labels["gender"] == 1)
    black_men = (OLD.labels["race"] == 1) & (OLD.labels["gender"] == 0)
    new = older(older(OLD, 2.4, asian_women), 2.4, black_men)
    (groups,) = [one for one in warned(new) if "for these groups" in one]
    assert "Asian, female" in groups
    assert "Black, male" in groups
    assert "White" not in groups


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        (
            "Asian, female",
            lambda: older(OLD, 2.4, (OLD.labels["race"] == 2) & (OLD.labels["gender"] == 1)),
        ),
        ("70+", lambda: wrong(OLD, "gender", 0.18, OLD.labels["age"] >= 70)),
        (
            "Indian, female",
            lambda: wrong(
                OLD, "race", 0.21, (OLD.labels["race"] == 3) & (OLD.labels["gender"] == 1)
            ),
        ),
    ],
)
def test_a_group_that_loses_does_not_pass_even_where_all_together_gain(
    name: str, spoil: Any
) -> None:
    better = older(spoil(), -0.6)
    better = saying(
        better, race=np.where(OLD.labels["age"][:, None] == 30, 0, better.probabilities["race"])
    )
    assert any("for these groups" in one and name in one for one in warned(better))


# What cannot be compared


def test_a_version_that_has_not_been_examined_waits() -> None:
    serving = serves()
    new = ModelVersionFactory.create(manifest={"heads": HEADS})
    (sentence,) = gate.warnings(new, serving)
    assert "not examined" in sentence
    assert "manage.py examine" in sentence
    other = ModelVersionFactory.create(manifest={"heads": HEADS})
    assert any("not examined" in one for one in gate.warnings(examined(OLD), other))


def test_too_few_images_that_neither_has_learnt_from_are_no_comparison() -> None:
    exam_of(OLD)
    serving = serves(without(OLD, slice(0, 1100)))
    (sentence,) = gate.warnings(examined(OLD), serving)
    assert "27 images that neither has learnt from; 100 are needed" in sentence


def test_what_the_new_version_cannot_do_any_more_is_named() -> None:
    serving = serves()
    heads = {name: head for name, head in HEADS.items() if name != "gender"}
    silent = saying(OLD, gender=np.full_like(OLD.probabilities["gender"], np.nan))
    (sentence,) = gate.warnings(examined(silent, manifest={"heads": heads}), serving)
    assert "does not estimate the gender" in sentence


def test_fewer_race_labels_are_named_and_compared_by_what_both_know() -> None:
    serving = serves()
    of_three = OLD.probabilities["race"] * [1, 1, 1, 0, 0]
    new = examined(saying(OLD, race=of_three), manifest={"heads": THREE})
    (sentence,) = gate.warnings(new, serving)
    assert "Indian, Others" in sentence
    # The other way round nothing is lost.
    assert gate.warnings(serving, new) == []
    spoilt = wrong(saying(OLD, race=of_three), "race", 0.1, OLD.labels["race"] < 3)
    worse = gate.warnings(examined(spoilt, manifest={"heads": THREE}), serving)
    assert any(one.startswith("Race, accuracy over three labels: ") for one in worse)


# Losses that would add up


def test_the_reference_is_what_served_first_until_another_is_shown_to_be_better() -> None:
    assert gate.references() == {}
    first = served(OLD, days_ago=9)
    served(older(OLD, 0.05), days_ago=8)
    assert gate.references() == {"age": first, "gender": first, "race": first}
    better = served(older(OLD, -0.2), days_ago=7)
    expected = {"age": better, "gender": first, "race": first}
    assert gate.references() == expected
    served(wrong(older(OLD, -0.5), "gender", 0.02), days_ago=6)
    assert gate.references() == expected
    examined(older(OLD, -3.0))  # has never served
    assert gate.references() == expected


def test_what_is_not_examined_or_has_learnt_from_the_exam_is_no_reference() -> None:
    ModelVersionFactory.create(activated_at=timezone.now())
    served(without(OLD, slice(0, 900)), days_ago=9)
    assert gate.references() == {}
    silent = served(replace(OLD, years=np.full(len(OLD), np.nan)), days_ago=8)
    assert gate.references() == {"gender": silent, "race": silent}
    known = served(OLD, days_ago=7)
    assert gate.references() == {"gender": silent, "race": silent, "age": known}


def test_small_losses_do_not_add_up() -> None:
    """Each is worse by a twentieth of a year than the one before, which passes by itself."""
    served(OLD, days_ago=9)
    second = served(older(OLD, 0.05), days_ago=8)
    third = examined(older(OLD, 0.09))
    fourth = examined(older(OLD, 0.14))
    assert gate.warnings(second, ModelVersion.objects.order_by("created_at")[0]) == []
    assert gate.warnings(third, second) == []
    first = gate.references()["age"]
    against = gate.warnings(fourth, third)
    assert against
    assert all(f"of “{first.name}”" in sentence for sentence in against)


def righter(scores: Scores, head: str, images: int) -> Scores:
    """With so many more right answers of one head."""
    labels, shares = scores.labels[head], scores.probabilities[head].copy()
    won = np.flatnonzero(shares.argmax(axis=1) != labels)[:images]
    shares[won] = np.eye(shares.shape[1])[labels[won]]
    return saying(scores, **{head: shares})


def test_gains_in_one_figure_do_not_cover_losses_in_another() -> None:
    """Each version that serves is a little better at gender, and a little worse at age."""
    first = served(OLD, days_ago=9)
    second = served(righter(older(OLD, 0.07), "gender", 4), days_ago=8)
    assert gate.warnings(second, first) == []
    third = examined(righter(older(OLD, 0.14), "gender", 8))
    against = gate.warnings(third, second)
    assert against
    assert all(f"of “{first.name}”" in sentence for sentence in against)


# What limits a comparison, and what labels say


def test_what_limits_a_comparison_is_remarked_but_does_not_warn() -> None:
    few = np.flatnonzero(OLD.labels["age"] >= 70)[5:]
    kept = OLD.where(~np.isin(np.arange(len(OLD)), few))
    serving = serves(kept, report={"metrics": metrics()})
    new = examined(kept, report={"metrics": metrics(groups=[group(n=61)])})
    assert gate.warnings(new, serving) == []
    remarks = gate.remarks(new, serving)
    too_small = [one for one in remarks if "too few images to tell" in one]
    assert all("70+ (5)" in one for one in too_small[:2])
    assert len(too_small) == 2
    assert "different images" in remarks[-1]
    assert gate.remarks(new, new) == gate.remarks(new, None) == []


def labelled(agreement: dict[str, Any] | None = None, **counts: Any) -> dict[str, Any]:
    """A manifest of a version that has learnt from and was tested on enough of everybody."""
    races = dict.fromkeys(HEADS["race"]["labels"], 100)
    enough = {"gender": {"male": 250, "female": 250}, "race": races}
    classes = {"train": enough, "test": enough} | counts
    return {"heads": HEADS, "labels": {"classes": classes, "agreement": agreement}}


def test_a_class_without_images_is_named_whether_or_not_a_version_serves() -> None:
    men = {"gender": {"male": 500, "female": 0}, "race": dict.fromkeys(HEADS["race"]["labels"], 9)}
    new = examined(OLD, manifest=labelled(train=men))
    for serving in (None, serves()):
        gender, race = gate.warnings(new, serving)
        assert gender == "It has learnt from too few images of: female (0)."
        assert "White (9), Black (9), Asian (9), Indian (9), Others (9)" in race
    (own_test,) = gate.warnings(
        examined(
            OLD,
            manifest=labelled(test=men | {"race": labelled()["labels"]["classes"]["test"]["race"]}),
        ),
        None,
    )
    assert own_test == "Its own test has too few images of: female (0)."


def test_labels_that_a_head_does_not_know_are_not_missed() -> None:
    races = {"white": 50, "black": 50, "asian": 50, "indian": 0, "others": 0}
    counts = {"gender": {"male": 75, "female": 75}, "race": races}
    manifest = labelled(train=counts, test=counts) | {"heads": THREE}
    assert gate.warnings(examined(OLD, manifest=manifest), None) == []


def test_a_test_of_25_images_is_told() -> None:
    races = dict.fromkeys(HEADS["race"]["labels"], 10)
    few = {"gender": {"male": 12, "female": 13}, "race": races}
    (sentence,) = gate.warnings(examined(OLD, manifest=labelled(test=few)), serves())
    assert "Its own test has 25 images" in sentence


def test_labels_that_contradict_what_serves_are_told() -> None:
    serving = serves()
    told = {"version": serving.name, "n": 300, "age": 0.7, "gender": 0.06, "race": 0.8}
    (sentence,) = gate.warnings(examined(OLD, manifest=labelled(told)), serving)
    assert f"labels of the gender that it has learnt contradict “{serving.name}”" in sentence
    assert "of 300 images they agree in 6%" in sentence
    agreeing = told | {"gender": 0.6}
    assert gate.warnings(examined(OLD, manifest=labelled(agreeing)), serving) == []


def test_heads_that_were_not_trained_have_learnt_nothing_of_the_labels() -> None:
    races = dict.fromkeys(HEADS["race"]["labels"], 100)
    men = {"gender": {"male": 500, "female": 0}, "race": races}
    told = {"version": "old", "n": 300, "age": 0.7, "gender": 0.06, "race": 0.01}
    manifest = labelled(told, train=men) | {"training": {"recipe": {"heads": {"race": {}}}}}
    (sentence,) = gate.warnings(examined(OLD, manifest=manifest), serves())
    assert "labels of the race" in sentence


def test_who_is_often_wrong_is_contradicted_by_less() -> None:
    """Nor is one that tells one race of five by labels that it gives as often."""
    poor = saying(OLD, race=np.tile([0.6, 0.1, 0.1, 0.1, 0.1], (len(OLD), 1)))
    told = {"version": "poor", "n": 300, "age": 0.7, "gender": 0.94, "race": 0.4}
    assert gate.warnings(examined(poor, manifest=labelled(told)), serves(poor)) == []
