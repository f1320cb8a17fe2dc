"""Only the crops of one bucket, as `vision.data.utkface.split_bucket` sorts them."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator

from vision.data.labelled_files import LabelledFile
from vision.data.selection import SPLITS, split_of_bucket
from vision.data.utkface import split_bucket


def add_bucket(parser: ArgumentParser) -> None:
    """The option `--bucket`."""
    parser.add_argument(
        "--bucket",
        type=int,
        choices=range(10),
        help="Only crops whose MD5 modulo 10 is this: 1 validates, 0 tests.",
    )


def of_bucket(files: Iterable[LabelledFile], bucket: int | None) -> Iterator[LabelledFile]:
    """The files of a bucket, or all."""
    return (one for one in files if bucket is None or split_bucket(one.data) == bucket)


def add_split(parser: ArgumentParser) -> None:
    """The option `--split`."""
    parser.add_argument(
        "--split", choices=SPLITS, help="Only crops that an import deals to this split by content."
    )


def of_split(files: Iterable[LabelledFile], split: str | None) -> Iterator[LabelledFile]:
    """The files that their content alone deals to a split, or all."""
    return (
        one
        for one in files
        if split is None or split_of_bucket(split_bucket(one.data, 20)) == split
    )
