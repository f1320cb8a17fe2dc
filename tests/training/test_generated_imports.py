"""Generated label files, names and archives: whatever comes, an import reads it or says why not.

A short profile; `FACEROUTE_EXAMPLES=300` tries more.
"""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import DatasetFactory
from tests.generated import examples, thorough
from tests.training.utkface import jpeg, write_folder
from training.datasets.importing import import_files
from training.models import Dataset
from vision.attributes import ATTRIBUTES, SHIPPED
from vision.data.cleaning import Reason
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.utkface import DatasetUnreadable, NameRefused, parse_name, utkface_labels
from vision.errors import VisionError

HEADERS = {
    "file": ["file", "Filename", "IMAGE", "image_path", "img name", "파일명", '"path"'],
    "age": ["age", " Age ", "years", "나이"],
    "gender": ["gender", "Sex", "성별"],
    "race": ["race", "Ethnicity", "ethnic_group", "인종"],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"]
ODD_CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("", "nan", "0", "1", "2", "30", "131", "-1", "9" * 5000, "1e400", "inf", "30-39"),
            *("../x.jpg", "/dev/zero", "C:\\x.jpg", ".", "..", "a.jpg", "./A.JPG", "img\\a.jpg"),
            *("Mixed", '"', "'", ",", ";", "\t", "\r", "\n", "\0", "\ud800", "=1+1", "얼굴.jpg"),
        ]
    ),
)


def read(folder: Path, table: bytes, files: dict[str, bytes]) -> list[LabelledFile]:
    with LabelledFiles(write_folder(folder, files | {"labels.csv": table})) as found:
        return list(found)


def says_why(refused: VisionError) -> None:
    assert str(refused)
    assert not isinstance(refused, NameRefused) or refused.code in set(Reason)


def holds(files: list[LabelledFile]) -> None:
    """What has to be true of files however odd they are."""
    for file in files:
        assert file.refusal in {"", *Reason}
        file.name.encode()
        if file.refusal in {"", Reason.NOT_FOUND}:
            assert file.labels
            assert set(file.labels) >= set(SHIPPED)
            assert all(ATTRIBUTES[name].holds(value) for name, value in file.labels.items())
    assert len({file.name for file in files}) == len(files)


@st.composite
def well_formed(draw: Any) -> tuple[bytes, dict[str, Any]]:
    """A label file that people might have, and the labels that it says, by file."""
    columns = draw(st.permutations(["file", "age", "gender", "race", "note"]))
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    said = {}
    lines = [
        separator.join(draw(st.sampled_from(HEADERS.get(column, ["note"]))) for column in columns)
    ]
    for number in range(draw(st.integers(1, 6))):
        age, gender, race = (draw(st.integers(0, high)) for high in (120, 1, 4))
        said[f"얼굴_{number}.jpg"] = utkface_labels(age, gender, race)
        cells = {
            "file": draw(st.sampled_from(["", "./", ".\\"])) + f"얼굴_{number}.jpg",
            "age": draw(st.sampled_from([str(age), f"{age}.0", f" {age} "])),
            "gender": ATTRIBUTES["gender"].labels[gender].upper(),
            "race": ATTRIBUTES["race"].labels[race].title(),
            "note": draw(st.sampled_from(["", "a b", '"quoted, ; | cell"', "메모"])),
        }
        lines.append(separator.join(cells[column] for column in columns))
    text = end.join(lines) + draw(st.sampled_from(["", end, end * 2]))
    return text.encode(draw(st.sampled_from(ENCODINGS))), said


@thorough()
@given(well_formed())
def test_a_label_file_as_people_have_them_is_read_whole(made: tuple[bytes, dict[str, Any]]) -> None:
    table, said = made
    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), table, dict.fromkeys(said, b"it"))
    assert {file.name: file.labels for file in found if not file.refusal} == said


@st.composite
def odd_tables(draw: Any) -> bytes:
    """A label file with anything in it, and with pieces torn out or put in."""
    header = [draw(st.sampled_from(names)) for names in HEADERS.values()]
    rows = draw(st.lists(st.lists(ODD_CELLS, max_size=6), max_size=8))
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    text = "\n".join(separator.join(row) for row in [header, *rows])
    data: bytes = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    at = draw(st.integers(0, len(data)))
    torn = draw(st.integers(0, 3))
    put_in: bytes = draw(st.binary(max_size=3))
    return data[:at] + put_in + data[at + torn :]


@thorough()
@given(st.one_of(odd_tables(), st.binary(max_size=300)))
def test_any_label_file_is_read_or_refused_in_words(table: bytes) -> None:
    files = {"a.jpg": b"1", "img/a.jpg": b"2", "얼굴.jpg": b"3"}
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read(Path(folder), table, files)
        except DatasetUnreadable as refused:
            says_why(refused)
        else:
            holds(found)


@thorough()
@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"\d{1,20}_\d{1,3}_\d{1,3}_\w{1,20}\.jpg", fullmatch=True),
        st.builds("{}_{}_{}_1.jpg".format, *[st.integers(0, 10**40)] * 3),
    )
)
def test_any_name_has_labels_or_a_reason(name: str) -> None:
    try:
        labels = parse_name(name)
    except NameRefused as refused:
        says_why(refused)
    else:
        assert all(ATTRIBUTES[one].holds(value) for one, value in labels.items())


def packed() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("UTKFace/30_0_0_1.jpg", jpeg(1))
        archive.writestr("얼굴/labels.csv", "file,age,gender,race\na.jpg,30,0,0\n")
        archive.writestr("얼굴/a.jpg", jpeg(2))
    return data.getvalue()


PACKED = packed()


@thorough()
@given(st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 255)), max_size=6))
def test_any_damaged_archive_is_read_or_refused_in_words(
    damage: list[tuple[int, int]],
) -> None:
    data = bytearray(PACKED)
    for at, value in damage:
        data[-1 - at if at % 2 else at] = value
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "a.zip"
        archive.write_bytes(data)
        try:
            with LabelledFiles(archive) as files:
                holds(list(files))
        except DatasetUnreadable as refused:
            says_why(refused)


@pytest.mark.django_db
@settings(thorough(), max_examples=max(5, examples() // 4))
@given(table=odd_tables())
def test_any_import_ends_in_words_and_leaves_nothing_half_done(
    table: bytes, settings: Any, tmp_path: Path
) -> None:
    settings.DATASET_ROOT = tmp_path / "kept"
    dataset: Dataset = DatasetFactory.create()
    files = {"a.jpg": jpeg(1), "img/a.jpg": jpeg(2), "얼굴.jpg": jpeg(3), "labels.csv": table}
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder), files)
        try:
            tally = import_files(dataset, Path(folder), lambda *_: None)
        except VisionError as refused:
            says_why(refused)
            assert not dataset.samples.exists()
        else:
            assert tally.usable
            assert import_files(dataset, Path(folder), lambda *_: None).changed == 0
    dataset.delete()
