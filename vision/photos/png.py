"""The structure of a PNG: its picture, without what else such files carry."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PICTURE = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# Pillow takes transparency from the one and which way up the photo is from the others.
_PLAIN = frozenset({b"tRNS", b"eXIf"})
_TURNED_BY = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_KNOWN = _PICTURE | _PLAIN | _TEXTS | {b"iCCP"}

_LARGEST_EXIF = 64 * 1024  # as in a JPEG
_LARGEST_TEXT = 1024 * 1024  # Pillow's own limit, over which it refuses the whole file
_LARGEST_PROFILE = 4 * 1024 * 1024


class Png(NamedTuple):
    """Bytes from which a decoder reads the picture, and its ICC profile where there is one."""

    decodable: bytes
    profile: bytes | None


class _Chunk(NamedTuple):
    kind: bytes
    raw: bytes

    @property
    def body(self) -> bytes:
        return self.raw[8:-4]

    @property
    def is_whole(self) -> bool:
        """Whether the checksum is right."""
        return zlib.crc32(self.raw[4:-4]).to_bytes(4, "big") == self.raw[-4:]


def read_png(data: bytes) -> Png:
    """A PNG without the chunks that neither make its picture nor say which way up it is.

    Whatever else it carries, however large or broken, changes nothing. Text is unpacked only
    where it can turn the photo, and no further than Pillow would; a profile that is broken or
    larger than 4 MB counts as none.
    """
    needed, profile = [PNG_SIGNATURE], None
    for chunk in _chunks(data):
        if chunk.kind == b"iCCP" and chunk.is_whole:
            profile = _unpacked(chunk.body.partition(b"\0")[2][1:], _LARGEST_PROFILE)
        elif _is_needed(chunk):
            needed.append(chunk.raw)
    return Png(b"".join(needed), profile)


def _is_needed(chunk: _Chunk) -> bool:
    if chunk.kind in _PICTURE:
        return True
    if chunk.kind in _PLAIN:
        return len(chunk.raw) <= _LARGEST_EXIF and chunk.is_whole
    if chunk.kind in _TEXTS:
        return chunk.raw.startswith(_TURNED_BY, 8) and chunk.is_whole and _text_is_bounded(chunk)
    return False


def _text_is_bounded(chunk: _Chunk) -> bool:
    """Whether what a chunk of text says fits into Pillow's limit."""
    value = chunk.body.partition(b"\0")[2]
    if chunk.kind == b"zTXt":
        return _unpacked(value[1:], _LARGEST_TEXT) is not None
    if chunk.kind == b"iTXt" and value[:1] != b"\0":
        return _unpacked(value[2:].split(b"\0", 2)[-1], _LARGEST_TEXT) is not None
    return len(value) <= _LARGEST_TEXT


def _unpacked(packed: bytes, most: int) -> bytes | None:
    """What zlib packed; None where it is broken or larger than `most` bytes."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, most)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Every chunk of a known kind up to the end one; the last may have been cut short."""
    position, kind = len(PNG_SIGNATURE), b""
    while position + 8 <= len(data) and kind != b"IEND":
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if kind in _KNOWN:
            yield _Chunk(kind, data[position:end])
        position = end
