"""Which images the exam has: chosen and frozen once, after which nothing changes them."""

from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from training.datasets import curations
from training.models import Content, Dataset, Exam, ExamImage, Sample, TrainingRun
from training.models.labels import LABEL_COLUMNS, labels_in
from vision.attributes import ATTRIBUTES, SHIPPED, Labels
from vision.bundles.bundle import read_manifest, read_trained_on
from vision.bundles.trained_on import TrainedOn
from vision.data.selection import EXAM, NothingLeft
from vision.errors import BundleError
from vision.evaluation.paired import ENOUGH

from .exam_store import current_exam

# A dataset is UTKFace that has as large a share of what the starter has learnt from, of which so
# many are looked for, evenly spread: no look at a dataset of any size takes longer.
_SHARE = 0.5
_LOOKED_FOR = 200


def settled_exam(dataset: Dataset | None = None) -> Exam | None:
    """The exam that versions are compared by, frozen now where it is time for that.

    It is UTKFace's test split where UTKFace is there. Where it is not, it is that of the dataset
    that was trained on first: `dataset`, where none was before. Another takes its place when as
    many test images as are compared have labels of an attribute that it has none of: again
    UTKFace's, or else those of `dataset` or of the one that it was of. None where there is none
    yet. To be called when `lineage` is up to date, so that nothing is in it that was learnt.
    """
    due = _due(dataset)
    return (_frozen(*due) if due else None) or current_exam()


def is_due() -> bool:
    """Whether there is an exam to be frozen, with no further training."""
    return _due(None) is not None


def _due(dataset: Dataset | None) -> tuple[Dataset, bool] | None:
    """The dataset whose test is to be the exam, and whether it is UTKFace."""
    exam = current_exam()
    if (exam is None or not exam.of_utkface) and (utkface := _utkface()):
        return utkface, True
    if exam is None:
        first = _trained_on_first() or dataset
        return (first, False) if first else None
    compared_by = set(exam.attributes.split(",")) & set(ATTRIBUTES)
    if compared_by == set(ATTRIBUTES):
        return None
    own = _utkface() if exam.of_utkface else Dataset.objects.filter(name=exam.dataset_name).first()
    for one in [own] if exam.of_utkface else [dataset, own]:
        if one and compared_by < set(_attributes_of(_test_labels(one))):
            return one, exam.of_utkface
    return None


def _test_labels(dataset: Dataset) -> Collection[Labels]:
    """The labels of the images that an exam of a dataset would have."""
    tests = Content.objects.filter(digest=OuterRef("digest"), split="test")
    used = dataset.samples.filter(Exists(tests), reason="", sender="")
    rows = used.values_list("digest", *LABEL_COLUMNS, named=True)
    return {row.digest: labels_in(row) for row in rows}.values()


def _trained_on_first() -> Dataset | None:
    runs = TrainingRun.objects.filter(version__isnull=False)
    run = runs.order_by("pk").select_related("dataset").first()
    return run.dataset if run else None


def _utkface() -> Dataset | None:
    """The dataset with most of what the starter has learnt from, if one has enough.

    Neither names nor numbers of files tell what a dataset is; what is in it does.
    """
    wanted = _some_prefixes()
    either = Q()
    for prefix in wanted:
        either |= Q(digest__gte=prefix, digest__lte=prefix + "f" * (64 - len(prefix)))
    if not either:
        return None
    # First which contents those are, of which an index tells: no row of a dataset is gone through.
    digests = list(Content.objects.filter(either).values_list("digest", flat=True))
    found = Sample.objects.filter(digest__in=digests).order_by().values("dataset")
    most = found.annotate(held=Count("digest", distinct=True)).order_by("-held", "dataset").first()
    if most is None or most["held"] < _SHARE * len(wanted):
        return None
    return Dataset.objects.filter(pk=most["dataset"]).first()


def _some_prefixes() -> list[str]:
    """The first 16 digits of some of the contents that the starter has learnt from."""
    try:
        folder = settings.STARTER_BUNDLE
        learnt = read_trained_on(folder, read_manifest(folder)) or TrainedOn()
    except BundleError:
        return []
    every = max(1, len(learnt) // _LOOKED_FOR)
    return [f"{int(prefix):016x}" for prefix in learnt.contents[::every][:_LOOKED_FOR]]


def _frozen(dataset: Dataset, of_utkface: bool) -> Exam | None:
    """An exam of the dataset's test split as it is now; None where it has no images to split."""
    try:
        test = curations.curated(dataset, EXAM.name).test
    except NothingLeft:
        return None
    # An override may have kept two files of one content.
    labels = {example.digest: example.labels for example in test}
    with transaction.atomic():
        exam, new = Exam.objects.get_or_create(
            attributes=",".join(_attributes_of(labels.values())),
            of_utkface=of_utkface,
            defaults={"dataset_name": dataset.name},
        )
        if new:
            ExamImage.objects.bulk_create(
                _image(exam, position, digest, labels[digest])
                for position, digest in enumerate(sorted(labels))
            )
    return exam


def _image(exam: Exam, position: int, digest: str, labels: Labels) -> ExamImage:
    image = ExamImage(exam=exam, position=position, digest=digest)
    image.labels = labels
    return image


def _attributes_of(images: Collection[Labels]) -> list[str]:
    """What images can be compared by: what all have labels of, and what enough have."""
    counts = Counter(name for labels in images for name in labels)
    return [name for name in ATTRIBUTES if name in SHIPPED or counts[name] >= ENOUGH]
