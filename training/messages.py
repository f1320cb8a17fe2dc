"""What training says to people: the sentences of its own codes, and all in a reader's language.

A run stores a code and parameters; whoever shows it makes the sentence, in their language.
"""

from collections.abc import Mapping
from typing import Any

from django.utils import translation

from training import attribute_names
from vision.attributes import RACE, grouping, labelled
from vision.errors import VisionError
from vision.messages import TEMPLATES as OF_VISION
from vision.messages import Counted, Message, Templates
from vision.messages import in_words as words_of

_FIGURES: Templates = {
    "figure.age_mae": "Age, mean absolute error (years)",
    "figure.age_bias": "Age, bias: mean of estimated minus labelled (years)",
    "figure.age_mse": "Age, mean squared error",
    "figure.age_rmse": "Age, root mean squared error (years)",
    "figure.accuracy": "%(attribute)s, accuracy",
    "figure.race3_accuracy": "Race, accuracy over three labels",
    "figure.race_accuracy": "Race, accuracy over five labels",
}

_WORDS: Templates = {
    **_FIGURES,
    "group.count": "%(group)s (%(count)d)",
    "group.figures": "%(group)s (%(new)s; %(old)s; %(count)d)",
}

_ENDS: Templates = {
    "cancelled": "Stopped on request. What was done is kept.",
    "interrupted": "Interrupted. Resume the run to continue.",
    "interrupted.worker_lost": "The worker was lost. Resume the run to continue where it stopped.",
    "unforeseen": "An unexpected error occurred; the log has the details.",
    "imported": "%(changed)d files are new or changed; the dataset holds %(total)d now.",
    "imported.put_back": Counted(
        "%(count)d missing image file was restored.",
        "%(count)d missing image files were restored.",
    ),
    "label_issues": "%(count)d of %(total)d labels look wrong; please look at them.",
    "no_exam": "There is no exam yet. The first training freezes the test images of its dataset.",
    "examined": Counted(
        "%(count)d version was scored on the exam.",
        "%(count)d versions were scored on the exam.",
    ),
    "not_examined": "“%(name)s” could not be examined: %(reason)s",
    "exported": Counted("%(count)d version was exported.", "%(count)d versions were exported."),
    "not_exported": "“%(name)s” could not be exported: %(reason)s",
    "model_made": "The model “%(name)s” is ready.",
    "model_waits": "It waits for your decision, because:",
    "model_serves": "It is now active.",
    "model_objections": "Reasons against it:",
    "of_another_version": (
        "How this ended was recorded by another version of FaceRoute, which can show it."
    ),
}

# Of the files of an import, by reason; those of one reason are told with a few of them.
_NOT_USED: Templates = {
    "not_used.not_found": Counted(
        "%(count)d file named in the label file was not found: %(examples)s.",
        "%(count)d files named in the label file were not found, such as %(examples)s.",
    ),
    "not_used.ambiguous_row": Counted(
        "%(count)d row matches several files or contradicts another row: %(examples)s.",
        "%(count)d rows match several files or contradict other rows, such as %(examples)s.",
    ),
    "not_used.label_not_known": Counted(
        "%(count)d label is not recognized: %(examples)s.",
        "%(count)d labels are not recognized, such as %(examples)s.",
    ),
    "not_used.label_out_of_range": Counted(
        "%(count)d label is out of range: %(examples)s.",
        "%(count)d labels are out of range, such as %(examples)s.",
    ),
    "not_used.malformed_name": Counted(
        "%(count)d image has no label in its name or its row: %(examples)s.",
        "%(count)d images have no labels in their names or rows, such as %(examples)s.",
    ),
    "not_used.unreadable": Counted(
        "%(count)d file is not a readable image: %(examples)s.",
        "%(count)d files are not readable images, such as %(examples)s.",
    ),
    "not_used.unsafe_name": Counted(
        "%(count)d path leads outside its folder and was not read: %(examples)s.",
        "%(count)d paths lead outside their folder and were not read, such as %(examples)s.",
    ),
    "not_used.unlisted": Counted(
        "%(count)d image is not listed in the label file: %(examples)s.",
        "%(count)d images are not listed in the label file, such as %(examples)s.",
    ),
    "nothing_usable": "Nothing in “%(name)s” could be used, and nothing was kept.",
    "nothing_usable.no_image": (
        "It contains no images. Image files end in .jpg, .jpeg or .png, or are named in a label "
        "file."
    ),
}

