"""Anonymous browsers: the cookie that tells them apart, and which account each has logged in to.

A browser is known by a random id in a signed cookie. It gets one when it is shown the form, so
that everything it sends has one sender, and again with every photo, so that the cookie lasts as
long as the newest of them. Logging in hands its photos to the account, and the cookie is deleted.
"""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

COOKIE = "visitor"
_SALT = "predictions.visitors"


class Visitor(models.Model):
    """An anonymous browser that has sent photos or logged in.

    The row is what uploads and a log-in of the same browser lock. Once `is_adopted`, whatever is
    still on its way from it belongs to `account`, which is empty where that was deleted since.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    is_adopted = models.BooleanField(default=False, editable=False)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")

    def __str__(self) -> str:
        return str(self.pk)


def visitor_of(request: HttpRequest) -> uuid.UUID | None:
    """The id of the browser; None where it has none yet."""
    made: uuid.UUID | None = getattr(request, "visitor", None)
    return made or _from_cookie(request) or _from_session(request)


def introduce(request: HttpRequest) -> uuid.UUID:
    """The id of a browser that is about to send photos: a new one where it has none, or where
    what it had is an account's by now and somebody else may sit before it."""
    known = visitor_of(request)
    if known is None or _is_adopted(known):
        return _keep(request, uuid.uuid4())
    return known


def sender_of(request: HttpRequest) -> uuid.UUID:
    """The id of a browser that sends photos, which it then keeps for as long as they are kept."""
    return _keep(request, visitor_of(request) or uuid.uuid4())


class VisitorMiddleware:
    """Sets the cookie of a browser that is to be known again, and deletes it after a log-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        kept: uuid.UUID | None = getattr(request, "visitor", None)
        if COOKIE in request.COOKIES and request.user.is_authenticated:
            response.delete_cookie(COOKIE)
        elif kept and not request.user.is_authenticated and not _is_adopted(kept):
            _set_cookie(response, kept)
        return response


def _set_cookie(response: HttpResponse, visitor: uuid.UUID) -> None:
    response.set_signed_cookie(
        COOKIE,
        visitor.hex,
        salt=_SALT,
        max_age=int(settings.PHOTO_LIFETIME.total_seconds()),
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _keep(request: HttpRequest, visitor: uuid.UUID) -> uuid.UUID:
    request.visitor = visitor  # type: ignore[attr-defined]
    return visitor


def _from_cookie(request: HttpRequest) -> uuid.UUID | None:
    text = request.get_signed_cookie(COOKIE, default=None, salt=_SALT)
    return uuid.UUID(text) if text else None


def _from_session(request: HttpRequest) -> uuid.UUID | None:
    """Versions before kept it there; whoever still has one there gets the cookie."""
    text = request.session.get(COOKIE) if hasattr(request, "session") else None
    return _keep(request, uuid.UUID(text)) if text else None


def _is_adopted(visitor: uuid.UUID) -> bool:
    return Visitor.objects.filter(pk=visitor, is_adopted=True).exists()
