"""Labels from names or from a CSV file, in every shape a dataset comes in."""

import zipfile
from pathlib import Path

import pytest

from tests.training.utkface import write_folder, write_zip
from vision.attributes import Labels
from vision.data.labelled_files import LabelledFiles
from vision.data.utkface import DatasetUnreadable, utkface_labels

TABLE = b"file,age,gender,race\none.png,30,female,Asian\nsub/two.jpg,4,0,3\n"
FILES = {"one.png": b"1", "sub/two.jpg": b"2"}


def read(path: Path) -> dict[str, tuple[bytes, Labels | None, str]]:
    with LabelledFiles(path) as files:
        found = list(files)
        assert len(files) == len(found)
    return {file.name: (file.data, file.labels, file.refusal) for file in found}


def test_a_table_labels_files_by_number_or_by_name(tmp_path: Path) -> None:
    write_folder(tmp_path, FILES | {"labels.csv": TABLE})
    expected = {
        "one.png": (b"1", utkface_labels(30, 1, 2), ""),
        "sub/two.jpg": (b"2", utkface_labels(4, 0, 3), ""),
    }
    assert read(tmp_path / "labels.csv") == expected
    assert read(tmp_path) == expected


def test_a_table_may_lie_in_a_zip_in_its_folder(tmp_path: Path) -> None:
    packed = {f"mine/{name}": data for name, data in (FILES | {"labels.csv": TABLE}).items()}
    found = read(write_zip(tmp_path / "mine.zip", packed))
    assert found["mine/sub/two.jpg"] == (b"2", utkface_labels(4, 0, 3), "")


def test_rows_that_cannot_be_used_are_named_and_the_others_read(tmp_path: Path) -> None:
    rows = b"file,age,gender,race\na.jpg,old,0,0\nb.jpg,30,0,9\n../c.jpg,30,0,0\nd.jpg,30,0,0\n"
    write_folder(tmp_path / "in", {"labels.csv": rows, "d.jpg": b"d"})
    (tmp_path / "c.jpg").write_bytes(b"secret")
    found = read(tmp_path / "in" / "labels.csv")
    assert {name: refusal for name, (_, _, refusal) in found.items()} == {
        "a.jpg": "label_not_known",
        "b.jpg": "label_out_of_range",
        "../c.jpg": "unsafe_name",
        "d.jpg": "",
    }
    assert found["../c.jpg"][0] == b""


def test_a_part_of_a_label_is_no_label(tmp_path: Path) -> None:
    rows = b"file,age,gender,race\na.jpg,30,0.9,0\nb.jpg,-0.5,0,0\nc.jpg,30.7,1.0,0\n"
    write_folder(tmp_path, {"labels.csv": rows})
    assert read(tmp_path / "labels.csv") == {
        "a.jpg": (b"", None, "label_not_known"),
        "b.jpg": (b"", None, "label_out_of_range"),
        "c.jpg": (b"", utkface_labels(30, 1, 0), "not_found"),
    }


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"labels.csv": b"file,age,gender,race\na\0.jpg,30,0,0\n"})
    with pytest.raises(DatasetUnreadable):
        read(tmp_path / "labels.csv")


def test_a_row_without_its_file_is_named_as_that(tmp_path: Path) -> None:
    write_folder(tmp_path, {"labels.csv": b"file,age,gender,race\ngone.jpg,30,0,0\n"})
    assert read(tmp_path / "labels.csv") == {
        "gone.jpg": (b"", utkface_labels(30, 0, 0), "not_found")
    }


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"labels.csv": b"name,years\na.jpg,3\n"})
    with pytest.raises(DatasetUnreadable, match="no column for: gender, race"):
        read(tmp_path / "labels.csv")


def test_names_are_read_where_no_table_lies(tmp_path: Path) -> None:
    files = {"UTKFace/1_0_0_1 .jpg.chip.jpg": b"a", "notes.csv": b"x,y\n", "../2_0_0_2.jpg": b"b"}
    found = read(write_zip(tmp_path / "utk.zip", files))
    assert found == {
        "UTKFace/1_0_0_1 .jpg.chip.jpg": (b"a", utkface_labels(1, 0, 0), ""),
        "../2_0_0_2.jpg": (b"", None, "unsafe_name"),
    }


def test_folders_and_zips_give_the_same_files(tmp_path: Path) -> None:
    files = {"UTKFace/1_0_0_1.jpg": b"one", "UTKFace/part/2_1_1_2.jpg.chip.jpg": b"two"}
    noise = {"UTKFace/.DS_Store": b"x", "__MACOSX/UTKFace/._1_0_0_1.jpg": b"x", "README.txt": b"x"}
    packed = read(write_zip(tmp_path / "utk.zip", files | noise))
    assert packed == read(write_folder(tmp_path / "folder", files | noise))
    assert {name: data for name, (data, _, _) in packed.items()} == files


def test_a_bomb_in_a_zip_is_given_as_a_broken_image(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("1_0_0_1.jpg", b"\x00" * (30 * 2**20))
    assert read(archive) == {"1_0_0_1.jpg": (b"", utkface_labels(1, 0, 0), "")}
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.zip"]


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no zip")
    for path in (tmp_path / "a.zip", tmp_path / "nowhere"):
        with pytest.raises(DatasetUnreadable):
            read(path)
