"""Charts as the server draws them: ticks, shares, words."""

import pytest

from training.charts import Axes, bars, heat_map, lines, scatter
from training.charts.plots import names, scale_of

AXES = Axes(x="Age", y="Images")


@pytest.mark.parametrize(
    ("values", "low", "high", "labels"),
    [
        ([3, 11_000], 0, 12_500, ["0", "2,500", "5,000", "7,500", "10,000", "12,500"]),
        ([-12, 15.2], -20, 20, ["-20", "-10", "0", "10", "20"]),
        ([0, 3], 0, 3, ["0", "1", "2", "3"]),
        ([0.2], 0, 0.2, ["0.00", "0.05", "0.10", "0.15", "0.20"]),
        ([], 0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_scales_have_round_ticks_and_hold_every_value(
    values: list[float], low: float, high: float, labels: list[str]
) -> None:
    scale = scale_of(values, from_zero=True)
    assert [scale.low, scale.high] == pytest.approx([low, high])
    assert [label for _, label in scale.ticks()] == labels


def test_of_many_categories_only_some_are_named() -> None:
    assert [tick.label for tick in names(range(117))] == [str(10 * n) for n in range(12)]


def test_bars_stand_on_zero_and_hang_below_it() -> None:
    chart = bars("k", "T", "S.", ["a", "b"], {"n": [10, -10]}, axes=AXES)
    up, down = chart.plot.bars
    assert [up.y, up.y + up.height] == pytest.approx([0, 0.5])
    assert [down.y, down.y + down.height] == pytest.approx([0.5, 1])
    assert up.tip == "a: 10 (n)"


def test_a_stack_is_as_high_as_its_sum() -> None:
    chart = bars("k", "T", "S.", ["a"], {"m": [30], "f": [10]}, axes=AXES, stacked=True)
    lower, upper = chart.plot.bars
    assert lower.height == pytest.approx(0.75)
    assert upper.y == pytest.approx(0)
    assert upper.y + upper.height == pytest.approx(lower.y)


def test_a_line_leaves_out_what_is_not_known() -> None:
    chart = lines("k", "T", "S.", [1, 2, 3], {"loss": [4.0, None, 2.0]}, axes=AXES)
    [curve] = chart.plot.curves
    assert [x for x, _ in curve.points] == [0, 1]
    assert [tick.label for tick in chart.plot.x_ticks] == ["1", "2", "3"]


def test_a_heat_map_is_the_stronger_the_larger_and_grey_without_a_value() -> None:
    chart = heat_map(
        "k", "T", "S.", x=["a", "b", "c"], y=["r"], values=[[2, 4, None]],
        notes=[["2", "4", "1"]], axes=AXES,
    )  # fmt: skip
    assert [cell.strength for cell in chart.plot.cells] == [0, 1, None]
    assert chart.drawing.count("fr-grey") == 1
    assert "<title>r, b: 4</title>" in chart.drawing


def test_what_people_named_is_escaped() -> None:
    name = "<script>alert(1)</script>"
    chart = bars(name, name, name, [name], {name: [1], "b": [2]}, axes=Axes(x=name, y=name))
    assert "<script" not in chart.drawing
    assert "&lt;script&gt;" in chart.drawing


def test_points_are_one_path() -> None:
    chart = scatter("k", "T", "S.", [(0, 0), (10, 10), (5, 0)], axes=AXES)
    assert chart.drawing.count("h0") == 3
    assert chart.drawing.count('class="fr-dots"') == 1


def test_shares_beside_shares_are_shown_from_0_to_1_even_where_there_is_one() -> None:
    chart = lines("k", "t", "s", [0.97], {"one": [1.0]}, axes=Axes("x", "y"), diagonal=True)
    for ticks in (chart.plot.x_ticks, chart.plot.y_ticks):
        assert [tick.label for tick in ticks] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
