"""Which of several copies is used, and why the others are not."""

from vision.attributes import Labels
from vision.data.cleaning import Reason, Record, judge_copies
from vision.data.utkface import utkface_labels


def record(key: int, name: str, content: int, labels: Labels = utkface_labels(30, 0, 0)) -> Record:  # noqa: B008
    return Record(key, name, f"{content:064x}", labels, group=content)


def reasons(*records: Record) -> list[Reason | None]:
    verdicts = judge_copies(records)
    return [verdicts[record.key] for record in records]


def test_an_image_without_copies_is_used() -> None:
    assert reasons(record(1, "a.jpg", 0), record(2, "b.jpg", 1)) == [None, None]


def test_of_identical_files_that_agree_the_first_by_path_is_used() -> None:
    assert reasons(record(1, "b.jpg", 0), record(2, "a.jpg", 0)) == [Reason.EXACT_DUPLICATE, None]


def test_copies_that_contradict_each_other_are_none_of_them_used() -> None:
    man, woman, older = utkface_labels(30, 0, 0), utkface_labels(30, 1, 0), utkface_labels(40, 0, 0)
    assert reasons(record(1, "a.jpg", 0, man), record(2, "b.jpg", 0, woman)) == [
        Reason.CONFLICTING_CLASSES,
        Reason.CONFLICTING_CLASSES,
    ]
    assert reasons(record(1, "a.jpg", 0, man), record(2, "b.jpg", 0, older)) == [
        Reason.CONFLICTING_AGES,
        Reason.CONFLICTING_AGES,
    ]


def test_one_file_packed_twice_is_no_conflict_and_no_second_example() -> None:
    assert reasons(record(1, "a/x.jpg", 0), record(2, "b/x.jpg", 0)) == [None, Reason.REPEATED_FILE]


def test_of_one_picture_the_first_by_path_that_is_not_set_aside_is_used() -> None:
    man, woman = utkface_labels(30, 0, 0), utkface_labels(30, 1, 0)
    contradicted = [
        Record(1, "a.jpg", "a" * 64, man, 7),
        Record(2, "b.jpg", "a" * 64, woman, 7),
    ]
    first, again, other = (
        Record(5, "c.jpg", "c" * 64, man, 7),
        Record(3, "d.jpg", "d" * 64, woman, 7),
        Record(4, "e.jpg", "e" * 64, man, 8),
    )
    verdicts = judge_copies([again, other, first, *contradicted])
    assert [verdicts[key] for key in (5, 3, 4)] == [None, Reason.NEAR_DUPLICATE, None]
    assert {verdicts[1], verdicts[2]} == {Reason.CONFLICTING_CLASSES}


def test_what_is_not_said_contradicts_nothing_and_of_such_copies_the_fullest_is_used() -> None:
    fuller = {**utkface_labels(30, 0, 0), "glasses": 1}
    assert reasons(record(1, "a.jpg", 0), record(2, "b.jpg", 0, fuller)) == [
        Reason.EXACT_DUPLICATE,
        None,
    ]
