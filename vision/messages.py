"""What is said to people: a code with parameters, of which a sentence is made when it is read.

What is stored or raised is a `Message`. Every package has one table of templates by code; this
one's are English, and are translated by whoever shows them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from gettext import NullTranslations
from typing import Any, NamedTuple, Protocol, TypeAlias

# Numbers stay numbers and lists stay lists, so that each language sets them as it likes.
Parameter: TypeAlias = "str | int | float | Message | Sequence[Parameter]"

_SEVERAL = "several"


@dataclass(frozen=True)
class Message:
    """A code, and what its template is filled in with. Programs see what precedes a dot in it."""

    code: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "parameters": stored(self.parameters)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Message":
        return cls(record["code"], {name: _read(one) for name, one in record["parameters"].items()})


class Counted(NamedTuple):
    """A template for each number that languages tell apart, chosen by the parameter `count`."""

    one: str
    many: str


Templates = Mapping[str, str | Counted]


class Language(Protocol):
    """Translates templates, as `django.utils.translation` does."""

    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...


ENGLISH: Language = NullTranslations()


def several(sentences: Sequence[Message]) -> Message:
    """Sentences that stand one after the other."""
    return Message(_SEVERAL, {"sentences": sentences})


def stored(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Parameters as plain JSON."""
    return {name: _as_json(value) for name, value in parameters.items()}


def in_words(message: Message, templates: Templates, language: Language = ENGLISH) -> str:
    """The sentence of a message. Raises LookupError where a template or a parameter is missing."""
    texts = {
        name: _text(value, templates, language, " " if message.code == _SEVERAL else ", ")
        for name, value in message.parameters.items()
    }
    if message.code == _SEVERAL:
        return str(texts["sentences"])
    template = templates[message.code]
    if isinstance(template, Counted):
        return language.ngettext(*template, int(str(texts["count"]))) % texts
    return language.gettext(template) % texts


def _text(
    value: Parameter, templates: Templates, language: Language, separator: str
) -> str | int | float:
    match value:
        case Message():
            return in_words(value, templates, language)
        case str() | int() | float():
            return value
        case _:
            return separator.join(str(_text(one, templates, language, ", ")) for one in value)


def _as_json(value: Parameter) -> Any:
    match value:
        case Message():
            return value.as_json()
        case str() | int() | float():
            return value
        case _:
            return [_as_json(one) for one in value]


def _read(value: Any) -> Parameter:
    match value:
        case {"code": _, "parameters": _}:
            return Message.from_json(value)
        case list():
            return [_read(one) for one in value]
        case _:
            known: Parameter = value
            return known


