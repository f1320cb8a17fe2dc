"""What administrators fill in to start long work."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import FileExtensionValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from training.attribute_names import title
from training.datasets.import_runs import importable, keep_upload
from training.registry.versions import active_version
from training.runs.preview import earlier
from training.runs.preview import in_words as in_minutes
from vision.attributes import ATTRIBUTES
from vision.training.head_recipes import FULL
from vision.training.known_recipes import RECIPES, named
from vision.training.network_recipes import NETWORK_RECIPES
from vision.training.recipe import RecipeInvalid

from .messages import in_words
from .models import Dataset, ModelVersion
from .models.datasets import LONGEST_NAME, validate_name


class ImportForm(forms.Form):
    """An archive to upload, or something that lies in the import folder; one of the two."""

    name = forms.CharField(
        label=gettext_lazy("Dataset"),
        max_length=LONGEST_NAME,
        validators=[validate_name],
        initial="UTKFace",
        help_text=gettext_lazy("A new name makes a new dataset; a known one is added to."),
        widget=UnfoldAdminTextInputWidget,
    )
    upload = forms.FileField(
        label=gettext_lazy("Upload a zip"),
        required=False,
        help_text=gettext_lazy(
            "UTKFace as it is distributed, or images with a label file (CSV) that has columns "
            "for the file, age, gender and race."
        ),
        widget=UnfoldAdminFileFieldWidget,
        validators=[FileExtensionValidator(["zip"])],
    )
    path = forms.ChoiceField(
        label=gettext_lazy("Or take from the import folder"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    detect_faces = forms.BooleanField(
        label=gettext_lazy("Look for faces"),
        required=False,
        help_text=gettext_lazy(
            "Excludes images in which no face is found. Takes about 30 ms per image."
        ),
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        path = self.fields["path"]
        found = [str(entry) for entry in importable()]
        empty = _("Choose a folder or file") if found else _("Nothing is there yet")
        path.choices = [("", empty), *((entry, entry) for entry in found)]  # type: ignore[attr-defined]
        path.help_text = _("Put folders, zips and label files into %(folder)s on the server.") % {
            "folder": settings.IMPORT_ROOT
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if bool(cleaned.get("upload")) == bool(cleaned.get("path")):
            raise forms.ValidationError(
                _("Please either upload a zip or choose something from the import folder.")
            )
        return cleaned

    def source(self) -> Path:
        """The path to import, relative to the import folder; an upload is stored there first.

        Raises ImportRefused.
        """
        if upload := self.cleaned_data["upload"]:
            return keep_upload(upload)
        return Path(self.cleaned_data["path"])


# What each recipe is for, in one line.
_PURPOSES = {
    "classic": gettext_lazy(
        "the student project’s heads, to compare with: one number for the age, three races, every "
        "race cut down to the size of the smallest."
    ),
    "full": gettext_lazy(
        "new heads for more or other images: the age as a distribution, five races, rare groups "
        "count for more, every image also mirrored."
    ),
    "starter-cpu": gettext_lazy(
        "a whole network of your own, from random weights, on a processor."
    ),
    "starter-gpu": gettext_lazy(
        "the same with many more epochs, for a worker with a GPU; a processor takes days."
    ),
    "continue-cpu": gettext_lazy(
        "a version’s whole network but its first block, trained on with your images, on a "
        "processor."
    ),
}
# What is left empty in the form stays as the recipe has it.
_CHANGES = ("epochs", "learning_rate", "unfreeze", "seed")


def _trainable() -> list[str]:
    """The heads that any recipe trains."""
    known = {head.name for recipe in RECIPES.values() for head in recipe.heads}
    return [name for name in ATTRIBUTES if name in known]


class RecipeSelect(UnfoldAdminRadioSelectWidget):  # type: ignore[misc]
    """Marks the recipes for a whole network, whose form is shorter."""

    def create_option(self, name: str, value: Any, *arguments: Any, **options: Any) -> Any:
        option = super().create_option(name, value, *arguments, **options)
        if value in NETWORK_RECIPES:
            option["attrs"]["data-whole-network"] = True
        return option


class TrainingForm(forms.Form):
    """What to train, on what, and how; `wanted` is what `request_training` takes."""

    dataset = forms.ModelChoiceField(
        label=gettext_lazy("Dataset"),
        queryset=Dataset.objects.all(),
        widget=UnfoldAdminSelectWidget,
    )
    recipe = forms.ChoiceField(
        label=gettext_lazy("Recipe"),
        choices=lambda: [(name, _recipe_in_words(name)) for name in RECIPES],
        initial=FULL.name,
        widget=RecipeSelect,
    )
    backbone = forms.ModelChoiceField(
        label=gettext_lazy("Backbone"),
        queryset=ModelVersion.objects.all(),
        required=False,
        help_text=gettext_lazy(
            "The version whose network the heads are trained on, or whose weights the training "
            "of a whole network begins with. The default is the active version, or random weights "
            "where the recipe starts from scratch."
        ),
        widget=UnfoldAdminSelectWidget,
    )
    heads = forms.MultipleChoiceField(
        label=gettext_lazy("Heads"),
        choices=lambda: [(name, title(name)) for name in _trainable()],
        initial=_trainable,
        error_messages={"required": gettext_lazy("Please choose at least one head.")},
        help_text=gettext_lazy(
            "Heads that are not trained come from the backbone’s version; where the backbone "
            "itself is trained too, the new version lacks them."
        ),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    epochs = forms.IntegerField(
        label=gettext_lazy("Epochs"), required=False, widget=UnfoldAdminIntegerFieldWidget
    )
    learning_rate = forms.FloatField(
        label=gettext_lazy("Learning rate"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
    )
    unfreeze = forms.ChoiceField(
        label=gettext_lazy("Train the backbone too"),
        required=False,
        choices=[
            ("", gettext_lazy("The recipe’s default")),
            ("none", gettext_lazy("No, the heads alone")),
            ("block5", gettext_lazy("Its last block, after the heads")),
        ],
        help_text=gettext_lazy("The last block takes many times as long as the heads."),
        widget=UnfoldAdminSelectWidget,
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"), required=False, widget=UnfoldAdminIntegerFieldWidget
    )
    activate = forms.BooleanField(
        label=gettext_lazy("Activate the new version when it is done"),
        required=False,
        help_text=gettext_lazy(
            "Unless there are reasons against it: then it waits for your decision, with its report."
        ),
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["dataset"].initial = Dataset.objects.first()
        self.fields["backbone"].empty_label = _default_backbone()  # type: ignore[attr-defined]
        limits = {
            "epochs": _("Maximum; a head stops earlier when it no longer improves."),
            "learning_rate": _("How large the first steps are; they grow smaller."),
            "seed": _("The same seed, data and recipe give the same model."),
        }
        for field, words in limits.items():
            self.fields[field].help_text = f"{words} {_own(field)}"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "recipe" not in cleaned or "heads" not in cleaned:
            return cleaned
        try:
            chosen = named(cleaned["recipe"], heads=cleaned["heads"])
        except RecipeInvalid as error:
            self.add_error("heads", in_words(error.message))
            return cleaned
        for field in _CHANGES:
            if (value := cleaned.get(field)) in {None, ""} or not hasattr(chosen, field):
                continue
            try:
                chosen = chosen.with_changes(**{field: value})
            except RecipeInvalid as error:
                self.add_error(field, in_words(error.message))
        return {**cleaned, "recipe": chosen}

    @property
    def wanted(self) -> dict[str, Any]:
        """The arguments of `request_training`."""
        return {
            key: self.cleaned_data[key] for key in ("dataset", "recipe", "backbone", "activate")
        }


def _recipe_in_words(name: str) -> str:
    """A recipe, what it is for, and how long it takes."""
    told = [f"{name} – {_PURPOSES[name]}" if name in _PURPOSES else name]
    if found := earlier(name):
        words = (
            _("Took %(time)s here, on %(images)s images.")
            if found.here
            else _(
                "No run here yet; about %(time)s for %(images)s images on two cores "
                "(estimated from measured parts)."
            )
        )
        told.append(words % {"time": in_minutes(found.took), "images": f"{found.images:,}"})
    return " ".join(told)


def _default_backbone() -> str:
    if active := active_version():
        return _("Default: %(name)s, or random weights") % {"name": active.name}
    return _("Default: random weights; no version is active")


def _own(field: str) -> str:
    """What the recipes that have a field have in it where it is left empty."""
    known = RECIPES.items()
    own = {name: f"{getattr(one, field):g}" for name, one in known if hasattr(one, field)}
    alike = len(set(own.values())) == 1
    values = own[FULL.name] if alike else ", ".join(f"{own[name]} ({name})" for name in own)
    return _("Leave empty for the recipe’s own: %(values)s.") % {"values": values}
