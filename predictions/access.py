"""Whose photos a request may see: the account's, or the anonymous browser's, and nobody else's."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.dispatch import receiver
from django.http import HttpRequest

from . import learning, visitors
from .batches.models import Batch, BatchState
from .erasures import Erasure
from .models import Photo, Prediction
from .unindexed import unindexed
from .visitors import Visitor


@dataclass(frozen=True)
class Owner:
    """An account or an anonymous browser; with neither, the owner of nothing.

    `address`: where a browser asks from, as far as that is known. `sender`: by what name its
    sendings are counted (`predictions.quota`), where that is known and the address is not.
    """

    user_id: int | None = None
    visitor: uuid.UUID | None = None
    address: str = field(default="", compare=False)
    sender: str = field(default="", compare=False)

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

    def predictions(self, batch: uuid.UUID | None = None) -> QuerySet[Prediction]:
        """`batch`: those of a batch alone, which are found by it."""
        if self.is_nobody:
            return Prediction.objects.none()
        found = Prediction.objects.filter(**self._column)
        if batch:
            found = unindexed(Prediction.objects.filter(photo__batch=batch), **self._column)
        # Of the version only its name is shown, and the rest of it is long.
        return found.defer("model_version__manifest", "model_version__report")

    def batches(self) -> QuerySet[Batch]:
        if self.is_nobody:
            return Batch.objects.none()
        return Batch.objects.filter(**self._column).exclude(state=BatchState.DELETED)

    def of_those(self, keys: Collection[uuid.UUID]) -> list[Prediction]:
        """The owner's among some predictions. Found by their keys alone: asked for the owner too,
        SQLite may read all that the owner has."""
        found = Prediction.objects.filter(pk__in=keys)
        return [one for one in found if Owner(one.owner_id, one.visitor) == self]


def owner_of(request: HttpRequest, *, sends: bool = False) -> Owner:
    """The owner a request acts for.

    An anonymous browser that has no id yet gets one where it `sends` photos; before it was shown
    the form it owns nothing.
    """
    if request.user.is_authenticated:
        return Owner(user_id=request.user.pk)
    visitor = visitors.sender_of(request) if sends else visitors.visitor_of(request)
    return Owner(visitor=visitor, address=request.META.get("REMOTE_ADDR", ""))


def hold(owner: Owner) -> Owner:
    """Whom rows that this transaction writes belong to, which nobody changes until it ends.

    That is the owner itself, or the account that a browser has logged in to while a photo of it
    was on its way. Nobody, where the account was deleted.
    """
    if owner.visitor is not None:
        visitor, _new = Visitor.objects.select_for_update().get_or_create(pk=owner.visitor)
        if not visitor.is_adopted:
            return owner
        owner = Owner(user_id=visitor.account_id)
    accounts = User.objects.select_for_update(no_key=True).filter(pk=owner.user_id or 0)
    accounts = accounts.filter(is_active=True)  # else it is being deleted
    return owner if accounts.values_list("pk").first() else Owner()


@receiver(user_logged_in)
def adopt(request: HttpRequest, user: User, **_: object) -> None:
    """Move what an anonymous browser sent to the account that it logs in to or signs up for.

    What is still on its way follows by itself (see `hold`).
    """
    key = visitors.visitor_of(request)
    if key is None:
        return
    if hasattr(request, "session"):
        request.session.pop(visitors.COOKIE, None)
    with transaction.atomic():
        visitor, _new = Visitor.objects.select_for_update().get_or_create(pk=key)
        if visitor.is_adopted:
            return
        visitor.is_adopted, visitor.account = True, user
        visitor.save()
        _hand_over(key, user)


def _hand_over(visitor: uuid.UUID, user: User) -> None:
    # What is being deleted stays behind.
    erased = Erasure.objects.filter(visitor=visitor).order_by("-requested_at").first()
    later = {"created_at__gt": erased.requested_at} if erased else {}
    corrected = learning.corrected_by(visitor)
    for name in ("Batch", "Photo", "Prediction", "Receipt", "BulkAction"):
        model = apps.get_model("predictions", name)
        theirs = model._default_manager.filter(visitor=visitor, **later)
        theirs.update(visitor=None, owner_id=user.pk)
    learning.now_sent_by(user, corrected)


def strays() -> QuerySet[Prediction]:
    """Predictions that are not their photo's owner's. There are none: whatever changes one owner
    changes the other in the same transaction, but no constraint holds two tables to it."""
    alike = Q(owner=OuterRef("owner")) | Q(visitor=OuterRef("visitor"))
    theirs = Photo.objects.filter(alike, pk=OuterRef("photo"))
    has_two = Q(owner__isnull=False, visitor__isnull=False)
    return Prediction.objects.filter(~Exists(theirs) | has_two)


def return_strays() -> int:
    """Give predictions back to their photos' owners; how many there were."""
    photo = Photo.objects.filter(pk=OuterRef("photo"))
    owner, visitor = (Subquery(photo.values(name)) for name in ("owner", "visitor"))
    return strays().update(owner=owner, visitor=visitor)