_REFUSALS: Templates = {
    "images_missing.not_stored": Counted(
        "%(count)d image is not in the storage yet. Please try again in a few minutes, while a "
        "worker runs on the machine that imported it, or import it again.",
        "%(count)d images are not in the storage yet. Please try again in a few minutes, while a "
        "worker runs on the machine that imported them, or import them again.",
    ),
    "images_missing.lost": Counted(
        "%(count)d image is missing from the storage, or is damaged there. Please import it again.",
        "%(count)d images are missing from the storage, or are damaged there. Please import them "
        "again.",
    ),
    "storage_silent": (
        "The storage with the models and datasets is not responding. Please try again in a few "
        "minutes."
    ),
    "run_refused": "Another run is already in progress. Please wait for it to end, or stop it.",
    "run_refused.not_begun": (
        "Another one was requested earlier and is waiting for a worker. Please start the site, "
        "whose worker will run it, or stop it on its page."
    ),
    "import_refused.path": ("There is no such file or folder in the import folder of this server."),
    "import_refused.name": (
        "A dataset’s name must be a single line of 1 to %(longest)d characters."
    ),
    "import_refused.busy": "An import into this dataset is already running.",
    "import_refused.disk": "The disk of this server has too little space for the archive.",
    "too_few_images": "The dataset has fewer than %(least)d images in use.",
    "training_refused.backbone": (
        "No model is active whose backbone could be used. Please choose or activate one."
    ),
    "training_refused.busy": (
        "A training is already in progress. Please wait for it to end, or stop it."
    ),
    "training_refused.not_resumable": (
        "There is no training run %(pk)d that could be resumed; it may be done, or in progress. "
        "One whose process was killed counts as in progress for another minute."
    ),
    "parcel_refused.folder": ("There is a folder “%(name)s” already. Please name another."),
    "parcel_refused.wheels": "The wheels that travel along cannot be had. %(why)s",
    "parcel_refused.size": (
        "The parcel has %(size)s and the repository %(tracked)s, together more than %(limit)s. "
        "%(advice)s"
    ),
    "advice.smaller": "Please train at a smaller size (--size).",
    "advice.two": "Please pack it as two (--two), or train at a smaller size (--size).",
    "parcel_refused.checkout": (
        "A training is packed from a checkout of the repository, since that goes along."
    ),
    "parcel_refused.other_parcel": (
        "This result is of another parcel. Please name the one that was trained on."
    ),
    "parcel_refused.trained_on": (
        "It was trained on %(train)d images of the dataset “%(name)s” and validated on "
        "%(validation)d."
    ),
    "parcel_refused.no_dataset": "That dataset is not here. Please import it first.",
    "parcel_refused.changed": (
        "It now has %(train)d and %(validation)d, or others, or other labels: its images, its "
        "labels or overrides on them have changed since it was packed. Please take that back, or "
        "pack it anew."
    ),
}

_GATE: Templates = {
    "gate.not_examined": (
        "It could not be compared with “%(name)s”: not examined. “manage.py examine” lets all "
        "versions sit the exam."
    ),
    "gate.too_few": (
        "It could not be compared with “%(name)s”: the exam has %(count)d images that neither has "
        "learnt from; %(enough)d are needed."
    ),
    "gate.worse": (
        "%(figure)s: %(new)s instead of the %(old)s of “%(name)s” on the same %(count)d images; it "
        "is worse, by %(low)s to %(high)s."
    ),
    "gate.may_be_worse": (
        "%(figure)s: %(new)s, and %(old)s of “%(name)s” on the same %(count)d images; it may be "
        "worse by up to %(high)s, and %(margin)s are allowed."
    ),
    "gate.worse_groups": (
        "%(figure)s is worse than that of “%(name)s” for these groups (now; before; images): "
        "%(groups)s."
    ),
    "gate.groups_too_small": (
        "%(figure)s: these groups have too few images to tell whether they lose more than "
        "%(limit)s (images): %(groups)s."
    ),
    "gate.other_tests": (
        "The two versions’ own tests have different images, so small differences between those "
        "figures mean little."
    ),
    "gate.head_lost": "It does not estimate the %(head)s, which the present version does.",
    "gate.labels_lost": (
        "It does not know the labels %(labels)s of the %(head)s, which the present version does."
    ),
    "gate.learnt_from_few": "It has learnt from too few images of: %(labels)s.",
    "gate.tested_on_few": "Its own test has too few images of: %(labels)s.",
    "gate.small_test": (
        "Its own test has %(count)d images; with fewer than %(enough)d, figures say little."
    ),
    "gate.contradicted": (
        "The labels of the %(head)s that it has learnt contradict “%(name)s”: of %(count)d images "
        "they agree in %(share).0f%%."
    ),
}

