"""What the recipes select, and that no picture is ever in two splits."""

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.data.cleaning import Reason
from vision.data.selection import (
    CLASSIC,
    EXAM,
    FULL,
    SPLITS,
    Candidate,
    NothingLeft,
    Selection,
    SelectionPolicy,
    Split,
    joint_split,
    select,
    split_of_bucket,
    with_exam,
)
from vision.data.utkface import Labels


def candidates(count: int = 4000, seed: int = 1) -> list[Candidate]:
    """Random images; some are set aside."""
    rng = random.Random(seed)
    made = []
    for n in range(count):
        reason = rng.choice([None] * 12 + [Reason.UNREADABLE, Reason.EXACT_DUPLICATE])
        labels = Labels(rng.randint(0, 95), rng.randint(0, 1), rng.choice([0, 0, 0, 1, 1, 2, 3, 4]))
        split = split_of_bucket(rng.randrange(20))
        made.append(Candidate(f"{n}.jpg", f"{n:064x}", labels, reason, split))
    return made


def splits(selection: Selection) -> dict[str, str]:
    return {candidate.name: split for candidate, split in selection.chosen}


def test_classic_keeps_three_races_of_one_size() -> None:
    selection = select(CLASSIC, candidates())
    races = Counter(c.labels.race for c, _ in selection.chosen if c.labels)
    assert set(races) == {0, 1, 2}
    assert len(set(races.values())) == 1
    assert [step.step for step in selection.funnel] == [
        "files", "labelled", "readable", "consistent", "distinct", "races", "balanced",
    ]  # fmt: skip


def test_full_throws_nothing_clean_away() -> None:
    everything = candidates()
    selection = select(FULL, everything)
    assert len(selection.chosen) == sum(c.reason is None for c in everything)


def test_every_step_of_the_funnel_adds_up() -> None:
    for recipe in (CLASSIC, FULL):
        funnel = select(recipe, candidates()).funnel
        for before, after in itertools.pairwise(funnel):
            assert before.count - sum(after.reasons.values()) == after.count


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("recipe", [CLASSIC, FULL])
def test_no_selection_and_no_seed_touches_a_split(recipe: SelectionPolicy, seed: int) -> None:
    everything = candidates()
    own = {candidate.name: candidate.split for candidate in everything}
    chosen = splits(select(recipe, everything, seed))
    assert chosen.items() <= own.items()
    assert set(chosen.values()) == {"train", "validation", "test"}


def test_a_small_dataset_trains_on_nothing_that_a_large_one_tests_on() -> None:
    """However few images are there: no cell is filled with images from another split."""
    everything = candidates()
    whole = splits(select(FULL, everything))
    for count in (10, 60, 600):
        assert splits(select(FULL, everything[:count])).items() <= whole.items()


def test_all_recipes_sit_one_exam() -> None:
    everything = candidates()
    exam = select(EXAM, everything)
    classic = with_exam(select(CLASSIC, everything), exam)
    tests = [name for name, split in splits(exam).items() if split == "test"]
    assert [name for name, split in splits(classic).items() if split == "test"] == tests
    assert {c.labels.race for c, split in classic.chosen if c.labels and split == "test"} == {
        0, 1, 2, 3, 4,
    }  # fmt: skip
    assert {c.labels.race for c, split in classic.chosen if c.labels and split == "train"} == {
        0, 1, 2,
    }  # fmt: skip


def test_the_fingerprint_tells_which_exam_was_sat() -> None:
    everything = candidates()
    classic = select(CLASSIC, everything)
    assert with_exam(classic, select(EXAM, everything)).fingerprint != classic.fingerprint
    full = select(FULL, everything)
    assert with_exam(full, full).fingerprint == full.fingerprint


def test_the_order_of_the_files_decides_nothing() -> None:
    everything = candidates()
    first = select(CLASSIC, everything)
    shuffled = random.Random(3).sample(everything, len(everything))
    again = select(CLASSIC, shuffled)
    assert splits(again) == splits(first)
    assert again.fingerprint == first.fingerprint


def test_the_seed_draws_what_undersampling_leaves_out() -> None:
    zero, one = (select(CLASSIC, candidates(), seed) for seed in (0, 1))
    assert splits(zero).keys() != splits(one).keys()


def test_a_tenth_tests_and_a_tenth_validates_whichever_bucket_a_dataset_lacks() -> None:
    whole = Counter(split_of_bucket(bucket) for bucket in range(20))
    assert whole == {"train": 16, "validation": 2, "test": 2}
    for lacking in (0, 1):
        rest = Counter(split_of_bucket(b) for b in range(20) if b % 10 != lacking)
        assert rest == {"train": 16, "validation": 1, "test": 1}


@given(st.lists(st.sampled_from(SPLITS), min_size=1))
def test_pictures_that_turn_out_to_be_one_never_move_from_training(splits: list[Split]) -> None:
    joint = joint_split(splits)
    assert joint in splits
    assert all(SPLITS.index(joint) <= SPLITS.index(split) for split in splits)


def test_a_changed_label_changes_the_fingerprint_and_a_changed_name_does_not() -> None:
    one = Candidate("a.jpg", "a" * 64, Labels(30, 0, 0), None, "train")
    renamed = Candidate("b.jpg", "a" * 64, Labels(30, 0, 0), None, "train")
    relabelled = Candidate("a.jpg", "a" * 64, Labels(31, 0, 0), None, "train")
    fingerprints = [select(FULL, [c]).fingerprint for c in (one, renamed, relabelled)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_an_empty_split_is_an_error_with_words() -> None:
    lonely = select(FULL, [Candidate("a.jpg", "a" * 64, Labels(30, 0, 0), None, "train")])
    with pytest.raises(NothingLeft, match="leaves no image for validation and test"):
        lonely.curated(Path)
