"""A content's split is fixed once, whatever comes later, and only ever moves towards learning."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count
from PIL import Image

from tests.factories import DatasetFactory, SampleFactory
from tests.training.utkface import random_files, write_folder
from tests.vision.planted import EDITS, saved
from tests.vision.test_near_copies import picture
from training.datasets import contents, curations, deletion
from training.datasets.copies import find_copies, waiting
from training.datasets.importing import import_files
from training.models import Content, Dataset, Sample
from vision.data.selection import SPLITS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "datasets"
    settings.MODEL_ROOT = tmp_path / "models"


def quietly(_phase: str, _done: int, _total: int) -> None:
    pass


def import_(folder: Path, files: dict[str, bytes], name: str = "UTKFace") -> Dataset:
    dataset, _ = Dataset.objects.get_or_create(name=name)
    import_files(dataset, write_folder(folder, files), quietly)
    dataset.refresh_from_db()
    return dataset


def splits() -> dict[str, str]:
    return dict(Content.objects.values_list("digest", "split"))


def edited(edit: str, image: Image.Image) -> bytes:
    return saved(EDITS[edit](image))


def named(pictures: dict[str, bytes]) -> dict[str, bytes]:
    return {f"UTKFace/30_0_0_{name}.jpg": data for name, data in pictures.items()}


@pytest.mark.parametrize("sizes", [(20, 60, 200), (200, 60, 20)])
def test_no_import_moves_a_content_whatever_its_size_and_order(
    tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    files = list(random_files(200).items())
    before: dict[str, str] = {}
    for size in sizes:
        import_(tmp_path / str(size), dict(files[:size]), f"of {size}")
        assert before.items() <= splits().items()
        before = splits()
    trained: set[str] = set()
    tested: set[str] = set()
    for dataset, recipe in itertools.product(Dataset.objects.all(), ("classic", "full")):
        for candidate, split in curations.selection(dataset, recipe).chosen:
            (trained if split == "train" else tested).add(candidate.digest)
    assert trained
    assert tested
    assert not trained & tested


@pytest.mark.parametrize("edit", EDITS)
def test_a_near_copy_that_comes_later_in_another_dataset_shares_the_split(
    tmp_path: Path, edit: str
) -> None:
    pictures = [picture(seed) for seed in range(30)]
    first = import_(tmp_path / "a", named({f"a{n}": saved(p) for n, p in enumerate(pictures)}), "a")
    before = splits()
    copies = named({f"b{n}": edited(edit, p) for n, p in enumerate(pictures)})
    second = import_(tmp_path / "b", copies, "b")
    rows = Content.objects.order_by("pk")
    originals, later = rows[:30], rows[30:]
    assert [c.group for c in later] == [c.pk for c in originals]
    for one, other in zip(originals, later, strict=True):
        assert one.split == other.split
        # What was held back may have moved towards learning, never the other way.
        assert SPLITS.index(one.split) <= SPLITS.index(before[one.digest])
    assert waiting(first) == waiting(second) == 0


def test_near_copies_in_one_dataset_are_one_group_with_a_reason(tmp_path: Path) -> None:
    image = picture(1)
    pictures = {"1": saved(image), **{edit: edited(edit, image) for edit in EDITS}}
    dataset = import_(tmp_path / "in", named(pictures | {"other": saved(picture(2))}))
    reasons = dict(dataset.samples.values_list("name", "reason"))
    assert sorted(reasons.values()) == ["", "", *["near_duplicate"] * 4]
    assert not reasons["UTKFace/30_0_0_1.jpg"]
    assert dataset.samples.values("group").distinct().count() == 2


def test_when_a_later_import_links_two_pictures_what_was_learnt_stays_learnt() -> None:
    for before in itertools.product(SPLITS, repeat=3):
        made = [
            Content.objects.create(digest=f"{n}{'-'.join(before)}", split=split, group=0)
            for n, split in enumerate(before)
        ]
        for content in made:
            Content.objects.filter(pk=content.pk).update(group=content.pk)
        contents.join([(made[2].pk, made[0].pk), (made[1].pk, made[2].pk)])
        found = Content.objects.filter(pk__in=[content.pk for content in made])
        nearest = min(before, key=SPLITS.index)
        assert set(found.values_list("split", "group")) == {(nearest, made[0].pk)}


def test_a_content_that_is_learnt_from_takes_its_copies_along_and_its_datasets_change() -> None:
    dataset, other = DatasetFactory.create(), DatasetFactory.create()
    one, two = (SampleFactory.create(dataset=dataset, bucket=0) for _ in range(2))
    SampleFactory.create(dataset=other, bucket=0)
    keys = Content.objects.filter(digest__in=[one.digest, two.digest])
    first, second = keys.values_list("pk", flat=True)
    contents.join([(first, second)])
    dataset.refresh_from_db()
    before = dataset.revision
    contents.move_towards_learning([one.digest], "train")
    assert set(keys.values_list("split", flat=True)) == {"train"}
    dataset.refresh_from_db()
    other.refresh_from_db()
    assert dataset.revision > before
    assert other.revision == 0
    contents.move_towards_learning([one.digest], "validation")
    assert set(keys.values_list("split", flat=True)) == {"train"}


def test_a_content_keeps_its_split_when_its_dataset_is_gone(tmp_path: Path) -> None:
    dataset = import_(tmp_path / "in", random_files(20))
    first = next(iter(dataset.samples.values_list("digest", flat=True)))
    contents.move_towards_learning([first], "train")
    before = splits()
    dataset.delete()
    import_(tmp_path / "in", random_files(20))
    assert splits() == before


@pytest.mark.parametrize("edit", EDITS)
def test_copies_that_came_while_a_dataset_was_gone_are_found_when_it_is_back(
    tmp_path: Path, edit: str
) -> None:
    pictures = [picture(seed) for seed in range(30)]
    originals = named({f"a{n}": saved(p) for n, p in enumerate(pictures)})
    first = import_(tmp_path / "a", originals, "a")
    deletion.delete(Dataset.objects.filter(pk=first.pk))
    copies = named({f"b{n}": edited(edit, p) for n, p in enumerate(pictures)})
    import_(tmp_path / "b", copies, "b")
    import_(tmp_path / "a", originals, "a again")
    groups = Content.objects.values("group").annotate(
        contents=Count("pk"), splits=Count("split", distinct=True)
    )
    assert set(groups.values_list("contents", "splits")) == {(2, 1)}
    assert groups.count() == 30


def test_a_search_that_is_cut_off_goes_on_and_ends_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    pictures = [picture(seed) for seed in range(90)]
    order = [saved(p) for p in pictures] + [edited("mirrored", p) for p in pictures]
    random.Random(0).shuffle(order)
    dataset = import_(tmp_path / "in", named({f"{n:03}": data for n, data in enumerate(order)}))
    whole = dict(Content.objects.values_list("digest", "group")), splits()
    Content.objects.update(compared=False, group=0)
    for content in Content.objects.all():
        Content.objects.filter(pk=content.pk).update(group=content.pk)
    assert waiting(dataset) == 180

    def stop(phase: str, done: int, _total: int) -> None:
        if phase == "copies" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_copies(stop)
    assert 0 < waiting(dataset) < 180
    told: list[int] = []
    find_copies(lambda _phase, _done, total: told.append(total))
    assert max(told) < 180
    assert waiting(dataset) == 0
    assert (dict(Content.objects.values_list("digest", "group")), splits()) == whole
    assert dict(Sample.objects.values_list("digest", "group")) == whole[0]


def test_a_file_that_is_gone_is_a_copy_of_nothing() -> None:
    SampleFactory.create_batch(3, perceptual_hash="0" * 16)
    find_copies(quietly)
    assert Content.objects.values("group").distinct().count() == 3


def test_until_copies_are_looked_for_the_charts_say_so(settings: Any) -> None:
    from training.eda.dataset_charts import tables

    dataset = DatasetFactory.create()
    SampleFactory.create_batch(2, dataset=dataset)
    assert "2 images have not been compared" in tables(dataset)["reasons"]["notes"][0]
    find_copies(quietly)
    dataset.refresh_from_db()
    assert not tables(dataset)["reasons"]["notes"]


def test_two_imports_at_once_keep_one_row_for_one_content() -> None:
    sample = Sample(digest="a" * 64, bucket=3, perceptual_hash="0" * 16)
    contents.keep([sample, Sample(digest="a" * 64, bucket=3, perceptual_hash="0" * 16)])
    contents.keep([sample])
    content = Content.objects.get()
    assert (content.split, content.group) == ("train", content.pk)
