"""The number of a face stands beside it, within the photo, and on no other face."""

import pytest

from predictions.marks import Mark, marks_of
from predictions.models import Face, Photo

PHOTO = Photo(width=1600, height=1000)


def face(index: int, x: int, y: int, side: int) -> Face:
    return Face(index=index, x=x, y=y, width=side, height=side)


def covers(mark: Mark, radius: int, other: Face) -> bool:
    """Whether the square around a number's disc and a face's box have a pixel in common."""
    return (
        other.x < mark.x + radius
        and mark.x - radius < other.x + other.width
        and other.y < mark.y + radius
        and mark.y - radius < other.y + other.height
    )


def overlap(a: Mark, b: Mark, radius: int) -> bool:
    return abs(a.x - b.x) < 2 * radius and abs(a.y - b.y) < 2 * radius


@pytest.mark.parametrize(
    "faces",
    [
        [face(0, 700, 400, 200)],
        [face(0, 0, 0, 200)],  # in the corner, where the first place would be
        [face(0, 1400, 800, 200), face(1, 1180, 800, 200)],
        [face(n, 100 + 260 * n, 300, 240) for n in range(5)],  # shoulder to shoulder
        [face(n, 60 + 75 * (n % 20), 200 + 200 * (n // 20), 12) for n in range(40)],  # small ones
    ],
)
def test_no_number_hides_a_face_or_another_number(faces: list[Face]) -> None:
    marks, radius = marks_of(PHOTO, faces)
    for mark in marks:
        assert radius <= mark.x <= PHOTO.width - radius
        assert radius <= mark.y <= PHOTO.height - radius
        assert not any(covers(mark, radius, one) for one in faces)
        assert not any(overlap(mark, one, radius) for one in marks if one is not mark)


def test_where_there_is_no_room_beside_a_face_its_number_stands_at_its_edge() -> None:
    marks, radius = marks_of(PHOTO, [face(0, 0, 0, 1600)])
    assert (marks[0].x, marks[0].y) == (radius, radius)


def test_numbers_count_from_one_and_grow_with_the_photo() -> None:
    marks, radius = marks_of(PHOTO, [face(0, 700, 400, 200), face(1, 100, 400, 200)])
    assert [mark.number for mark in marks] == [1, 2]
    larger = Photo(width=3200, height=2000)
    assert marks_of(larger, [])[1] == pytest.approx(2 * radius, abs=1)


def test_a_photo_smaller_than_a_number_breaks_nothing() -> None:
    marks, radius = marks_of(Photo(width=10, height=10), [face(0, 1, 1, 8)])
    assert (marks[0].x, marks[0].y) == (radius, radius)
