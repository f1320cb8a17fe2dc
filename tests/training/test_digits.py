"""Figures are written with three digits that matter, everywhere in the same way."""

import pytest

from training.charts.chart import shown
from training.digits import three_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8412, "0.841"),
        (0.84, "0.840"),
        (4.6412, "4.64"),
        (31.7623, "31.8"),
        (72.025, "72.0"),
        (9.996, "10.0"),
        (1, "1.00"),
        (123.4, "123"),
        (1024.7, "1,025"),
        (0.0004, "0.000"),
        (0, "0.000"),
    ],
)
def test_a_figure_has_three_digits_and_at_most_three_places(value: float, text: str) -> None:
    assert three_digits(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-0.6856, "-0.686"), (1.234, "+1.23"), (-0.0001, "+0.000"), (0, "+0.000")]
)
def test_a_signed_figure_shows_its_direction(value: float, text: str) -> None:
    assert three_digits(value, signed=True) == text


@pytest.mark.parametrize(
    ("cell", "text"), [(None, "–"), (23708, "23,708"), (0.84123, "0.841"), ("20-29", "20-29")]
)
def test_cells_of_tables_are_counts_figures_or_words(cell: object, text: str) -> None:
    assert shown(cell) == text
