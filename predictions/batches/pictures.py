"""The pictures of a batch as one zip, with the faces of each marked or covered.

It is sent while it is made: one picture is in memory at a time, and none on the disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from zipfile import ZIP_STORED, ZipFile

from django.http import Http404, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from predictions.images import drawn
from predictions.messages import explain
from predictions.models import Prediction, Status
from predictions.pictures import ANONYMISED, Drawing
from training.archives import Outlet

from .file_names import FileNames, stem_of
from .models import Batch, RefusedPhoto
from .results import loaded, places


def pictures_response(batch: Batch, kind: str, drawing: Drawing) -> StreamingHttpResponse:
    """`kind` and `drawing` are what `predictions.pictures.drawing_of` gives."""
    name = f"{stem_of(batch)}-{kind}.zip"
    return StreamingHttpResponse(
        zipped(batch, kind, drawing),
        content_type="application/zip",
        headers={"Content-Disposition": str(content_disposition_header(True, name))},
    )


def zipped(batch: Batch, kind: str, drawing: Drawing) -> Iterator[bytes]:
    """The zip, in parts: pictures under the names that the photos were sent with, in the order of
    sending, and a text that says what is not among them.

    A storage that is away and decoders that do not answer (StorageUnavailable,
    DecodersUnavailable) end it in the middle: a zip that is whole lacks nothing that it might have.
    """
    outlet, names, notes = Outlet(), FileNames(".jpg"), Notes()
    found = [row for _place, row in places(batch)]
    notes.deleted = len(found)
    with ZipFile(outlet, "w", ZIP_STORED) as archive:
        for one in loaded(found):
            notes.deleted -= 1
            if picture := _picture(one, drawing, notes):
                archive.writestr(names.like(_name_of(one)), picture)
                yield outlet.taken()
        archive.writestr("README.txt", notes.text(batch.name, kind))
    yield outlet.taken()


@dataclass
class Notes:
    """What there is to say of the photos: why some are left out, by their names; which show no
    face; how many were deleted before it was their turn."""

    left_out: list[tuple[str, str]] = field(default_factory=list)
    without_face: list[str] = field(default_factory=list)
    deleted: int = 0

    def text(self, name: str, kind: str) -> str:
        """In the reader's language. `name`: the batch's."""
        parts = [[_("The pictures of “%(name)s”") % {"name": name}], [_about(kind)]]
        if self.left_out:
            lines = [f"{_shown(file)}: {why}" for file, why in self.left_out]
            parts.append([_("Left out:"), *lines])
        if self.deleted:
            words = ngettext(
                "%(n)d photo was deleted while this file was being made.",
                "%(n)d photos were deleted while this file was being made.",
                self.deleted,
            )
            parts.append([words % {"n": self.deleted}])
        if self.without_face:
            names = map(_shown, self.without_face)
            parts.append([_("No face was found in these, which are as they were sent:"), *names])
        return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _about(kind: str) -> str:
    if kind == ANONYMISED:
        return _("Faces that were not found stay visible: look at a picture before you share it.")
    return _("Ages, genders and races are estimates and may be wrong.")


def _picture(one: Prediction | RefusedPhoto, drawing: Drawing, notes: Notes) -> bytes | None:
    """A JPEG; None, and a note, where there is none."""
    if isinstance(one, RefusedPhoto):
        why = explain(one.failure_code, one.failure_parameters)
    elif one.status == Status.FAILED:
        why = one.failure
    elif one.status != Status.DONE:
        why = _("It has not been estimated yet.")
    else:
        faces = list(one.faces.all())
        try:
            picture = drawn(one.photo, drawing(faces))
        except Http404:
            why = _("It was deleted, or can no longer be opened.")
        else:
            if not faces:
                notes.without_face.append(_name_of(one))
            return picture
    notes.left_out.append((_name_of(one), why))
    return None


def _name_of(one: Prediction | RefusedPhoto) -> str:
    return one.photo.name if isinstance(one, Prediction) else one.name


def _shown(name: str) -> str:
    """On one line."""
    return " ".join(name.split()) or _("Photo")
