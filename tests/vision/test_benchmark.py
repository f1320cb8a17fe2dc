"""Costs are measured in turn and set against one another; how large they are is not tested."""

import io
from typing import Any

import pytest
from PIL import Image

from vision.benchmark import networks
from vision.benchmark.ceiling import attempts
from vision.benchmark.finding import finding
from vision.benchmark.photos import LARGE, MEDIUM, made_of
from vision.benchmark.report import table
from vision.benchmark.timing import Cost, Timing, alternated, rounded, timed
from vision.bundles.bundle import Bundle, load_bundle
from vision.detection import Detector

from .conftest import STARTER


@pytest.fixture(scope="module")
def starter() -> Bundle:
    return load_bundle(STARTER)


def test_everything_is_measured_once_a_round_in_turn() -> None:
    said: list[str] = []

    def measure(name: str) -> Any:
        def cost() -> Cost:
            said.append(name)
            return Cost(float(len(said)), 1.0)

        return cost

    timings = alternated({"one": measure("one"), "other": measure("other")}, rounds=3)
    assert said == ["one", "other"] * 3
    assert [cost.wall for cost in timings["other"].rounds] == [2.0, 4.0, 6.0]


def test_a_ratio_is_taken_round_by_round() -> None:
    mine = Timing((Cost(2.0, 8.0), Cost(10.0, 8.0), Cost(4.0, 8.0)))
    other = Timing((Cost(1.0, 2.0), Cost(2.0, 2.0), Cost(4.0, 2.0)))
    ratio = mine.to(other)
    assert ratio["wall"] == {"of_bests": 2.0, "median": 2.0, "low": 1.0, "high": 5.0}
    assert ratio["cpu"] == {"of_bests": 4.0, "median": 4.0, "low": 4.0, "high": 4.0}
    assert mine.as_json()["wall_ms"] == {"best": 2000.0, "median": 4000.0, "worst": 10000.0}


def test_the_cost_of_many_is_told_for_one() -> None:
    calls: list[None] = []
    measure = timed(lambda: calls.append(None), per=4)
    before = len(calls)
    cost = measure()
    assert len(calls) - before > 1, "what is short is repeated"
    assert 0 < cost.wall < 0.01


def test_photos_are_made_of_a_portrait(photo_bytes: bytes, detector: Detector) -> None:
    sizes = {}
    for name, made in made_of(photo_bytes).items():
        with Image.open(io.BytesIO(made)) as image:
            sizes[name] = image.size
    expected = {"portrait": (512, 512), "group": (1024, 512), "medium": MEDIUM, "large": LARGE}
    assert sizes == expected
    assert MEDIUM[0] * MEDIUM[1] == pytest.approx(2.6e6, rel=0.01)
    assert LARGE[0] * LARGE[1] > 12e6


def test_the_machine_is_tried_in_every_library(starter: Bundle) -> None:
    tried = attempts("float32", smaller=14)
    libraries = {name.split()[0] for name in tried}
    assert libraries == {"numpy", "tensorflow", "openvino"}
    assert all(one.operations > 0 and one.measure().wall > 0 for one in tried.values())


def test_the_share_of_the_ceiling_is_that_of_the_fastest_attempt() -> None:
    timings = {
        "slow product": Timing((Cost(4.0, 4.0), Cost(4.0, 4.0))),
        "fast convolution": Timing((Cost(1.0, 2.0), Cost(2.0, 2.0))),
        "network": Timing((Cost(1.0, 1.0), Cost(1.0, 1.0))),
    }
    operations = {"slow product": 8e9, "fast convolution": 4e9, "network": 1e9}
    clock = networks._share_of_fastest(timings, operations, ["network"])["by_the_clock"]
    assert clock["ceiling"] == "fast convolution"
    assert clock["gflops"] == {"slow product": 2.0, "fast convolution": 4.0, "network": 1.0}
    assert clock["share"]["network"] == {"of_bests": 0.25, "median": 0.375}


def test_a_face_is_measured_in_every_engine(starter: Bundle, monkeypatch: Any) -> None:
    monkeypatch.setattr(networks, "LARGE", 48)
    small = networks.at(starter, 48)
    report = networks.passes(small, small, rounds=1)
    assert report[networks.REFERENCE]["passes"]["wall"]["median"] == 1.0
    assert {"tensorflow float32, at 48, alone", "openvino float32, at 48, in batches of 8"} <= set(
        report
    )


def test_finding_is_told_in_passes(starter: Bundle, photo_bytes: bytes) -> None:
    report = finding({"portrait": photo_bytes, "medium": photo_bytes}, starter, rounds=1)
    both = report["decoding, finding and framing, portrait"]
    assert both["wall_ms"]["best"] > 0
    assert both["passes"]["wall"]["median"] > 0


def test_people_get_lines_of_it() -> None:
    document = rounded({"part": {"step": Timing((Cost(0.0123456, 0.01),)).as_json()}})
    heading, step = table(document)
    assert heading.strip() == "part"
    assert " ".join(step.split()) == (
        "step 12.35 ms at best, 12.35 in the median, 10.00 of processors"
    )
