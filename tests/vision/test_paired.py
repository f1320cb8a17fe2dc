"""Two models on the same images: what is shown of the difference, on the whole and for groups."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.vision.answers import older, saying, two_models, wrong
from vision.attributes import RACE
from vision.evaluation.paired import FALSE_ALARMS, GroupLoss, Loss, by_group, overall
from vision.evaluation.scores import Scores

FIGURES = ("age_mae", "gender_accuracy", "race_accuracy")
FIRST, OTHER = two_models()


def loss(new: Scores, figure: str, old: Scores = FIRST) -> Loss:
    (found,) = overall(new, old, [figure])
    return found


def worse(new: Scores, old: Scores = FIRST) -> dict[tuple[str, str], GroupLoss]:
    """The groups that are shown to lose, by their names and the figure."""
    found = by_group(new, old, FIGURES)
    return {(" ".join(one.group.values()), one.loss.figure): one for one in found if one.is_worse}


def test_a_loss_is_the_difference_of_the_figures_on_the_same_images() -> None:
    new = older(OTHER, 0.3)
    for figure in FIGURES:
        found = loss(new, figure)
        now, then = new.outcomes[figure].mean(), FIRST.outcomes[figure].mean()
        assert (found.new, found.old, found.n) == (now, then, 1127)
        sign = 1 if figure == "age_mae" else -1
        assert found.loss == pytest.approx(sign * (now - then))
        assert found.low < found.loss < found.high
    assert loss(new, "age_mae").loss == pytest.approx(0.3, abs=0.1)


def test_the_bounds_are_those_of_paired_means_and_shares() -> None:
    """By hand: 10 years of spread in 100 differences, and 3 answers lost and 1 won of 100."""
    hundred, _other = two_models(100)
    years = np.where(np.arange(100) % 2, 10.0, -10.0)
    old = replace(hundred, years=np.asarray(hundred.labels["age"] + 50.0, np.float64))
    found = loss(replace(hundred, years=old.years + years), "age_mae", old)
    assert (found.low, found.high) == pytest.approx(
        (-1.2816 * 10.0504 / 10, 1.2816 * 10.0504 / 10), abs=1e-3
    )
    right = np.tile([1.0, 0.0], (100, 1))
    gained, lost = right.copy(), right.copy()
    gained[0], lost[1:4] = (0.0, 1.0), (0.0, 1.0)
    men = replace(hundred, labels={**hundred.labels, "gender": np.zeros(100, np.int64)})
    found = loss(saying(men, gender=lost), "gender_accuracy", saying(men, gender=gained))
    centre, error = 2 / 102, ((5 / 102 - (2 / 102) ** 2) / 102) ** 0.5
    assert (found.low, found.high) == pytest.approx(
        (centre - 1.2816 * error, centre + 1.2816 * error), abs=1e-5
    )


def test_the_same_answers_lose_nothing_and_that_is_shown_only_where_there_are_enough() -> None:
    for figure in FIGURES:
        assert loss(FIRST, figure).is_no_worse
        few = FIRST.where(np.arange(len(FIRST)) < 25)
        assert loss(few, figure, few).is_no_worse == (figure == "age_mae")


@pytest.mark.parametrize(
    ("new", "figure"),
    [
        (older(FIRST, 0.11), "age_mae"),
        (wrong(FIRST, "gender", 0.008), "gender_accuracy"),
        (wrong(FIRST, "race", 0.008), "race_accuracy"),
    ],
)
def test_what_is_worse_by_more_than_the_margin_is_not_shown_to_be_no_worse(
    new: Scores, figure: str
) -> None:
    assert not loss(new, figure).is_no_worse
    assert loss(new, figure).low > 0
    assert loss(FIRST, figure, new).is_no_worse


def test_images_that_either_is_silent_about_do_not_count() -> None:
    silent = FIRST.years.copy()
    silent[:1000] = np.nan
    assert loss(replace(FIRST, years=silent), "age_mae").n == 127
    assert overall(replace(FIRST, years=np.full(1127, np.nan)), FIRST, ["age_mae"]) == []
    found = by_group(replace(FIRST, years=np.full(1127, np.nan)), FIRST, FIGURES)
    assert {one.loss.figure for one in found} == {"gender_accuracy", "race_accuracy"}


def test_equal_models_rarely_have_a_group_that_is_said_to_be_worse() -> None:
    """Of 100 pairs 5 are expected, and 11 or more in one of a hundred series."""
    alarms = sum(bool(worse(*two_models(seed=seed))) for seed in range(100))
    assert alarms / 100 <= FALSE_ALARMS + 0.05


PLANTED: dict[str, tuple[str, Callable[[Scores], Scores]]] = {
    "asian female": (
        "age_mae",
        lambda one: older(one, 2.4, (one.labels["race"] == 2) & (one.labels["gender"] == 1)),
    ),
    "70+": ("gender_accuracy", lambda one: wrong(one, "gender", 0.18, one.labels["age"] >= 70)),
    "indian female": (
        "race_accuracy",
        lambda one: wrong(
            one, "race", 0.21, (one.labels["race"] == 3) & (one.labels["gender"] == 1)
        ),
    ),
}


@pytest.mark.parametrize("group", PLANTED)
def test_a_group_that_loses_much_is_named(group: str) -> None:
    figure, plant = PLANTED[group]
    found = [worse(plant(new), old) for new, old in map(two_models, [1127] * 20, range(20))]
    assert sum((group, figure) in one for one in found) >= 18
    assert (group, figure) in worse(plant(FIRST))


def test_a_group_is_told_with_its_figures() -> None:
    new = older(FIRST, 2.0, FIRST.labels["race"] == 1)
    found = worse(new)["black", "age_mae"]
    assert (found.group, found.loss.n) == (
        {"race": "black"},
        int((FIRST.labels["race"] == 1).sum()),
    )
    assert found.loss.loss == pytest.approx(2.0)
    assert ("white", "age_mae") not in worse(new)


def test_a_group_too_small_to_tell_is_named_as_such() -> None:
    few = np.flatnonzero(FIRST.labels["race"] == RACE.labels.index("others"))[:6]
    kept = FIRST.where(
        (FIRST.labels["race"] != RACE.labels.index("others")) | np.isin(np.arange(1127), few)
    )
    found = {tuple(one.group.items()): one for one in by_group(kept, kept, ["race_accuracy"])}
    assert found[("race", "others"),].cannot_be_told
    assert not found[("race", "white"),].cannot_be_told
    assert not found[("race", "others"),].is_worse


def test_the_oldest_share_a_band_and_every_image_is_in_four_groups() -> None:
    found = by_group(FIRST, FIRST, ["age_mae"])
    ages = [one for one in found if set(one.group) == {"age"}]
    assert [one.group["age"] for one in ages][-2:] == ["60-69", "70+"]
    for parts in ({"race"}, {"gender"}, {"age"}, {"race", "gender"}):
        assert sum(one.loss.n for one in found if set(one.group) == parts) == 1127


def test_the_same_seed_gives_the_same_chances() -> None:
    chances = [[one.p for one in by_group(OTHER, FIRST, FIGURES, seed=s)] for s in (1, 1, 2)]
    assert chances[0] == chances[1] != chances[2]
