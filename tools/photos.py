"""The photos that tools measure: files that are named, or made ones."""

import argparse
from pathlib import Path

from PIL import Image

from vision.benchmark.photos import made_of
from vision.photos.decoding import encode_jpeg

KINDS = ("portrait", "group", "medium", "large")


def add_photo_options(parser: argparse.ArgumentParser) -> None:
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, help="a photo in place of the made one")


def chosen_photos(folder: Path, options: argparse.Namespace) -> dict[str, Path]:
    """The files that were named by kind; in place of those that were not, made ones in `folder`."""
    named: dict[str, Path | None] = {kind: getattr(options, kind) for kind in KINDS}
    chosen = {kind: path.resolve() for kind, path in named.items() if path}
    for kind, made in {} if len(chosen) == len(KINDS) else made_of(public_portrait()).items():
        if kind not in chosen:
            chosen[kind] = folder / f"{kind}.jpg"
            chosen[kind].write_bytes(made)
    return {kind: chosen[kind] for kind in KINDS}


def public_portrait() -> bytes:
    """A JPEG of a public-domain portrait, 512 x 512 pixels."""
    from skimage import data

    pixels = data.astronaut()  # type: ignore[no-untyped-call]
    return encode_jpeg(Image.fromarray(pixels))
