"""Which files are photos, by their bytes alone, and opening them for the decoder."""

import io
import re
import warnings
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageFile, TiffImagePlugin, UnidentifiedImageError
from PIL.ExifTags import Base as Tag
from pillow_heif import register_heif_opener

from vision.errors import PhotoTypeUnsupported, PhotoUnreadable

from .jpeg import JPEG_START, Jpeg, jpeg_after_junk
from .png import PNG_SIGNATURE, read_png

register_heif_opener(thumbnails=False)
# Who opens a photo looks at its pixels before they are decoded, and says so in words.
warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)

_REDUCED_RESOLUTION = 1


@dataclass(frozen=True)
class PhotoFormat:
    """A kind of file that is read as a photo.

    `name` is what people call it, `accept` the media types and file name extensions by which a
    browser's file dialog offers it. `magic` is a pattern of the first bytes of a format whose
    header may stand anywhere in the file: one that has lost its header is damaged, not unknown.
    """

    name: str
    accept: tuple[str, ...]
    magic: bytes | None = None


# By Pillow's names. Whatever names, offers or recognises formats is made from these.
FORMATS: dict[str, PhotoFormat] = {
    "JPEG": PhotoFormat("JPEG", ("image/jpeg",)),
    "PNG": PhotoFormat("PNG", ("image/png",)),
    "WEBP": PhotoFormat("WebP", ("image/webp",)),
    "HEIF": PhotoFormat(
        "HEIC",
        # Not every system knows the media types.
        ("image/heic", "image/heif", ".heic", ".heif"),
        rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)",
    ),
    "AVIF": PhotoFormat("AVIF", ("image/avif",), rb".{4}ftypavi[fs]"),
    "BMP": PhotoFormat("BMP", ("image/bmp",)),
    "TIFF": PhotoFormat("8-bit TIFF", ("image/tiff",), rb"II\*\x00|MM\x00\*"),
    "GIF": PhotoFormat("GIF", ("image/gif",)),
}
# As people read them, and as the `accept` of an `<input type="file">`.
FORMAT_NAMES = ", ".join(each.name for each in FORMATS.values())
ACCEPT = ",".join(kind for each in FORMATS.values() for kind in each.accept)

_MAGIC = re.compile(b"|".join(each.magic for each in FORMATS.values() if each.magic), re.DOTALL)


@dataclass(frozen=True)
class OpenedPhoto:
    """A photo's first frame, its header read and nothing decoded; `jpeg` where it is one."""

    image: ImageFile.ImageFile
    jpeg: Jpeg | None


def open_photo(data: bytes) -> OpenedPhoto:
    """Tell what a file is and read its header.

    Junk before a JPEG and metadata of a PNG are left out; a JPEG that was cut short is closed, so
    that it decodes. Raises PhotoTypeUnsupported, PhotoUnreadable, or any error of a decoder.
    """
    if data.startswith(PNG_SIGNATURE):
        png = read_png(data)
        image = _identify(png.decodable)
        image.info["icc_profile"] = png.profile
        return OpenedPhoto(image, None)
    jpeg = Jpeg(data) if data.startswith(JPEG_START) else None
    try:
        image = _identify(jpeg.decodable if jpeg else data)
    except PhotoTypeUnsupported:
        jpeg = jpeg_after_junk(data)
        if jpeg is None:
            raise
        image = _identify(jpeg.decodable)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image)
    return OpenedPhoto(image, jpeg)


def _identify(data: bytes) -> ImageFile.ImageFile:
    try:
        return Pillow.open(io.BytesIO(data), formats=tuple(FORMATS))
    except UnidentifiedImageError:
        if _MAGIC.match(data):
            raise PhotoUnreadable() from None
        raise _unsupported() from None


def _check_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuses what measures more than a photo shows, and previews of a camera's raw files."""
    tags = image.tag_v2
    is_raw = Tag.DNGVersion in tags or tags.get(Tag.NewSubfileType, 0) & _REDUCED_RESOLUTION
    if is_raw or max(tags.get(Tag.BitsPerSample, (1,))) > 8:
        raise _unsupported()


def _unsupported() -> PhotoTypeUnsupported:
    return PhotoTypeUnsupported(formats=[each.name for each in FORMATS.values()])
