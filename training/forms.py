"""What administrators fill in to start long work."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import FileExtensionValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from .imports import importable, keep_upload
from .models import Dataset


class ImportForm(forms.Form):
    """An archive to upload, or something that lies in the import folder; one of the two."""

    name = forms.CharField(
        label=gettext_lazy("Dataset"),
        max_length=Dataset._meta.get_field("name").max_length,
        initial="UTKFace",
        help_text=gettext_lazy("A new name makes a new dataset; a known one is added to."),
        widget=UnfoldAdminTextInputWidget,
    )
    upload = forms.FileField(
        label=gettext_lazy("Upload a zip"),
        required=False,
        help_text=gettext_lazy(
            "UTKFace as it is handed around, or images with a CSV file that has the columns file, "
            "age, gender and race."
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
            "Sets images aside on which no face is found. Takes some 30 ms an image."
        ),
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        path = self.fields["path"]
        path.choices = [("", "–"), *((str(entry), str(entry)) for entry in importable())]  # type: ignore[attr-defined]
        path.help_text = _("Put folders, zips and CSV files into %(folder)s on the server.") % {
            "folder": settings.IMPORT_ROOT
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if bool(cleaned.get("upload")) == bool(cleaned.get("path")):
            raise forms.ValidationError(
                _("Please upload a zip or choose something from the import folder, one of the two.")
            )
        return cleaned

    def source(self) -> Path:
        """The path to import, relative to the import folder; an upload is stored there first.

        Raises ImportRefused.
        """
        if upload := self.cleaned_data["upload"]:
            return keep_upload(upload)
        return Path(self.cleaned_data["path"])
