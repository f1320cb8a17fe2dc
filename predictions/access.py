"""Whose photos a request may see: the account's, or the anonymous browser's, and nobody else's."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest

from . import learning
from .erasures import Erasure
from .models import Photo, Prediction

_SESSION_KEY = "visitor"


@dataclass(frozen=True)
class Owner:
    """An account or an anonymous browser; with neither, the owner of nothing."""

    user_id: int | None = None
    visitor: uuid.UUID | None = None

    @property
    def is_nobody(self) -> bool:
        return self.user_id is None and self.visitor is None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns that mark a row as this owner's."""
        return {"owner_id": self.user_id, "visitor": self.visitor}

    @property
    def _column(self) -> dict[str, Any]:
        """The one of the columns that is not null, to filter by: asked for the other too, SQLite
        may take its index, in which all rows of accounts are those without a visitor."""
        return {name: value for name, value in self.columns.items() if value is not None}

    def photos(self) -> QuerySet[Photo]:
        return Photo.objects.none() if self.is_nobody else Photo.objects.filter(**self._column)

    def predictions(self) -> QuerySet[Prediction]:
        if self.is_nobody:
            return Prediction.objects.none()
        found = Prediction.objects.filter(**self._column)
        # Of the version only its name is shown, and the rest of it is long.
        return found.defer("model_version__manifest", "model_version__report")

    def of_those(self, keys: Collection[uuid.UUID]) -> list[Prediction]:
        """The owner's among some predictions. Found by their keys alone: asked for the owner too,
        SQLite may read all that the owner has."""
        found = Prediction.objects.filter(pk__in=keys)
        return [one for one in found if Owner(one.owner_id, one.visitor) == self]


def owner_of(request: HttpRequest, *, create: bool = False) -> Owner:
    """The owner a request acts for.

    An anonymous browser gets its random id, kept in its session, when it first sends a photo
    (`create`); before that it owns nothing and no session is opened for it.
    """
    if request.user.is_authenticated:
        return Owner(user_id=request.user.pk)
    if create and _SESSION_KEY not in request.session:
        request.session[_SESSION_KEY] = str(uuid.uuid4())
    visitor = request.session.get(_SESSION_KEY)
    return Owner(visitor=uuid.UUID(visitor)) if visitor else Owner()


@receiver(user_logged_in)
def adopt(request: HttpRequest, user: User, **_: object) -> None:
    """Move what an anonymous browser sent to the account that it logs in to or signs up for."""
    visitor = request.session.pop(_SESSION_KEY, None) if hasattr(request, "session") else None
    if visitor is None:
        return
    # What is being deleted stays behind.
    erased = Erasure.objects.filter(visitor=visitor).order_by("-requested_at").first()
    later = {"created_at__gt": erased.requested_at} if erased else {}
    with transaction.atomic():
        corrected = learning.corrected_by(visitor)
        for model in (Photo, Prediction):
            theirs = model._default_manager.filter(visitor=visitor, **later)
            theirs.update(visitor=None, owner_id=user.pk)
        learning.now_sent_by(user, corrected)
