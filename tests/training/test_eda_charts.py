"""Charts: every table sums up to the dataset, the deck's numbers stand beside ours."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import translation

from tests.factories import DatasetFactory, SampleFactory
from training.charts import Axes, Chart, as_csv, bars, boxes
from training.eda import dataset_charts, dataset_figures
from training.models import Dataset

pytestmark = pytest.mark.django_db

# Some images more than one of any race and age, so that no chart is empty.
_PER_RACE = (60, 40, 20, 30, 10)


@pytest.fixture
def dataset(settings: Any, tmp_path: Path) -> Dataset:
    cache.clear()
    settings.DATASET_ROOT = tmp_path
    dataset: Dataset = DatasetFactory.create()
    for race, count in enumerate(_PER_RACE):
        for n in range(count):
            SampleFactory.create(dataset=dataset, race=race, gender=n % 2, age=(7 * n) % 100)
    dataset.samples.filter(pk__in=dataset.samples.filter(race=0).values("pk")[:5]).update(
        reason="conflicting_classes", found="conflicting_classes"
    )
    return dataset


@pytest.fixture
def charts(dataset: Dataset) -> dict[str, Chart]:
    found = dataset_charts.sections(dataset)
    return {chart.key: chart for section in found for chart in section.charts}


def total(chart: Chart, column: int = 1) -> int:
    return sum(row[column] for row in chart.rows)


@pytest.mark.parametrize("key", ["ages", "decades", "gender", "race", "brightness", "sharpness"])
def test_the_table_of_a_chart_of_all_images_sums_up_to_all(
    charts: dict[str, Chart], key: str
) -> None:
    assert total(charts[key]) == sum(_PER_RACE)


def test_race_by_gender_sums_up_to_race(charts: dict[str, Chart]) -> None:
    by_gender = [row[1] + row[2] for row in charts["race-gender"].rows]
    assert by_gender == [row[1] for row in charts["race"].rows] == list(_PER_RACE)


def test_undersampling_leaves_every_race_as_many_images(charts: dict[str, Chart]) -> None:
    assert [total(charts["before"], race) for race in (1, 2, 3)] == [55, 40, 20]
    assert [total(charts["after"], race) for race in (1, 2, 3)] == [20, 20, 20]
    assert charts["before"].plot.y_ticks == charts["after"].plot.y_ticks


def test_under_twenty_is_one_category(charts: dict[str, Chart]) -> None:
    categories = [row[0] for row in charts["after"].rows]
    assert categories == ["<20", "20", "30", "40", "50", "60", "70", "80", "90+"]


def test_the_deck_stands_beside_the_classic_funnel(charts: dict[str, Chart]) -> None:
    deck = [row[2] for row in charts["funnel"].rows if row[2] is not None]
    assert deck == [23_708, 23_519, 17_907, 10_275]
    assert [row[1] for row in charts["funnel"].rows] == [160, 160, 160, 155, 155, 115, 60]


def test_every_difference_to_the_deck_has_its_reason(charts: dict[str, Chart]) -> None:
    files, cleaning, races, balance = charts["funnel"].notes
    assert "23548 fewer" in files
    assert "189 files by hand" in cleaning
    assert "here 5 go by name (Copies that differ in gender or race: 5)" in cleaning
    assert "(40)" in races
    assert "(5612)" in races
    assert "20 images here and had 3425" in balance


def test_splits_and_recipes_sum_up_to_what_the_recipes_keep(charts: dict[str, Chart]) -> None:
    for column, kept in ((1, 60), (2, 155)):
        assert total(charts["recipes"], column) == kept
    assert total(charts["splits"], 2) == 155
    # What “classic” leaves of the test images it does not examine on: all versions sit one test.
    _training, _validation, (_, classic, full) = charts["splits"].rows
    assert classic == full > 0
    assert "leaves out 55 clean images" in charts["recipes"].sentence


def test_small_cells_show_how_many_images_there_are(charts: dict[str, Chart]) -> None:
    rows = charts["cells"].rows
    assert sum(int(n) for row in rows for n in row[1:]) == 155
    assert charts["cells"].sentence.startswith("100 of 100 cells")


def test_boxes_hold_the_percentiles(dataset: Dataset) -> None:
    dataset.samples.all().delete()
    for age in range(1, 101):
        SampleFactory.create(dataset=dataset, age=age)
    [section] = [s for s in dataset_charts.sections(dataset) if s.title == "Who is in the dataset"]
    [chart] = [chart for chart in section.charts if chart.key == "age-by-group"]
    assert chart.rows == (("White", "male", 5, 25, 50, 75, 95),)


def test_every_chart_has_a_sentence_named_axes_and_a_csv_of_its_table(
    charts: dict[str, Chart], dataset: Dataset
) -> None:
    assert len(charts) == sum(len(s.charts) for s in dataset_charts.sections(dataset))
    for chart in charts.values():
        assert chart.sentence.endswith(".")
        assert all(str(column) for column in chart.columns)
        assert "<svg" in chart.drawing
        rows = list(csv.reader(io.StringIO(as_csv(chart).lstrip("\ufeff"))))
        assert len(rows) == len(chart.rows) + 1
        assert {len(row) for row in rows} == {len(chart.columns)}


def test_an_empty_dataset_has_charts_too(settings: Any, tmp_path: Path) -> None:
    cache.clear()
    empty: Dataset = DatasetFactory.create()
    for section in dataset_charts.sections(empty):
        for chart in section.charts:
            assert "<svg" in chart.drawing
    assert dataset_figures.summary(empty)["funnel"][0]["count"] == 0


def test_charts_speak_the_language_of_the_reader(dataset: Dataset) -> None:
    with translation.override("ko"):
        first = dataset_charts.sections(dataset)[1].charts[2]
    assert first.rows[0][0] != "male"


def test_lying_bars_break_long_names_and_keep_them_whole_in_the_table() -> None:
    chart = bars(
        "k", "T", "S.", ["Copies that differ in gender or race"], {"n": [3]},
        axes=Axes(x="Reason", y="Files"), sideways=True,
    )  # fmt: skip
    [bar] = chart.plot.bars
    assert (bar.x, bar.tip) == (0, "Copies that differ in gender or race: 3 (n)")
    assert ">Copies that differ in<" in chart.drawing
    assert ">gender or race<" in chart.drawing
    assert chart.rows == (("Copies that differ in gender or race", 3),)


def test_boxes_name_their_series() -> None:
    chart = boxes(
        "k", "T", "S.", {"male": {"White": [1, 2, 3, 4, 5]}},
        axes=Axes(x="Race", y="Age", series="Gender"),
    )  # fmt: skip
    assert chart.columns[:2] == ("Race", "Gender")
