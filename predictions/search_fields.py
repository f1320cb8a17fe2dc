"""What one's photos are searched for by, as fields of a form: those of the history, which the API
has under the same names."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.attribute_names import label_title, title
from vision.attributes import OLDEST_AGE, Attribute

from .searching import LARGEST, ages_are_searchable, searchable_labels

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ANY = ("", gettext_lazy("All"))
_YES, _NO = "yes", "no"
_RANGES = (
    ("age_min", "age_max"),
    ("faces_min", "faces_max"),
    ("since", "until"),
    ("created_after", "created_before"),
)


def search_fields() -> dict[str, forms.Field]:
    """By name, of the heads that are switched on; what they are filled in with is what
    `FaceQuery.of` and `FileQuery.of` take."""
    ages = {"age_min": _age(_("Age from")), "age_max": _age(_("Age to"))}
    return {
        "name": forms.CharField(label=_("File name"), required=False, max_length=255),
        "batch": forms.UUIDField(label=_("Batch"), required=False),
        "faces_min": _number(_("Faces, at least"), LARGEST),
        "faces_max": _number(_("Faces, at most"), LARGEST),
        **(ages if ages_are_searchable() else {}),
        **{one.name: _label(one) for one in searchable_labels()},
        "confident": _either(
            gettext_lazy("Confidence"),
            yes=gettext_lazy("Nothing uncertain"),
            no=gettext_lazy("Something uncertain"),
        ),
        "clear": _either(
            gettext_lazy("Quality of the face"),
            yes=gettext_lazy("Good enough"),
            no=gettext_lazy("Poor (small, blurred, turned …)"),
        ),
    }


def empty_ranges(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of two bounds between which nothing lies: the lower one is beyond the other."""
    for low, high in _RANGES:
        least, most = wanted.get(low), wanted.get(high)
        if least is not None and most is not None and least > most:
            yield low, high


def refuse_empty_ranges(form: forms.Form) -> None:
    """Say at its field that nothing lies between two bounds that are the wrong way round, and let
    neither narrow anything; for the `clean` of a form."""
    for low, high in list(empty_ranges(form.cleaned_data)):
        if isinstance(form.cleaned_data[low], date):
            words = _("This is later than “%(other)s”, so neither is applied. Please change one.")
        else:
            words = _("This is more than “%(other)s”, so neither is applied. Please change one.")
        form.add_error(low, words % {"other": form.fields[high].label})
        del form.cleaned_data[high]


def _number(words: str, most: int) -> forms.Field:
    return forms.IntegerField(label=words, required=False, min_value=0, max_value=most)


def _age(words: str) -> forms.Field:
    return _number(words, OLDEST_AGE)


def _label(attribute: Attribute) -> forms.Field:
    titles = [(label, label_title(attribute.name, label)) for label in attribute.labels]
    return forms.ChoiceField(label=title(attribute.name), required=False, choices=[ANY, *titles])


def _either(
    label: "_StrPromise", *, yes: "_StrPromise", no: "_StrPromise"
) -> forms.TypedChoiceField:
    """True, False, or None where all are wanted."""
    return forms.TypedChoiceField(
        label=label,
        required=False,
        choices=[ANY, (_YES, yes), (_NO, no)],
        coerce=lambda word: word == _YES,
        empty_value=None,
    )
