"""Label files as people have them: encodings, separators, columns, words, and paths that differ."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.utkface import write_folder, write_zip
from vision.attributes import Labels
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.utkface import DatasetUnreadable, utkface_labels

TABLE = "file,age,gender,race\n얼굴_1.png,30,female,Asian\n얼굴_2.png,4,male,Indian\n"
EXPECTED = {"얼굴_1.png": utkface_labels(30, 1, 2), "얼굴_2.png": utkface_labels(4, 0, 3)}
FILES = {"얼굴_1.png": b"1", "얼굴_2.png": b"2"}


def read(path: Path) -> dict[str, LabelledFile]:
    with LabelledFiles(path) as files:
        return {file.name: file for file in files}


def read_table(
    folder: Path, table: str | bytes, files: dict[str, bytes]
) -> dict[str, LabelledFile]:
    data = table if isinstance(table, bytes) else table.encode()
    return read(write_folder(folder, files | {"labels.csv": data}))


def usable(found: dict[str, LabelledFile]) -> dict[str, Labels]:
    """The labels of those that are there and not refused."""
    return {n: file.labels for n, file in found.items() if file.labels and not file.refusal}


def refusals(found: dict[str, LabelledFile]) -> dict[str, str]:
    return {name: str(file.refusal) for name, file in found.items()}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949"]
)
def test_a_table_is_read_in_whatever_encoding_it_was_saved(tmp_path: Path, encoding: str) -> None:
    found = read_table(tmp_path, TABLE.encode(encoding), FILES)
    assert usable(found) == EXPECTED
    assert {name: file.data for name, file in found.items()} == FILES


def test_a_table_from_western_windows_is_read(tmp_path: Path) -> None:
    table = "file,age,gender,race\nJosé.jpg,30,0,0\nZoë.jpg,31,1,0\n".encode("cp1252")
    found = read_table(tmp_path, table, {"José.jpg": b"1", "Zoë.jpg": b"2"})
    assert usable(found) == {
        "José.jpg": utkface_labels(30, 0, 0),
        "Zoë.jpg": utkface_labels(31, 1, 0),
    }


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_with_whatever_separates_its_cells(
    tmp_path: Path, separator: str, line_end: str
) -> None:
    table = TABLE.replace(",", separator).replace("\n", line_end)
    assert usable(read_table(tmp_path, table, FILES)) == EXPECTED


def test_a_table_as_excel_writes_it_is_read(tmp_path: Path) -> None:
    table = '\r\nsep=;\r\n"Datei; file";age;gender;race;file\r\n"x; y";"30,5";male;0;"a ""b"".jpg"'
    found = read_table(tmp_path, table.lstrip(), {'a "b".jpg': b"1"})
    assert usable(found) == {'a "b".jpg': utkface_labels(30, 0, 0)}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".CSV"])
def test_a_table_is_known_by_its_columns_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    write_folder(tmp_path, FILES | {f"labels{suffix}": TABLE.replace(",", "\t").encode()})
    assert usable(read(tmp_path)) == EXPECTED
    assert usable(read(tmp_path / f"labels{suffix}")) == EXPECTED


@pytest.mark.parametrize(
    "header",
    [
        "Filename,Age,Gender,Ethnicity",
        "image_path,AGE,Sex,RACE",
        "Image Name,age (years),sex,ethnicity",
        "img,years,gender,ethnic group",
        "파일명,나이,성별,인종",
        "path,age,gender,race",
        "Picture,Age,Sex,Race",
    ],
)
def test_columns_may_have_any_of_their_usual_names(tmp_path: Path, header: str) -> None:
    table = TABLE.replace("file,age,gender,race", header)
    assert usable(read_table(tmp_path, table, FILES)) == EXPECTED


def test_columns_that_are_named_exactly_go_before_those_that_sound_alike(tmp_path: Path) -> None:
    table = "name,file,age,sex,gender,race\nAnn,a.jpg,30,9,female,white\n"
    assert usable(read_table(tmp_path, table, {"a.jpg": b"1"})) == {
        "a.jpg": utkface_labels(30, 1, 0)
    }


@pytest.mark.parametrize(
    ("gender", "race", "expected"),
    [
        ("M", "White", (0, 0)),
        ("F", "Caucasian", (1, 0)),
        ("Male", "African-American", (0, 1)),
        ("woman", "Black", (1, 1)),
        ("0", "East Asian", (0, 2)),
        ("1", "Southeast Asian", (1, 2)),
        ("1.0", "South_Asian", (1, 3)),
        ("남성", "Latino_Hispanic", (0, 4)),
        ("여", "Other", (1, 4)),
        ("FEMALE", "4", (1, 4)),
    ],
)
def test_labels_may_be_written_as_people_write_them(
    tmp_path: Path, gender: str, race: str, expected: tuple[int, int]
) -> None:
    # Beside a row with 0, so that the numbers count from there.
    table = f"file,age,gender,race\nz.jpg,1,0,0\na.jpg,30,{gender},{race}\n"
    found = read_table(tmp_path, table, {"a.jpg": b"1", "z.jpg": b"2"})
    assert usable(found)["a.jpg"] == utkface_labels(30, *expected)


def test_what_a_cell_says_that_is_not_known_is_told(tmp_path: Path) -> None:
    rows = ["30-39,male,White", "30,diverse,White", "30,0,Mixed", "131,0,0", "30,,0", "30,0,nan"]
    table = "\n".join(["file,age,gender,race", *(f"{n}.jpg,{row}" for n, row in enumerate(rows))])
    found = read_table(tmp_path, table, {f"{n}.jpg": b"1" for n in range(6)})
    assert [(file.refusal, file.detail) for file in found.values()] == [
        ("label_not_known", "age: 30-39"),
        ("label_not_known", "gender: diverse"),
        ("label_not_known", "race: Mixed"),
        ("label_out_of_range", "age: 131"),
        ("malformed_name", ""),
        ("malformed_name", ""),
    ]
    assert all(file.data == b"1" for file in found.values())  # somebody may label them by hand


@pytest.mark.parametrize("cell", ["9" * 5000, "1e400", "inf", "-1", "1_0", "²", "0x1f", "--3"])
def test_no_number_is_too_odd_to_be_refused(tmp_path: Path, cell: str) -> None:
    found = read_table(tmp_path, f"file,age,gender,race\na.jpg,{cell},0,0\n", {"a.jpg": b"1"})
    assert found["a.jpg"].refusal in {"label_not_known", "label_out_of_range"}


@pytest.mark.parametrize(("column", "numbers"), [("gender", "12"), ("race", "12345")])
def test_labels_that_count_from_one_are_not_taken_for_others(
    tmp_path: Path, column: str, numbers: str
) -> None:
    fixed = {"age": "30", "gender": "0", "race": "0"}
    rows = [",".join({**fixed, column: number}.values()) for number in numbers]
    table = "\n".join(["file,age,gender,race", *(f"{n}.jpg,{row}" for n, row in enumerate(rows))])
    with pytest.raises(DatasetUnreadable, match=f"column {column} .* counts from 1"):
        read_table(tmp_path, table, {})


@pytest.mark.parametrize(
    ("written", "lies_at"),
    [
        ("./a.jpg", "a.jpg"),
        ("A.JPG", "a.jpg"),
        ("img\\a.jpg", "img/a.jpg"),
        ("IMG//A.jpg", "img/a.jpg"),
        ("a.jpg", "img/a.jpg"),
        ("data/img/a.jpg", "img/a.jpg"),
        ("img/a.jpg", "a.jpg"),
        ("img/a.jpg", "archive/IMG/a.jpg"),
        (" a.jpg ", "a.jpg"),
    ],
)
def test_a_file_is_found_though_its_path_is_written_otherwise(
    tmp_path: Path, written: str, lies_at: str
) -> None:
    table = f"file,age,gender,race\n{written},30,0,0\n"
    [file] = read_table(tmp_path, table, {lies_at: b"it"}).values()
    assert (file.data, file.refusal, file.labels) == (b"it", "", utkface_labels(30, 0, 0))


def test_what_a_path_may_mean_twice_is_told_and_nothing_is_guessed(tmp_path: Path) -> None:
    table = "file,age,gender,race\na.jpg,30,0,0\nb.jpg,31,0,0\nx/c.jpg,1,0,0\ny/c.jpg,2,0,0\n"
    files = {"one/a.jpg": b"1", "two/a.jpg": b"2", "one/b.jpg": b"3", "c.jpg": b"4"}
    found = read_table(tmp_path, table, files)
    assert refusals(found) == {
        "a.jpg": "ambiguous_row",  # two files
        "b.jpg": "",
        "x/c.jpg": "ambiguous_row",  # two rows for one file
        "y/c.jpg": "ambiguous_row",
    }
    assert found["b.jpg"].data == b"3"
    assert found["a.jpg"].data == b""


def test_rows_of_one_file_have_to_agree(tmp_path: Path) -> None:
    table = "file,age,gender,race\na.jpg,30,0,0\n./a.jpg,30,0,0\nb.jpg,30,0,0\nb.jpg,31,0,0\n"
    found = read_table(tmp_path, table, {"a.jpg": b"1", "b.jpg": b"2"})
    assert refusals(found) == {"a.jpg": "", "b.jpg": "ambiguous_row"}


def test_images_that_the_table_does_not_name_are_known(tmp_path: Path) -> None:
    write_folder(tmp_path, FILES | {"more/x.jpg": b"x", "labels.csv": TABLE.encode()})
    with LabelledFiles(tmp_path) as files:
        assert files.unlisted == ["more/x.jpg"]


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "put",
    [
        make_pipe,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to(path.parent),
    ],
    ids=["pipe", "folder", "device", "loop", "link to a folder"],
)
def test_what_is_no_plain_file_is_not_found_and_never_opened(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(tmp_path / "a.jpg")
    table = "file,age,gender,race\na.jpg,30,0,0\n"
    assert refusals(read_table(tmp_path, table, {})) == {"a.jpg": "not_found"}
    (tmp_path / "labels.csv").unlink()
    assert read(tmp_path) == {}
    if not (tmp_path / "a.jpg").is_dir():
        (tmp_path / "a.jpg").rename(tmp_path / "b.csv")
        with pytest.raises(DatasetUnreadable):
            read(tmp_path / "b.csv")


@pytest.mark.parametrize(
    "path",
    ["/dev/zero", "/etc/passwd", "../x.jpg", "a/../../x.jpg", "C:\\x.jpg", "\\\\host\\x.jpg"],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.jpg").write_bytes(b"secret")
    table = f"file,age,gender,race\n{path},30,0,0\n"
    [file] = read_table(tmp_path / "in", table, {}).values()
    assert (file.refusal, file.data) == ("unsafe_name", b"")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"file,age,gender,race\na\0.jpg,30,0,0\n", "not a text file"),
        (b"file,age,gender\na.jpg,30,0\n", "no column for: race"),
        (b"", "empty"),
        (b'file,age,gender,race\n"' + b"x" * 200_000, "quotation mark"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not a text file|no column"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path: Path, table: bytes, said: str) -> None:
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(DatasetUnreadable, match=said):
        read(tmp_path / "labels.csv")


def test_a_folder_whose_table_lacks_a_column_says_so_unless_names_have_labels(
    tmp_path: Path,
) -> None:
    table = {"labels.csv": b"file,age,gender\na.jpg,30,0\n"}
    with pytest.raises(DatasetUnreadable, match="has no column for: race"):
        read(write_folder(tmp_path / "a", table | {"a.jpg": b"1"}))
    found = read(write_folder(tmp_path / "b", table | {"30_0_0_1.jpg": b"1"}))
    assert usable(found) == {"30_0_0_1.jpg": utkface_labels(30, 0, 0)}


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_names_in_a_zip_are_read_as_they_were_written(tmp_path: Path, encoding: str) -> None:
    """macOS and Korean Windows do not say in which encoding names are."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("labels.csv", TABLE)
        for name, data in FILES.items():
            made.writestr(_Unflagged(name.encode(encoding)), data)
    assert usable(read(archive)) == EXPECTED


class _Unflagged(zipfile.ZipInfo):
    def __init__(self, raw: bytes) -> None:
        super().__init__(raw.hex())
        self.raw = raw

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  as zipfile calls it
        return self.raw, self.flag_bits & ~0x800


def test_a_zip_packed_with_backslashes_is_read(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", {"UTKFace\\30_0_0_1.jpg": b"1"})
    assert usable(read(archive)) == {"UTKFace/30_0_0_1.jpg": utkface_labels(30, 0, 0)}


def test_a_file_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"30_0_0_\xb0\xa1.jpg")).write_bytes(b"1")
    (tmp_path / os.fsdecode(b"\xff/30_0_0_2.jpg")).parent.mkdir()
    (tmp_path / os.fsdecode(b"\xff/30_0_0_2.jpg")).write_bytes(b"2")
    found = read(tmp_path)
    assert sorted(file.data for file in found.values()) == [b"1", b"2"]
    for name in found:
        name.encode()  # a database takes it
