"""How far labels of one picture agree: what is measured with them cannot be better."""

from collections import defaultdict
from functools import reduce
from itertools import combinations
from operator import add
from statistics import fmean
from typing import Any

from django.db.models import Count, Max, Min
from django.db.models.functions import Coalesce

from training.models import Dataset
from training.models.labels import HAS_LABELS, LABEL_COLUMNS, label_value, labels_in
from vision.attributes import AGE, ATTRIBUTES, labelled


def identical_files(dataset: Dataset) -> dict[str, int]:
    """Groups of identical files, and how many of those groups carry different labels."""
    classes = reduce(add, (_spread(one.name) for one in labelled()))
    groups = (
        dataset.samples.filter(HAS_LABELS)
        .exclude(digest="")
        .values("digest")
        .annotate(n=Count("pk"), ages=_spread(AGE.name), classes=classes)
        .filter(n__gt=1)
        .values_list("n", "ages", "classes")
        .order_by()
    )
    rows = list(groups)
    return {
        "identical_groups": len(rows),
        "identical_files": sum(n for n, _, _ in rows),
        "conflicting_groups": sum(ages + classes > 0 for _, ages, classes in rows),
        "conflicting_class_groups": sum(classes > 0 for _, _, classes in rows),
    }


def _spread(name: str) -> Any:
    """By how much the labels of some samples differ: cheaper than counting them, by far."""
    value = label_value(name)
    return Coalesce(Max(value) - Min(value), 0)


def label_noise(dataset: Dataset) -> dict[str, Any]:
    """How much labels of one picture differ: the floor of every figure measured with them.

    `pairs` of labelled near copies (of identical files the first by path counts), the mean
    difference of their ages in years, and for each attribute with labels the share of pairs whose
    labels differ, of those that both have one; None without pairs.
    """
    # Corrections measure nothing that versions are examined on.
    samples = dataset.samples.filter(HAS_LABELS, sender="").exclude(digest="")
    several = samples.values("group").annotate(n=Count("digest", distinct=True)).filter(n__gt=1)
    rows = samples.filter(group__in=several.values("group")).order_by("-name")
    labels: defaultdict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    for row in rows.values_list("group", "digest", *LABEL_COLUMNS, named=True):
        labels[row.group][row.digest] = labels_in(row)
    pairs = [pair for contents in labels.values() for pair in combinations(contents.values(), 2)]
    differences = {
        name: [
            abs(one[name] - other[name]) for one, other in pairs if name in one and name in other
        ]
        for name in ATTRIBUTES
    }
    ages = differences.pop(AGE.name)
    return {
        "pairs": len(pairs),
        "age_difference": round(fmean(ages), 2) if ages else None,
        **{
            f"{name}_differs": round(fmean(n > 0 for n in found), 4) if found else None
            for name, found in differences.items()
        },
    }
