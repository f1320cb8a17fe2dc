"""What a face costs in each engine, and how near that comes to what the machine can do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from vision.bundles.bundle import Bundle
from vision.inference.base import BaseEngine
from vision.inference.engine import Engine
from vision.inference.openvino_engine import OpenVinoEngine

from .ceiling import attempts
from .timing import Measure, Timing, alternated, timed

BATCH = 8
LARGE = 224
REFERENCE = "tensorflow float32, alone"
"""One face through the starter on TensorFlow in float32: what all else is set against."""

# Multiplications and additions of VGG16's convolutions for 224 x 224 pixels (13 convolutions of
# 3 x 3; Simonyan and Zisserman 2015, table 1, configuration D).
_BACKBONE_OPERATIONS = 30.69e9


def a_pass(starter: Bundle) -> Measure:
    """What one pass costs."""
    return measured(Engine(starter, precision="float32"), 1)


def passes(bundle: Bundle, starter: Bundle, rounds: int) -> dict[str, Any]:
    """A face alone and in batches, in every engine and precision, at the bundle's size and at 224
    pixels: milliseconds, and how many times a pass."""
    report: dict[str, Any] = {}
    for size in dict.fromkeys((bundle.manifest["input_size"], LARGE)):
        at_size = bundle if bundle.manifest["input_size"] == size else at(starter, size)
        measures = {REFERENCE: a_pass(starter)}
        for name, engine in _engines(at_size).items():
            measures[f"{name}, at {size}, alone"] = measured(engine, 1)
            measures[f"{name}, at {size}, in batches of {BATCH}"] = measured(engine, BATCH)
        timings = alternated(measures, rounds)
        report |= {
            name: {**timing.as_json(), "passes": timing.to(timings[REFERENCE])}
            for name, timing in timings.items()
        }
    return report


def shares(starter: Bundle, rounds: int, *, smaller: int = 1) -> dict[str, Any]:
    """For each precision the machine's ceiling, by what it was reached, and the share of it that
    each engine reaches with the backbone in batches at 224 pixels.

    The heads are computed along; they are not counted as work. `smaller` is for `attempts`.
    """
    report = {}
    engines = _engines(at(starter, LARGE // smaller))
    for precision in dict.fromkeys(name.split()[1] for name in engines):
        tried = attempts(precision, smaller=smaller)
        here = {name: one for name, one in engines.items() if name.split()[1] == precision}
        networks = {name: measured(engine, BATCH) for name, engine in here.items()}
        timings = alternated({name: one.measure for name, one in tried.items()} | networks, rounds)
        operations = {name: one.operations for name, one in tried.items()}
        operations |= dict.fromkeys(networks, _BACKBONE_OPERATIONS / smaller**2)
        report[precision] = _share_of_fastest(timings, operations, list(networks))
    return report


def at(bundle: Bundle, size: int) -> Bundle:
    """The network of a bundle whose heads take any size, for crops of another size."""
    return replace(bundle, manifest={**bundle.manifest, "input_size": size})


def _engines(bundle: Bundle) -> dict[str, BaseEngine]:
    """Every engine in float32 and in what it would choose, as "engine precision"."""
    made: dict[str, BaseEngine] = {}
    kinds: dict[str, Callable[..., BaseEngine]] = {
        "tensorflow": Engine,
        "openvino": OpenVinoEngine,
    }
    for name, kind in kinds.items():
        for precision in ("float32", "auto"):
            engine = kind(bundle, precision=precision)
            made.setdefault(f"{name} {engine.precision}", engine)
    return made


def measured(engine: BaseEngine, faces: int) -> Measure:
    """What a face costs an engine that is given so many at once."""
    side = engine.input_size
    crops = np.random.default_rng(0).integers(0, 256, (faces, side, side, 3), np.uint8)
    return timed(lambda: engine.plain_outputs(crops), per=faces)


def _share_of_fastest(
    timings: dict[str, Timing], operations: dict[str, float], networks: list[str]
) -> dict[str, Any]:
    """By the clock, and by the seconds of processors, which others on the machine disturb less."""
    clock: dict[str, list[float]] = {}
    processors: dict[str, list[float]] = {}
    for name, timing in timings.items():
        clock[name] = [operations[name] / cost.wall for cost in timing.rounds]
        processors[name] = [operations[name] / cost.cpu for cost in timing.rounds]
    return {"by_the_clock": _rates(clock, networks), "by_processors": _rates(processors, networks)}


def _rates(rates: dict[str, list[float]], networks: list[str]) -> dict[str, Any]:
    """The best rates in GFLOP/s, and each network's share of the fastest attempt: of the best
    rounds, and in the median of the rounds."""
    tried = [name for name in rates if name not in networks]
    fastest = max(tried, key=lambda name: max(rates[name]))
    ceilings = [max(each) for each in zip(*(rates[name] for name in tried), strict=True)]
    return {
        "ceiling": fastest,
        "gflops": {name: max(each) / 1e9 for name, each in rates.items()},
        "share": {
            name: {
                "of_bests": max(rates[name]) / max(rates[fastest]),
                "median": float(np.median(np.divide(rates[name], ceilings))),
            }
            for name in networks
        },
    }