_LOG: Templates = {
    "log.images": (
        "%(recipe)s on %(dataset)s: %(train)d images to train on, %(validation)d to validate, "
        "%(test)d to test."
    ),
    "log.corrections": "%(trained)d of %(given)d corrections are trained on.",
    "log.held_back": "%(count)d of the corrections show a held-back picture.",
    "log.sender_bound": "%(count)d are beyond the %(share).0f%% of one sender.",
    "log.joint_bound": "%(count)d are beyond the %(share).0f%% of all senders together.",
    "log.epoch": "%(phase)s, epoch %(epoch)d of %(epochs)d: %(figures)s",
    "log.epoch.timed": "%(phase)s, epoch %(epoch)d of %(epochs)d (%(seconds).1f s): %(figures)s",
    "log.last_block": "Last block of the backbone",
    "log.head": "%(head)s (%(figures)s)",
    "log.figure": "%(name)s %(value)s",
    "log.loss": "loss %(value)s",
    "log.validation_loss": "validation loss %(value)s",
    "log.validation_mae": "validation error %(value)s years",
    "log.validation_accuracy": "validation accuracy %(value)s",
    "log.tested": "Tested on %(count)d images: %(figures)s.",
}

OWN: Templates = {**_WORDS, **_ENDS, **_LOG, **_NOT_USED, **_REFUSALS, **_GATE}
TEMPLATES: Templates = {**OF_VISION, **OWN}
"""Every code that training, or what it uses, says something with."""


class TrainingError(VisionError):
    """Base of the errors of this package, whose sentences are here."""

    templates = TEMPLATES


def in_words(message: Message) -> str:
    """The sentence of a message, in the language of whoever reads. Raises LookupError."""
    return words_of(message, {**TEMPLATES, **attribute_names.templates()}, translation)


def stored_in_words(code: str, parameters: Mapping[str, Any]) -> str:
    """The sentence of what a row has stored, be it by another version; empty without a code."""
    if not code:
        return ""
    try:
        return in_words(Message.from_json({"code": code, "parameters": parameters}))
    except (LookupError, TypeError, ValueError):
        return in_words(Message("of_another_version"))


def headline_figures() -> tuple[str, ...]:
    """The figures that versions are told by, in the order in which they are read."""
    others = (f"{one.name}_accuracy" for one in labelled() if one != RACE)
    ages = ("age_mae", "age_bias", "age_mse", "age_rmse")
    return (*ages, *others, "race3_accuracy", "race_accuracy")


def named_figure(name: str) -> Message:
    """The name of a headline figure."""
    if f"figure.{name}" in _FIGURES:
        return Message(f"figure.{name}")
    attribute = name.removesuffix("_accuracy")
    return Message("figure.accuracy", {"attribute": Message(f"title.{attribute}")})


def named_head(name: str) -> Message:
    """What a head estimates, within a sentence."""
    return Message(f"head.{name}")


def named_label(name: str, label: str) -> Message:
    """A label of an attribute, within a sentence."""
    return Message(f"{name}.{label}")


def named_group(labels: Mapping[str, Any]) -> list[Message | str]:
    """A group of a report by its labels, as far as it names them: race, gender, …, age."""
    names = [one.name for one in grouping()]
    named: list[Message | str] = [named_label(n, labels[n]) for n in names if n in labels]
    return [*named, labels["age"]] if "age" in labels else named


def counted_group(labels: Mapping[str, Any], count: int) -> Message:
    """A group with its number of images."""
    return Message("group.count", {"group": named_group(labels), "count": count})