TEMPLATES: Templates = {
    # Words that sentences are made with.
    "and": "%(first)s and %(second)s",
    "split.train": "train",
    "split.validation": "validation",
    "split.test": "test",
    "megabytes": "%(count)d MB",
    "megapixels": "%(count)d megapixels",
    "pixels_a_side": "%(count)d pixels a side",
    # Photos
    "photo_unusable": "This photo could not be used. Please send another one.",
    "photo_type_unsupported": (
        "This kind of picture cannot be read. Please send one of these: %(formats)s."
    ),
    "photo_unreadable": (
        "The photo is damaged or was cut short, and could not be read. Please send it again."
    ),
    "photo_unreadable.file": "The file cannot be opened.",
    "photo_too_large": "The photo is larger than %(limit)s. Please send a smaller version.",
    "photo_unreadable.decoder": (
        "The photo could not be opened: it brought down the program that reads photos. "
        "Please save it in another format and send it again."
    ),
    "photo_too_large.elongated": (
        "The photo is more than %(limit)d times as long as it is wide. Please send a part of it."
    ),
    "photo_too_large.memory": (
        "Opening the photo takes more than %(limit)s of memory. Please send a smaller version."
    ),
    "photo_too_large.time": Counted(
        "Opening the photo takes longer than %(count)d second. Please send a smaller version.",
        "Opening the photo takes longer than %(count)d seconds. Please send a smaller version.",
    ),
    # Model bundles
    "model_unusable.name_taken": "There is a model called “%(name)s” already.",
    "model_unusable.backbone": (
        "The model “%(name)s” is a backbone without heads. Please train heads on it first."
    ),
    "model_unusable.not_written": "The folder of the model “%(name)s” cannot be written to.",
    "model_missing.folder": "There is no model in the folder “%(name)s”.",
    "model_missing.named": "There is neither a model version nor a folder called “%(name)s”.",
    "model_missing.export": "The model “%(name)s” has not been exported yet.",
    "model_missing.files": "The files of the model “%(name)s” are missing.",
    "model_missing.not_stored": ("The model “%(name)s” is still only on the machine that made it."),
    "model_missing.lost": (
        "A file of the model “%(name)s” is missing from the storage, or is damaged there."
    ),
    "model_away": "The storage with the model “%(name)s” is not responding.",
    "model_corrupt.manifest": "The manifest of the model “%(name)s” is damaged.",
    "model_corrupt.manifest_kind": "The model's manifest is damaged.",
    "model_corrupt.manifest_lacks": "The model's manifest lacks what it needs to be loaded.",
    "model_corrupt.weights_lost": "The model “%(name)s” has lost its weights.",
    "model_corrupt.weights_differ": (
        "The weights of the model “%(name)s” are not those that were saved."
    ),
    "model_corrupt.weights": "The weights of the model “%(name)s” are damaged.",
    "model_corrupt.trained_on": (
        "The list of what the model “%(name)s” was trained on is damaged."
    ),
    "model_corrupt.starter_report": "The report of the starter model is missing or damaged.",
    "model_incompatible.format": (
        "The model is stored in format %(found)s; this FaceRoute reads %(known)s. "
        "Please export it again, or upgrade."
    ),
    "model_incompatible.architecture": "The model's architecture “%(found)s” is not known here.",
    "model_incompatible.input_size": "An input of %(size)d pixels cannot be computed here.",
    "model_incompatible.head": (
        "The model's %(head)s head cannot be built by this version of FaceRoute (%(why)s)."
    ),
    "model_incompatible.no_heads": "The model declares no heads.",
    "model_incompatible.heads_off": "The model has none of the heads that are switched on.",
    "model_incompatible.reading": (
        "The model wants its crops read in a way that is not known here. Please upgrade."
    ),
    "model_incompatible.tensor_missing": "The model does not fit: %(name)s is missing.",
    "model_incompatible.tensor_shape": (
        "The model does not fit: %(name)s has the shape %(found)s, not %(wanted)s."
    ),
    "weights_unavailable": (
        "VGGFace's weights cannot be downloaded or read. Please look at the connection, or "
        "download rcmalli_vggface_tf_notop_vgg16.h5 elsewhere and give the file."
    ),
    "weights_unavailable.file": "“%(name)s” is not a file of Keras weights.",
    "weights_unavailable.layers": (
        "“%(name)s” lacks the layers %(missing)s. Please use rcmalli_vggface_tf_notop_vgg16.h5."
    ),
    # Datasets
    "malformed_name": "The name “%(name)s” is not [age]_[gender]_[race]_[timestamp].",
    "malformed_name.row": "The row has no value for: %(missing)s.",
    "label_not_known": "“%(word)s” in the column %(column)s is not a known label.",
    "label_out_of_range": "The labels %(labels)s are outside their range.",
    "label_out_of_range.cell": "“%(word)s” in the column %(column)s is out of range.",
    "unsafe_name": "The name “%(name)s” points out of its archive.",
    "dataset_unreadable": "“%(name)s” is not a readable folder, zip archive or label file.",
    "dataset_unreadable.columns": (
        "“%(name)s” has no column for: %(missing)s. The first line must name columns for the "
        "file, age, gender and race."
    ),
    "dataset_unreadable.text": (
        "“%(name)s” is damaged or not a text file: it cannot be read as UTF-8, UTF-16 or a Windows "
        "code page. Please save it again as CSV in UTF-8."
    ),
    "dataset_unreadable.csv": (
        "“%(name)s” cannot be read as a table: a quotation mark is not closed, or a cell is too "
        "long. Please save it again as CSV."
    ),
    "dataset_unreadable.empty": "“%(name)s” is empty, or larger than 500 MB.",
    "dataset_unreadable.numbers": (
        "The column %(column)s of “%(name)s” counts from 1; FaceRoute, like UTKFace, counts from "
        "0: %(labels)s. Please write the names of the labels instead of numbers."
    ),
    "example_unreadable": (
        "The image %(name)s cannot be read any more. Please import the dataset again."
    ),
    "example_unreadable.exam": Counted(
        "%(count)d image of the exam cannot be read any more. Please import “%(dataset)s” again.",
        "%(count)d images of the exam cannot be read any more. Please import “%(dataset)s” again.",
    ),
    "example_unreadable.test": (
        "%(count)d images of the test split cannot be read any more. Please import the dataset "
        "again."
    ),
    "nothing_left": (
        "The policy “%(policy)s” leaves no image for %(splits)s. Please import more images."
    ),
    # Training
    "recipe_invalid.unknown": "There is no recipe “%(name)s”; there are %(known)s.",
    "recipe_invalid.number": "%(field)s must be a number.",
    "recipe_invalid.whole_number": "%(field)s must be a whole number.",
    "recipe_invalid.range": "%(field)s must lie between %(low)s and %(high)s, not %(value)s.",
    "recipe_invalid.unfreeze": "unfreeze must be none or block5, not %(value)s.",
    "recipe_invalid.heads": "A recipe needs at least one head, and each of them once.",
    "recipe_invalid.no_such_head": (
        "The recipe “%(name)s” has no head %(missing)s; it has %(known)s."
    ),
    "recipe_invalid.pooling": "A backbone is trained with heads that pool by max_mean only.",
    "recipe_invalid.loss_weight": "The loss of the %(head)s head needs a weight over 0.",
    "recipe_invalid.no_stage": "A recipe needs at least one stage.",
    "recipe_invalid.sizes": "smallest must not be over largest.",
    "recipe_invalid.fields": "A recipe has no %(fields)s.",
    "recipe_invalid.unreadable": "The recipe cannot be read (%(why)s).",
    "recipe_invalid.change": "The recipe cannot be changed so (%(why)s).",
    "too_few_images.batch": (
        "The recipe learns from %(batch)d images at a time, and the selection has %(count)d. "
        "Please import more images, or make the batch smaller."
    ),
    "nothing_to_learn": "No image of the selection has a label of the %(head)s head.",
    "loss_diverged": (
        "The loss of the %(head)s head is no longer a number. Please train with a lower learning "
        "rate, or look for damaged labels."
    ),
    "checkpoint_unusable": "The checkpoint %(name)s is damaged. Please start the run anew.",
    "checkpoint_unusable.other_training": (
        "The folder holds a training with another recipe, other images or another backbone. "
        "Please start a new one."
    ),
    "disk_full": "The disk is full. Please make room and resume; what was done is kept.",
    "disk_full.training": (
        "The training needs %(needed)s on the disk of this server, and there is room for "
        "%(room)s. Please make room, or choose fewer images."
    ),
    "disk_full.cache": (
        "The images' features need %(needed)s, and the cache may hold %(room)s. Please allow it "
        "more (FACEROUTE_FEATURE_BYTES), or choose fewer images."
    ),
    "disk_full.features": (
        "The images' features need %(needed)s more, and there is room for %(room)s. Please make "
        "room on the disk, allow the cache more than %(allowed)s, or train with fewer images."
    ),
    "disk_full.crops": (
        "The decoded crops need %(needed)s, and there is room for %(room)s. Please make room on "
        "the disk, or train at a smaller size."
    ),
    "features_busy": (
        "Another training run is computing features. Please try again when it is done."
    ),
    "crops_unusable": (
        "The folder “%(name)s” holds no decoded crops that can be read. Please delete it, so that "
        "they are decoded anew."
    ),
    "crops_unusable.rows": (
        "The rows in the folder “%(name)s” do not fit their list. Please delete it, so that the "
        "crops are decoded anew."
    ),
    # Training on a borrowed machine
    "parcel_unusable": (
        "The folder “%(name)s” is no parcel. Please name the one that `manage.py export_training` "
        "made."
    ),
    "parcel_unusable.version": (
        "The parcel “%(name)s” was packed by another version of FaceRoute. Please pack it anew "
        "with this one."
    ),
    "parcel_unusable.file": (
        "The parcel lacks its file %(name)s, or not all of it has arrived. Please copy the parcel "
        "again; where it was packed as two, name both folders."
    ),
    "result_unusable": (
        "The folder “%(name)s” holds no result of a training. One that was cut off before its "
        "first epoch was through leaves none."
    ),
    "result_unusable.version": (
        "The result was made by another version of FaceRoute. Please import it with that one."
    ),
    "result_unusable.facts": (
        "The file %(name)s does not tell %(missing)s: it is not the one that the training wrote. "
        "Please copy the whole folder again."
    ),
    "result_unusable.file": (
        "The file %(name)s is missing, or is not the one that was written. Please copy the whole "
        "folder again."
    ),
    "wheels_unusable.required": (
        "The wheels ask for %(missing)s too, which neither travels along nor is expected there. "
        "Please add it to the list in vision/offline/wheels.py."
    ),
    "wheels_unusable.python": (
        "This Python lacks %(missing)s. Please choose one that has JAX, Pillow, NumPy and "
        "safetensors."
    ),
    "wheels_unusable.pip": "pip could not do its part: %(said)s",
}
