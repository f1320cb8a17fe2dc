"""All that somebody has here, as one zip: photos, results, corrections, the account's own facts.

It is sent while it is made: a photo, or a slice of the results, is in memory at a time.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from django.contrib.auth.models import User
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from knox.models import AuthToken

from training.archives import Outlet

from .access import Owner
from .api.serializers import PredictionSerializer
from .exports import csv_parts
from .history_query import HistoryQuery
from .messages import explain
from .models import Correction, Photo, Prediction

_SLICE = 200


def takeout_response(owner: Owner, request: HttpRequest) -> StreamingHttpResponse:
    """`request`: by which the addresses in results are made."""
    return StreamingHttpResponse(
        zipped(owner, request),
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="faceroute-everything.zip"'},
    )


def zipped(owner: Owner, request: HttpRequest) -> Iterator[bytes]:
    """The zip, in parts."""
    outlet = Outlet()
    with ZipFile(outlet, "w", ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _about())
        if owner.user_id:
            archive.writestr("account.json", _json(_account(owner.user_id), indent=2))
        members = {
            "results.csv": csv_parts(_results(owner)),
            "results.jsonl": _lines(_documents(owner, request)),
            "corrections.jsonl": _lines(_corrections(owner)),
            "batches.jsonl": _lines(_batches(owner)),
        }
        for name, parts in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for part in parts:
                    member.write(part)
                    yield outlet.taken()
        for photo in _photos(owner):
            _add(archive, photo)
            yield outlet.taken()
    yield outlet.taken()


def _about() -> str:
    return _(
        """What you have on this site.

account.json       your account, and its API keys (without the keys themselves)
results.csv        a row for each face; for spreadsheets
results.jsonl      the same results, whole: a line of JSON for each
corrections.jsonl  what you said of faces: a line of JSON for each
batches.jsonl      your batches, which photos are in each, and what was refused
photos/            your photos as they are kept: upright, without metadata

Ages, genders and races are estimates and may be wrong.
"""
    )


def _add(archive: ZipFile, photo: Photo) -> None:
    """A photo, unless its file is gone."""
    try:
        with photo.image.open("rb") as stored:
            data = stored.read()
    except FileNotFoundError:
        return
    archive.writestr(_name_of(photo), data, compress_type=ZIP_STORED)


def _name_of(photo: Photo) -> str:
    stem = slugify(photo.name.rpartition(".")[0], allow_unicode=True)[:80]
    return f"photos/{photo.pk}{stem and '-'}{stem}.jpg"


def _results(owner: Owner) -> Iterator[list[Prediction]]:
    rows = owner.predictions().select_related("photo", "model_version")
    for found in HistoryQuery().walk(rows, _SLICE):
        prefetch_related_objects(found, "faces__correction")
        yield found


def _documents(owner: Owner, request: HttpRequest) -> Iterator[dict[str, Any]]:
    for found in _results(owner):
        for one in found:
            told = PredictionSerializer(one, context={"request": request}).data
            yield {**told, "file": _name_of(one.photo)}


def _corrections(owner: Owner) -> Iterator[dict[str, Any]]:
    for found in HistoryQuery().walk(owner.predictions(), _SLICE):
        theirs = Correction.objects.filter(face__prediction__in=[one.pk for one in found])
        for one in theirs.select_related("face"):
            yield {
                "prediction": one.face.prediction_id,
                "face": one.face.index + 1,
                "labels": one.labels,
                "consented_at": one.consented_at,
                "review": one.review if one.consented_at else None,
            }


def _batches(owner: Owner) -> Iterator[dict[str, Any]]:
    for batch in owner.batches():
        refused = batch.refused.values_list("name", "failure_code", "failure_parameters")
        yield {
            "id": batch.pk,
            "name": batch.name,
            "created_at": batch.created_at,
            "photos": [_name_of(photo) for photo in owner.photos().filter(batch=batch)],
            "refused": [
                {"file": name, "reason": explain(code, parameters)}
                for name, code, parameters in refused
            ],
        }


def _photos(owner: Owner) -> Iterator[Photo]:
    """Newest first; whatever is sent meanwhile is not among them."""
    rows: QuerySet[Photo] = owner.photos().order_by("-created_at", "-pk")
    found = list(rows[:_SLICE])
    while found:
        yield from found
        last = found[-1]
        same = rows.filter(created_at=last.created_at, pk__lt=last.pk)
        found = list(same[:_SLICE]) or list(rows.filter(created_at__lt=last.created_at)[:_SLICE])


def _account(key: int) -> dict[str, Any]:
    user = User.objects.get(pk=key)
    keys = AuthToken.objects.filter(user=user).select_related("details").order_by("created")
    return {
        "user_name": user.get_username(),
        "e_mail": user.email,
        "joined_at": user.date_joined,
        "last_log_in_at": user.last_login,
        "api_keys": [
            {
                "name": getattr(getattr(one, "details", None), "name", ""),
                "begins_with": one.token_key[:8],
                "created_at": one.created,
                "expires_at": one.expiry,
                "last_used_at": getattr(getattr(one, "details", None), "last_used_at", None),
            }
            for one in keys
        ],
    }


def _lines(documents: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for one in documents:
        yield _json(one).encode() + b"\n"


def _json(told: Any, indent: int | None = None) -> str:
    return json.dumps(told, ensure_ascii=False, default=_plain, indent=indent)


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
