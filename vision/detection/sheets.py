"""Many images on few sheets: a network that slides over its input runs once a sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Size = tuple[int, int]  # width, height

# A network is prepared anew for every size of input it has not seen; so sheets have few sizes.
_GRAIN = 64


@dataclass(frozen=True)
class Place:
    """Where an image lies: its index, and its left upper corner in pixels, both even."""

    index: int
    x: int
    y: int


@dataclass(frozen=True)
class Sheet:
    """Sizes in pixels; the images on it do not overlap."""

    width: int
    height: int
    places: tuple[Place, ...]


def packed(sizes: Sequence[Size], most_pixels: int) -> Iterator[Sheet]:
    """Images of these sizes, in rows from high to low, on sheets of about `most_pixels`.

    An image that is larger than that has a sheet for itself.
    """
    if not sizes:
        return
    width = _up(max(size[0] for size in sizes), _GRAIN)
    places: list[Place] = []
    x = y = bottom = 0
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i][1]):
        wide, high = (_up(side, 2) for side in sizes[index])
        if x + wide > width:
            x, y = 0, bottom
        if places and x == 0 and width * (y + high) > most_pixels:
            yield Sheet(width, _up(bottom, _GRAIN), tuple(places))
            places, y = [], 0
        if x == 0:
            bottom = y + high
        places.append(Place(index, x, y))
        x += wide
    yield Sheet(width, _up(bottom, _GRAIN), tuple(places))


def _up(length: int, grain: int) -> int:
    return -(-length // grain) * grain
