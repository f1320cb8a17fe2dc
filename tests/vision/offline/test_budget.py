"""As many epochs as fit, by what was measured; whatever the pace, there is a plan."""

import math
from collections.abc import Callable

import pytest

from vision.offline import budget
from vision.offline.budget import Pace, first_validation, fitted_to, measure, reserve
from vision.training.network_recipes import NETWORK_RECIPES, NetworkRecipe, Stage
from vision.training.progress import FitProgress

ONE = NETWORK_RECIPES["starter-gpu"].with_changes(stages=(Stage(64, 10, 16),))
TWO = ONE.with_changes(stages=(Stage(48, 8, 16), Stage(64, 4, 16)))
STEPS = 5  # of an epoch
METRICS = {"age": {"validation_mae": 5.0}}


class Clock:
    """Time that passes when it is told to; what `budget` knows of `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(budget, "time", made)
    return made


def trains(
    clock: Clock, step: float, *, compiling: float = 0.1, validating: float = 0.0
) -> Callable[..., None]:
    """A training that lets time pass instead."""

    def train(recipe: NetworkRecipe, on_progress: Callable[[FitProgress], None]) -> None:
        (stage,) = recipe.stages
        for number in range(stage.epochs * STEPS):
            clock.sleep(compiling if number == 0 else step)
            place, total = number // STEPS + 1, stage.epochs * STEPS
            on_progress(FitProgress("one", number + 1, total, place, stage.epochs))
            if (number + 1) % STEPS == 0:
                clock.sleep(compiling if place == 1 else validating)
                on_progress(FitProgress("one", number + 1, total, place, stage.epochs, METRICS))

    return train


def measured(
    clock: Clock, train: Callable[..., None], seconds: float, give_up: float = 60.0
) -> Pace:
    (pace,) = measure(ONE, train, seconds=seconds, give_up_at=clock.now + give_up)
    return pace


def test_neither_compiling_nor_the_first_validation_count(clock: Clock) -> None:
    train = trains(clock, 0.01, compiling=0.3, validating=0.02)
    pace = measured(clock, train, seconds=2.0)
    assert pace.start == pytest.approx(0.3)
    assert pace.epoch == pytest.approx(STEPS * 0.01 + 0.02, rel=0.03)


def test_of_long_epochs_the_steps_are_enough(clock: Clock) -> None:
    pace = measured(clock, trains(clock, 0.1), seconds=0.15)
    assert pace.epoch == pytest.approx(0.1 * STEPS)
    assert not pace.validated


def test_what_makes_no_second_step_in_time_has_no_pace(clock: Clock) -> None:
    pace = measured(clock, trains(clock, 0.1, compiling=0.2), seconds=0.1, give_up=0.1)
    assert pace.start == pytest.approx(0.2)
    assert math.isinf(pace.epoch)
    assert fitted_to(ONE, [pace], 100).stages[0].epochs == 1


@pytest.mark.parametrize(
    ("recipe", "paces", "epochs"),
    [
        (ONE, [Pace(3, 2)], [47]),  # 97 s less 3 s
        (ONE, [Pace(3, 0.01)], [500]),
        (ONE, [Pace(3, 500)], [1]),
        (ONE, [Pace(300, 1)], [1]),
        (TWO, [Pace(1, 1), Pace(1, 2)], [47, 23]),  # 95 s, half for each
    ],
)
def test_epochs_fill_the_time_in_the_proportions_of_the_recipe(
    recipe: NetworkRecipe, paces: list[Pace], epochs: list[int]
) -> None:
    assert [stage.epochs for stage in fitted_to(recipe, paces, 100).stages] == epochs


def test_what_is_kept_in_reserve_lasts_for_a_validation() -> None:
    pace = Pace(3, 60)  # 100 steps of 0.6 s
    assert reserve(ONE, pace, train=1600, validation=160) == pytest.approx(3 + 2 * 0.6 + 6)


def test_a_validation_that_was_never_compiled_is_given_the_time_for_it() -> None:
    for pace in (Pace(40, 60, validated=False), Pace(40, math.inf, validated=False)):
        assert first_validation(pace) == 40
    assert first_validation(Pace(40, 60)) == 0
    assert first_validation(Pace(math.inf, math.inf, validated=False)) == 0
    assert reserve(ONE, Pace(40, math.inf, validated=False), 1600, 160) == 3
