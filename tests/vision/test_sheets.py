"""Images share sheets without touching each other, each whole and on even pixels."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from vision.detection.sheets import Place, packed

side = st.integers(1, 300)


def apart(one: tuple[Place, int, int], other: tuple[Place, int, int]) -> bool:
    (a, a_width, a_height), (b, b_width, b_height) = one, other
    beside = a.x + a_width <= b.x or b.x + b_width <= a.x
    return beside or a.y + a_height <= b.y or b.y + b_height <= a.y


@given(st.lists(st.tuples(side, side), max_size=30), st.integers(1, 100_000))
def test_every_image_lies_on_one_sheet_and_on_no_other_image(
    sizes: list[tuple[int, int]], most_pixels: int
) -> None:
    sheets = list(packed(sizes, most_pixels))
    assert sorted(place.index for sheet in sheets for place in sheet.places) == [*range(len(sizes))]
    for sheet in sheets:
        placed = [(place, *sizes[place.index]) for place in sheet.places]
        for place, width, height in placed:
            assert place.x % 2 == place.y % 2 == 0
            assert place.x + width <= sheet.width
            assert place.y + height <= sheet.height
        assert all(apart(*pair) for pair in combinations(placed, 2))


def test_small_images_share_one_sheet_and_a_large_one_has_its_own() -> None:
    sizes = [(50, 40), (400, 300), (30, 40), (60, 20)]
    large, small = packed(sizes, 400 * 300)
    assert [place.index for place in large.places] == [1]
    assert [place.index for place in small.places] == [0, 2, 3]
    assert large.height >= 300 > small.height
