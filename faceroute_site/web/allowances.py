"""How much a request may send, by where it goes and by who sends it."""

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from faceroute_site.slashes import served_path
from predictions.api.authentication import BearerAuthentication

UPLOADS = {
    "upload": "photos",
    "send_photo": "photo",
    "batch_photos": "photo",
    "batch_archive": "piece",
    "api:prediction-list": "photo",
    "api:prediction-batch": "photos",
    "api:batch-photos": "photos",
    "api:batch-archive": "piece",
    "admin:training_dataset_import_files": "dataset",
}
"""What the pages and calls that take files are sent, by the name of their URL."""

_SENDS = {"POST", "PUT"}
_SLOW = {
    *("face_crop", "annotated_image", "anonymised_image", "batch_xlsx", "batch_pictures"),
    *(f"api:prediction-{call}" for call in ("crop", "annotated", "anonymised")),
    *("api:batch-results", "api:batch-pictures", "export_selected", "everything"),
}
# Bytes of multipart boundaries, headers and other fields around a photo.
_ENVELOPE = 64 * 1024


class NotRead(Exception):
    """Nobody will read the body: the answer depends on who asks alone."""


def is_about_files(request: HttpRequest) -> bool:
    """Whether answering a request takes receiving or writing files, or opening photos."""
    name = _name(request)
    return name in _SLOW or (name in UPLOADS and request.method in _SENDS)


def most_bytes(request: HttpRequest) -> int:
    """The longest body that is received of this request, whose own body is not read.

    Costs a few queries where files are taken. Raises NotRead.
    """
    most: int = settings.FORM_BYTES
    match _sent(request) if request.method in _SENDS else None:
        case "dataset" if _is_staff(request):
            most = settings.DATASET_MAX_BYTES
        case "photo" if _may_send_photos(request):
            most = settings.PHOTO_MAX_BYTES + _ENVELOPE
        case "piece" if _may_send_photos(request):
            most = settings.ARCHIVE_PIECE_BYTES
        case "photos" if _may_send_photos(request):
            most = settings.PHOTOS_PER_UPLOAD * (settings.PHOTO_MAX_BYTES + _ENVELOPE)
    return most


def _sent(request: HttpRequest) -> str | None:
    return UPLOADS.get(_name(request))


def _name(request: HttpRequest) -> str:
    try:
        return resolve(served_path(request.path_info, request.method or "")).view_name
    except Resolver404:
        return ""


def _may_send_photos(request: HttpRequest) -> bool:
    """Programs need a key, browsers the cookie of the form. Raises NotRead without a key."""
    if not request.path_info.startswith("/api/"):
        return settings.CSRF_COOKIE_NAME in request.COOKIES
    try:
        known = BearerAuthentication().authenticate(Request(request))
    except (APIException, PermissionDenied):
        known = None
    if known is None:
        raise NotRead
    return True


def _is_staff(request: HttpRequest) -> bool:
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return bool(getattr(get_user(request), "is_staff", False))
