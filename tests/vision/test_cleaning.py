"""Which of several copies is used, and why the others are not."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vision.cleaning import NEAR_BITS, Reason, Record, group_near, judge_copies
from vision.dataset import Labels

FAR_APART = [0x0, 0xFFFF_0000_FFFF_0000, 0x00FF_00FF_00FF_00FF, 0xF0F0_F0F0_0F0F_0F0F]


def record(key: int, name: str, content: int, labels: Labels = Labels(30, 0, 0)) -> Record:  # noqa: B008
    return Record(key, name, f"{content:064x}", labels, FAR_APART[content])


def reasons(*records: Record) -> list[Reason | None]:
    verdicts = judge_copies(records)
    return [verdicts[record.key].reason for record in records]


def test_an_image_without_copies_is_used() -> None:
    assert reasons(record(1, "a.jpg", 0), record(2, "b.jpg", 1)) == [None, None]


def test_of_identical_files_that_agree_the_first_by_path_is_used() -> None:
    assert reasons(record(1, "b.jpg", 0), record(2, "a.jpg", 0)) == [Reason.EXACT_DUPLICATE, None]


def test_copies_that_contradict_each_other_are_none_of_them_used() -> None:
    man, woman, older = Labels(30, 0, 0), Labels(30, 1, 0), Labels(40, 0, 0)
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


def test_a_picture_saved_twice_is_used_once_and_stays_in_one_group() -> None:
    first = Record(5, "a.jpg", "a" * 64, Labels(30, 0, 0), FAR_APART[1])
    again = Record(3, "b.jpg", "b" * 64, Labels(30, 0, 0), FAR_APART[1] ^ 0b11)
    other = Record(4, "c.jpg", "c" * 64, Labels(30, 0, 0), FAR_APART[1] ^ 0b11110000)
    verdicts = judge_copies([first, again, other])
    assert [verdicts[key].reason for key in (5, 3, 4)] == [None, Reason.NEAR_DUPLICATE, None]
    assert [verdicts[key].group for key in (5, 3, 4)] == [3, 3, 4]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.randoms())
def test_near_hashes_are_found_as_by_comparing_every_pair(
    hashes: list[int], rng: random.Random
) -> None:
    for _ in range(len(hashes)):
        flipped = rng.choice(hashes)
        for bit in rng.sample(range(64), rng.randint(0, 3)):
            flipped ^= 1 << bit
        hashes.append(flipped)
    groups = group_near(np.array(hashes, np.uint64))
    linked = {
        (i, j)
        for i in range(len(hashes))
        for j in range(i)
        if (hashes[i] ^ hashes[j]).bit_count() <= NEAR_BITS
    }
    assert all(groups[i] == groups[j] for i, j in linked)
    assert len(set(groups.tolist())) == _components(len(hashes), linked)


def _components(count: int, pairs: set[tuple[int, int]]) -> int:
    labels = list(range(count))
    for i, j in pairs:
        old, new = labels[i], labels[j]
        labels = [new if label == old else label for label in labels]
    return len(set(labels))
