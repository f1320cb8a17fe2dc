"""What versions have learnt from: kept with each of them, and kept out of their tests."""

from collections.abc import Sequence

from training.models import Content, ModelVersion, SplitName
from training.registry.versions import trained_on
from vision.bundles import trained_on as lists
from vision.bundles.bundle import Bundle
from vision.bundles.seen import has_seen
from vision.bundles.trained_on import TrainedOn
from vision.data.utkface import Curated, Example

from . import contents, former
from .copies import Progress, find_copies


def bring_up_to_date(on_progress: Progress) -> None:
    """Settle which contents belong to training, and which show one picture.

    To be called before splits are relied on: after an import, before a training. Where nothing
    came it costs next to nothing. Raises whatever `on_progress` raises.
    """
    on_progress("copies", 0, 0)
    former.tell_versions()
    former.keep_begun()
    for version in ModelVersion.objects.defer("report"):
        learnt = trained_on(version)
        if learnt is not None:
            _keep_in_training(learnt)
    find_copies(on_progress)


def _keep_in_training(learnt: TrainedOn) -> None:
    held_back = Content.objects.exclude(split=SplitName.TRAIN)
    digests = list(held_back.values_list("digest", flat=True))
    seen = [digest for digest, held in zip(digests, learnt.holds(digests), strict=True) if held]
    contents.move_towards_learning(seen, "train")


def of_training(curated: Curated, backbone: Bundle | None) -> TrainedOn:
    """What a version learns from: a training split, and all that its backbone has learnt from."""
    digests = [example.digest for example in curated.train]
    own = lists.of_examples(digests, contents.hashes_of(digests), curated.fingerprint)
    if backbone is None:
        return own
    if backbone.trained_on is None:
        return own | TrainedOn(unknown=(backbone.manifest["name"],))
    return own | backbone.trained_on


def without_seen(examples: Sequence[Example], learnt: TrainedOn) -> list[Example]:
    """The examples that a version has neither learnt from nor from anything that looks the same."""
    known = seen(examples, learnt)
    return [example for example, is_seen in zip(examples, known, strict=True) if not is_seen]


def seen(examples: Sequence[Example], learnt: TrainedOn) -> list[bool]:
    """Of each example, whether a version has learnt from it, or from what shows the same picture:
    a content of its group, or one that looks the same and is not here."""
    groups = contents.pictures(example.digest for example in examples)
    held = zip(groups.values(), learnt.holds(list(groups)), strict=True)
    learnt_groups = {group for group, is_held in held if is_held}
    return [
        groups.get(example.digest) in learnt_groups or _is_seen(example, learnt)
        for example in examples
    ]


def _is_seen(example: Example, learnt: TrainedOn) -> bool:
    """One whose file is gone counts as unseen; whoever examines with it will say so."""
    try:
        return has_seen(learnt, example.path.read_bytes())
    except OSError:
        return False
