"""Pictures of a finished prediction: its photo with the faces marked, or with faces covered."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.utils import translation
from django.utils.translation import gettext as _

from vision.photos.drawing import PIXELS, SOLID, Caption, region_of
from vision.types import Box

from .decoders import annotated, anonymised
from .images import Draw, drawn_response
from .models import Face, Prediction, Status
from .presentation import FaceCard, face_cards

WAYS = (SOLID, PIXELS)
KINDS = (ANNOTATED, ANONYMISED) = ("annotated", "anonymised")

Drawing: TypeAlias = Callable[[Iterable[Face]], Draw]
"""What is drawn on a photo with some faces."""


def annotated_response(prediction: Prediction) -> HttpResponse:
    """The photo with a box and the estimates of every face. Raises as `drawn_response` does, and
    Http404 where the prediction is not done."""
    return drawn_response(prediction.photo, annotating(_faces(prediction)))


def anonymised_response(prediction: Prediction, query: QueryDict) -> HttpResponse:
    """The photo with faces covered: `faces`, indexes with commas between them, or all; `how`, one
    of WAYS, the first where it is not said.

    Raises as `annotated_response` does, and ValidationError, its sentences by parameter.
    """
    faces = _chosen(_faces(prediction), query)
    return drawn_response(prediction.photo, covering(faces, _choice(query, "how", WAYS)))


def drawing_of(query: QueryDict) -> tuple[str, Drawing]:
    """What is to be drawn on each of many photos: `kind`, one of KINDS, and `how`, as in
    `anonymised_response`; the first of each where it is not said. With the name of the kind.

    Raises ValidationError, its sentences by parameter.
    """
    kind, how = _choice(query, "kind", KINDS), _choice(query, "how", WAYS)
    return kind, annotating if kind == ANNOTATED else partial(covering, how=how)


def annotating(faces: Iterable[Face]) -> Draw:
    """Draws a box around each of a photo's faces, its estimates beside it."""
    with translation.override("en"):  # the font that comes with Pillow has Latin letters alone
        captions = [_caption(card) for card in face_cards(list(faces))]
    return lambda data: annotated(data, captions)


def covering(faces: Iterable[Face], how: str) -> Draw:
    """Covers faces of a photo in one of the WAYS."""
    regions = [region_of(_box(face), face.landmarks) for face in faces]
    return lambda data: anonymised(data, regions, how)


def _faces(prediction: Prediction) -> list[Face]:
    """Raises Http404 where it is not done: nobody knows its faces, and the bare photo would pass
    for one whose faces are covered."""
    if prediction.status != Status.DONE:
        raise Http404
    return list(prediction.faces.select_related("correction"))


def _chosen(faces: Sequence[Face], query: QueryDict) -> list[Face]:
    indexes = {one.strip() for one in ",".join(query.getlist("faces")).split(",")} - {""}
    unknown = indexes - {str(face.index) for face in faces}
    if unknown:
        message = _("There is no face “%(index)s” in this photo. Its faces are counted from 0.")
        raise ValidationError({"faces": message % {"index": min(unknown)[:20]}})
    return [face for face in faces if not indexes or str(face.index) in indexes]


def _choice(query: QueryDict, name: str, known: Sequence[str]) -> str:
    """The first where it is not said."""
    chosen = query.get(name) or known[0]
    if chosen not in known:
        message = _("Please choose one of these: %(ways)s.")
        raise ValidationError({name: message % {"ways": ", ".join(known)}})
    return chosen


def _caption(card: FaceCard) -> Caption:
    first = f"{card.number}"
    if card.age:
        first += f": {card.age['years']:.0f}"
        if card.age["coverage"]:
            first += f" ({card.age['low']}-{card.age['high']})"
    others = [one.label if one.is_certain else f"{one.label}?" for one in card.estimates]
    return Caption(_box(card.face), [first, *others])


def _box(face: Face) -> Box:
    return Box(face.x, face.y, face.width, face.height)
