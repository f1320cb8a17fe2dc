"""What the recipes select, and that no picture is ever in two splits."""

import itertools
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from vision.cleaning import Reason
from vision.curation import CLASSIC, FULL, Candidate, CurationRecipe, NothingLeft, Selection, select
from vision.dataset import Labels
from vision.labels import age_bin


def candidates(count: int = 4000, seed: int = 1) -> list[Candidate]:
    """Random images; some are copies that share a group, some are set aside."""
    rng = random.Random(seed)
    made = []
    for n in range(count):
        reason = rng.choice([None] * 12 + [Reason.UNREADABLE, Reason.EXACT_DUPLICATE])
        group = n - 1 if reason == Reason.EXACT_DUPLICATE and n else n
        labels = Labels(rng.randint(0, 95), rng.randint(0, 1), rng.choice([0, 0, 0, 1, 1, 2, 3, 4]))
        made.append(Candidate(f"{n}.jpg", f"{n:064x}", labels, reason, group, rng.randrange(20)))
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
def test_no_group_is_in_two_splits(recipe: CurationRecipe, seed: int) -> None:
    found = defaultdict(set)
    for candidate, split in select(recipe, candidates(), seed).chosen:
        found[candidate.group].add(split)
    assert {len(members) for members in found.values()} == {1}


def test_every_cell_with_three_pictures_is_in_every_split() -> None:
    cells = defaultdict(set)
    groups = defaultdict(set)
    for candidate, split in select(FULL, candidates()).chosen:
        assert candidate.labels
        labels = candidate.labels
        cell = labels.race, labels.gender, age_bin(labels.age)
        cells[cell].add(split)
        groups[cell].add(candidate.group)
    assert all(len(cells[cell]) == 3 for cell in cells if len(groups[cell]) >= 3)


def test_the_order_of_the_files_decides_nothing() -> None:
    everything = candidates()
    first = select(CLASSIC, everything)
    shuffled = random.Random(3).sample(everything, len(everything))
    again = select(CLASSIC, shuffled)
    assert splits(again) == splits(first)
    assert again.fingerprint == first.fingerprint


def test_the_seed_is_part_of_what_is_fixed() -> None:
    zero, one = (select(FULL, candidates(), seed) for seed in (0, 1))
    assert splits(zero) != splits(one)
    assert zero.fingerprint != one.fingerprint


def test_seed_zero_keeps_what_the_starter_has_trained_on_out_of_the_tests() -> None:
    """But for the few that fill cells which would be empty."""
    everything = candidates()
    buckets = {c.name: c.bucket % 10 for c in everything}
    chosen = splits(select(FULL, everything))
    trained_on = [name for name, split in chosen.items() if split != "train" and buckets[name] > 1]
    assert len(trained_on) < 0.02 * len(chosen)


def test_a_dataset_whose_test_images_are_held_back_elsewhere_still_has_a_test_split() -> None:
    without = [c for c in candidates() if c.bucket % 10 != 0]
    sizes = Counter(split for _, split in select(FULL, without).chosen)
    assert sizes["test"] > 0.6 * sizes["validation"] > 0


def test_a_changed_label_changes_the_fingerprint_and_a_changed_name_does_not() -> None:
    one = Candidate("a.jpg", "a" * 64, Labels(30, 0, 0), None, 1, 5)
    renamed = Candidate("b.jpg", "a" * 64, Labels(30, 0, 0), None, 1, 5)
    relabelled = Candidate("a.jpg", "a" * 64, Labels(31, 0, 0), None, 1, 5)
    fingerprints = [select(FULL, [c]).fingerprint for c in (one, renamed, relabelled)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_an_empty_split_is_an_error_with_words() -> None:
    lonely = select(FULL, [Candidate("a.jpg", "a" * 64, Labels(30, 0, 0), None, 1, 5)])
    with pytest.raises(NothingLeft, match="leaves no image for validation and test"):
        lonely.curated(Path)
