"""Whether the faces of late are like those that the serving version has learnt from.

Estimates are compared with labels, so a difference may be the photos' or the model's; either is a
reason to look.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from predictions.daily_sums import Recent, tenth
from training.attribute_names import label_title, title
from training.charts import Axes, Chart, bars
from training.models import ModelVersion
from vision.attributes import AGE, AGE_BINS, ATTRIBUTES, labelled

DAYS = 28
_ENOUGH = 100  # faces, or images, of which shares are told
_APART = 0.10  # a difference of shares that is told in words


@dataclass(frozen=True)
class Compared:
    """Shares by label: of the last weeks' faces, and of the images that the version was trained
    on, or else (`is_of_test`) of those that it was tested on."""

    key: str
    title: str
    labels: Mapping[str, str]
    faces: Counter[str]
    images: Counter[str]
    is_of_test: bool

    @property
    def is_telling(self) -> bool:
        return self.faces.total() >= _ENOUGH and self.images.total() >= _ENOUGH

    def shares(self, label: str) -> tuple[float, float]:
        return self.faces[label] / self.faces.total(), self.images[label] / self.images.total()


def compared(version: ModelVersion, recent: Recent) -> list[Compared]:
    """Age, every attribute, and how sure the model is of each; only what both are known of."""
    found = [*_estimates(version, recent), *_confidences(version, recent)]
    return [one for one in found if one.is_telling]


def _estimates(version: ModelVersion, recent: Recent) -> Iterator[Compared]:
    """Beside the labels of the training images; of versions that do not tell them, beside those of
    the test images, which were drawn at random from the same dataset."""
    trained = version.manifest.get("labels", {}).get("classes", {}).get("train", {})
    groups = version.report.get("metrics", {}).get("groups", ())
    for name, attribute in ATTRIBUTES.items():
        labels = attribute.labels or AGE_BINS
        images = Counter(trained.get(name, {}))
        is_of_test = not images.total()
        for group in groups if is_of_test else ():
            if name in group:
                images[group[name]] += group["n"]
        words = {one: one if name == AGE.name else label_title(name, one) for one in labels}
        faces = recent.totals(name, DAYS)
        yield Compared(name, title(name), words, faces, images, is_of_test)


def _confidences(version: ModelVersion, recent: Recent) -> Iterator[Compared]:
    """Beside those on the test images: on images that it has learnt from a model is surer."""
    counts = recent.totals("confidence", DAYS)
    for attribute in labelled():
        name = attribute.name
        of_it = {
            label.split(" ")[1]: count
            for label, count in counts.items()
            if label.startswith(f"{name} ")
        }
        tested: Counter[str] = Counter()
        for one in version.report.get("reliability", {}).get(name, {}).get("bins", ()):
            if one["n"]:
                tested[tenth(one["confidence"])] += one["n"]
        tenths = sorted({*of_it, *tested})
        words = {low: f"{100 * float(low):.0f}–{100 * float(low) + 10:.0f}%" for low in tenths}
        named = _("%(attribute)s: probability of the estimate") % {"attribute": title(name)}
        yield Compared(f"confidence-{name}", named, words, Counter(of_it), tested, is_of_test=True)


def sentence(one: Compared) -> str:
    """Where the two part most, in words; that they do not, where they do not."""
    now, then, label = max(
        ((*one.shares(label), label) for label in one.labels),
        key=lambda told: (round(abs(told[0] - told[1]), 6), told[0]),
    )
    if abs(now - then) < _APART:
        return _("No share differs by more than %(points).0f points.") % {"points": 100 * _APART}
    words = (
        _("%(label)s: %(now).0f%% of the faces, but %(then).0f%% of the test images.")
        if one.is_of_test
        else _("%(label)s: %(now).0f%% of the faces, but %(then).0f%% of the training images.")
    )
    return words % {"label": one.labels[label], "now": 100 * now, "then": 100 * then}


def is_apart(one: Compared) -> bool:
    return any(abs(now - then) >= _APART for now, then in map(one.shares, one.labels))


def chart(one: Compared) -> Chart:
    pairs = [one.shares(label) for label in one.labels]
    images = _("Test images") if one.is_of_test else _("Training images")
    return bars(
        f"drift-{one.key}",
        one.title,
        sentence(one),
        list(one.labels.values()),
        {
            _("Last four weeks"): [round(100 * now, 1) for now, _then in pairs],
            images: [round(100 * then, 1) for _now, then in pairs],
        },
        axes=Axes(x=one.title, y=_("Per cent")),
    )
