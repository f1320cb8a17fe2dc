"""The structure of a JPEG (ITU-T T.81): where it begins, what it lacks when it was cut short."""

import io
import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image as Pillow
from PIL import ImageChops

JPEG_START = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_SOS, _EOI = 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, 0xD8})
# Stuffed zeros, restart markers and fill bytes belong to the data of a scan.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

_LONGEST_JUNK = 64 * 1024
_MOST_STARTS = 16
# What begins like one of these is that, whatever JPEG it holds (a cover, a preview, a page).
_OTHERS = re.compile(
    rb"\xff\xd8\xff|%PDF|%!PS|PK\x03\x04|ID3|8BPS|RIFF|OggS|fLaC|MZ|\x7fELF|\x1f\x8b|7z\xbc\xaf|Rar!|GIF8|FUJIFILM"
    rb"|\x89PNG|\xd0\xcf\x11\xe0|\x1aE\xdf\xa3|\{\\rtf|(?:II|MM)[\x00*+RU]|.{4}ftyp|SQLite",
    re.DOTALL,
)

# Eight stuffed bytes of ones: as many as the decoder reads ahead. Ones alone are no code word, so
# that they complete nothing which is not there (T.81, C).
_PADDING = b"\xff\x00" * 8
# What libjpeg fills every channel with where data are missing.
_FILL = 128

# A component's coefficients are numbered 0 (the mean of a block) to 63.
_LAST = 63
_ALL_BITS = 16


@dataclass(frozen=True)
class _Scan:
    """A pass over components, with its data from byte `start` on.

    It brings their coefficients `first` to `last`, all but the last `open_bits` bits of them.
    """

    start: int
    components: bytes
    first: int
    last: int
    open_bits: int


@dataclass(frozen=True)
class _Structure:
    """The ids of the components, the scans that are begun, and where the picture ends.

    That is where the end marker stands or, without one, where what is whole ends.
    """

    components: bytes
    scans: tuple[_Scan, ...]
    end: int
    has_end_marker: bool


@dataclass(frozen=True)
class Jpeg:
    """A JPEG's bytes, from its start on."""

    data: bytes

    @cached_property
    def structure(self) -> _Structure:
        return _parse(self.data)

    @property
    def is_ended(self) -> bool:
        """Whether an end marker closes the picture."""
        return self.data.endswith(_END) or self.structure.has_end_marker

    @property
    def decodable(self) -> bytes:
        """Bytes that a decoder reads to their end, however many are missing."""
        return self.data if self.is_ended else self.data[: self.structure.end] + _END


def jpeg_after_junk(data: bytes) -> Jpeg | None:
    """The JPEG that a file is after 1 byte to 64 kB of junk; None where there is none."""
    if _OTHERS.match(data):
        return None
    starts = re.finditer(JPEG_START, data[: _LONGEST_JUNK + len(JPEG_START)])
    for start in itertools.islice(starts, _MOST_STARTS):
        jpeg = Jpeg(data[start.start() :])
        # Another marker follows the first segment, and some segment begins a scan.
        following = 4 + int.from_bytes(jpeg.data[4:6], "big")
        if jpeg.data[following : following + 1] == b"\xff" and jpeg.structure.scans:
            return jpeg
    return None


def missing_share(jpeg: Jpeg, image: Pillow.Image) -> float | None:
    """The share of the rows, 0 to 1, that a JPEG's data do not reach; None where it is whole.

    `image`: it, decoded. Of a single scan it is counted in rows of blocks (8 or 16 pixels) that
    are not whole. A progressive JPEG that was cut short lacks no rows but precision: 0 where all
    that is open is the last bit of coefficients and details of colour; else the rows that its
    last scan leaves as they were, or 1 where more than that scan is missing.
    """
    if jpeg.is_ended and not _ends_in_filling(image):
        return None
    structure = jpeg.structure
    scans, components = structure.scans, structure.components
    if len(scans) == 1 and scans[0].components == components and scans[0].last == _LAST:
        return _rows_not_decoded(jpeg) or None
    if structure.has_end_marker:
        return None
    if _is_nearly_exact(components, scans[:-1]):
        return 0.0
    return _rows_not_refined(jpeg) if _is_nearly_exact(components, scans) else 1.0


def _parse(data: bytes) -> _Structure:
    components, scans = b"", list[_Scan]()
    position = len(JPEG_START) - 1
    while marker := _MARKER.search(data, position):
        kind, start, position = marker[0][1], marker.start(), marker.end()
        if kind == _EOI:
            return _Structure(components, tuple(scans), start, has_end_marker=True)
        if kind in _BARE:
            continue
        length = max(2, int.from_bytes(data[position : position + 2], "big"))
        if position + length > len(data):
            return _Structure(components, tuple(scans), start, has_end_marker=False)
        body = data[position + 2 : position + length]
        if kind in _FRAMES and len(body) > 5:
            components = body[6 : 6 + 3 * body[5] : 3]
        elif kind == _SOS and len(body) > 3:
            *_, first, last, bits = body
            scans.append(_Scan(position + length, body[1:-3:2], first, last, bits & 15))
        position += length
    # A file that was cut short may have been padded to its old length.
    end = len(data.rstrip(b"\0") if scans else data)
    return _Structure(components, tuple(scans), end, has_end_marker=False)


def _ends_in_filling(image: Pillow.Image) -> bool:
    """Whether the last pixel is what libjpeg fills in, as where an end marker comes too early."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return set(last if isinstance(last, tuple) else (last,)) == {_FILL}


def _rows_not_decoded(jpeg: Jpeg) -> float:
    """Decodes only as far as the data go, onto noise, and counts the rows that still show it.

    At an eighth of the size, a row of it for every 8 rows of the picture.
    """
    image = Pillow.open(io.BytesIO(jpeg.data[: jpeg.structure.end] + _PADDING), formats=("JPEG",))
    image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
    size = image.width * len(image.getbands())
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    row = Pillow.frombytes(image.mode, (image.width, 1), noise.tobytes())
    image.im = row.resize(image.size, Pillow.Resampling.NEAREST).im
    with suppress(OSError):  # that the data end too early is known
        image.load()
    image.tile = []
    rows = np.asarray(image).reshape(image.height, size)
    return float((rows == noise).all(axis=1).mean())


def _is_nearly_exact(components: bytes, scans: Sequence[_Scan]) -> bool:
    """Whether whole scans leave open at most the last bit of coefficients and colour's details.

    As if the photo had been saved with half the precision, and colour by blocks.
    """
    open_bits = {
        (component, number): scan.open_bits
        for scan in scans
        for component in scan.components
        for number in range(scan.first, scan.last + 1)
    }
    detailed = components[:1] if len(components) == 3 else components  # the first is luminance
    needed = [(component, 0) for component in components]
    needed += [(component, number) for component in detailed for number in range(1, _LAST + 1)]
    return all(open_bits.get(one, _ALL_BITS) <= 1 for one in needed)


def _rows_not_refined(jpeg: Jpeg) -> float:
    """The rows below the last one in which the last scan changes anything."""
    start = jpeg.structure.scans[-1].start
    before, after = (
        Pillow.open(io.BytesIO(jpeg.data[:end] + _END), formats=("JPEG",))
        for end in (start, jpeg.structure.end)
    )
    changed = ImageChops.difference(before, after).getbbox()
    return 1.0 - changed[3] / after.height if changed else 1.0
