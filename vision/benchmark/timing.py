"""Costs measured in turn within one run, so that what disturbs a machine disturbs all of them."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

_LEAST = 0.05  # seconds; shorter actions are repeated, since clocks and caches are coarse


class Cost(NamedTuple):
    """Seconds that something took by the clock, and of all processors together."""

    wall: float
    cpu: float


Measure = Callable[[], Cost]


@dataclass(frozen=True)
class Timing:
    """What one thing cost in each round."""

    rounds: tuple[Cost, ...]

    def as_json(self) -> dict[str, dict[str, float]]:
        """Milliseconds: the best, the median and the worst round."""
        return {
            "wall_ms": _spread([1000 * cost.wall for cost in self.rounds]),
            "cpu_ms": _spread([1000 * cost.cpu for cost in self.rounds]),
        }

    def to(self, other: "Timing") -> dict[str, dict[str, float]]:
        """How many times as much it cost as another of the same run, compared round by round.

        `of_bests` compares the best round of each: what a machine does that nothing disturbs.
        """
        return {
            "wall": _ratio([one.wall for one in self.rounds], [one.wall for one in other.rounds]),
            "cpu": _ratio([one.cpu for one in self.rounds], [one.cpu for one in other.rounds]),
        }


def timed(action: Callable[[], object], per: int = 1) -> Measure:
    """What one call of `action` costs this process, divided by `per`.

    It is called twice at once: for what is made only once, and to learn how often a measurement
    has to repeat it.
    """
    action()
    repeats = max(1, math.ceil(_LEAST / max(1e-9, _cost(action, 1).wall)))

    def measure() -> Cost:
        wall, cpu = _cost(action, repeats)
        return Cost(wall / per, cpu / per)

    return measure


def alternated(measures: Mapping[str, Measure], rounds: int) -> dict[str, Timing]:
    """Each is measured once a round, in turn."""
    costs = [{name: measure() for name, measure in measures.items()} for _ in range(rounds)]
    return {name: Timing(tuple(each[name] for each in costs)) for name in measures}


def rounded(value: Any) -> Any:
    """A document for people and programs: numbers to four significant digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _cost(action: Callable[[], object], repeats: int) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        action()
    return Cost(
        (time.perf_counter() - wall) / repeats,
        (time.process_time() - cpu) / repeats,
    )


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"best": min(values), "median": statistics.median(values), "worst": max(values)}


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    pairs = [one / max(1e-9, other) for one, other in zip(mine, theirs, strict=True)]
    return {
        "of_bests": min(mine) / max(1e-9, min(theirs)),
        "median": statistics.median(pairs),
        "low": min(pairs),
        "high": max(pairs),
    }
