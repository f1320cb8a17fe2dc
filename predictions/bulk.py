"""Deleting, and running again, all results that a query finds, however many they are.

What is asked for is written down first (`BulkAction`) and then done in small transactions, each of
which keeps where it ended: for a few seconds by the request itself, then by upkeep. Killed in
between, it goes on where it stood, and nothing is run again twice.
"""

import time
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from . import uploads
from .access import Owner
from .history_query import HistoryQuery, Position
from .models import Photo, Prediction, Status

_OF_A_REQUEST, _OF_UPKEEP = 3.0, 60.0  # seconds
_SLICE = 100
# By then no request is at it any more.
_LEFT_ALONE = timedelta(seconds=15)
# For as long its owner can read how it ended.
_KEPT = timedelta(days=1)


class Kind(models.TextChoices):
    DELETE = "delete"
    RERUN = "rerun"


class Ending(models.TextChoices):
    """Why nothing more is done: all is, the hour's quota or the request's time is used up."""

    NONE = ""
    DONE = "done"
    QUOTA = "quota"
    TIME = "time"


class BulkAction(models.Model):
    """That all results a query finds are to be deleted or run again.

    `owner` and `visitor` are as a photo's. It is of the results that there were at `created_at`;
    those before `position` are dealt with, and `count` of them were deleted or run again.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, editable=False, related_name="+"
    )
    visitor = models.UUIDField(null=True, editable=False, db_index=True)
    kind = models.CharField(max_length=10, choices=Kind, editable=False)
    query = models.JSONField(editable=False)
    created_at = models.DateTimeField(editable=False)
    position = models.CharField(max_length=100, blank=True, editable=False)
    count = models.PositiveIntegerField(default=0, editable=False)
    ending = models.CharField(
        max_length=10, choices=Ending, default=Ending.NONE, blank=True, editable=False
    )

    class Meta:
        default_permissions = ()
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.count}"

    @property
    def whose(self) -> Owner:
        return Owner(self.owner_id, self.visitor)


def begin(owner: Owner, kind: Kind, query: HistoryQuery) -> BulkAction:
    """Delete, or run again, all of an owner's results that a query finds; what a request has no
    time for, upkeep goes on with.

    Without an account only as much is run again as the request has time for: the quota goes by the
    address, which is not written down.
    """
    action = BulkAction.objects.create(
        **owner.columns, kind=kind, query=query.as_json(), created_at=timezone.now()
    )
    _work_on([action], _OF_A_REQUEST, owner)
    action.refresh_from_db()
    if not action.ending and kind == Kind.RERUN and owner.user_id is None:
        action.ending = Ending.TIME
        action.save()
    return action


def under_way(owner: Owner) -> QuerySet[BulkAction]:
    """What the owner asked for and upkeep is at, or ended since, until it is dismissed."""
    if owner.is_nobody:
        return BulkAction.objects.none()
    return BulkAction.objects.filter(**owner.columns)


def dismiss(owner: Owner) -> None:
    """Forget what has ended."""
    under_way(owner).exclude(ending=Ending.NONE).delete()


def go_on() -> None:
    """Go on with what requests did not finish, for a minute; forget what ended long ago."""
    now = timezone.now()
    BulkAction.objects.exclude(ending=Ending.NONE).filter(created_at__lt=now - _KEPT).delete()
    left = BulkAction.objects.filter(ending=Ending.NONE, created_at__lt=now - _LEFT_ALONE)
    _work_on(left, _OF_UPKEEP)


def _work_on(actions: Iterable[BulkAction], seconds: float, by: Owner | None = None) -> None:
    """`by`: who asks, with the address."""
    end = time.monotonic() + seconds
    for action in actions:
        while _next_slice(action.pk, by or action.whose) and time.monotonic() < end:
            pass


def _next_slice(key: int, owner: Owner) -> bool:
    """Whether there may be another one. Whoever else is at it waits."""
    with transaction.atomic():
        action = BulkAction.objects.select_for_update().filter(pk=key, ending="").first()
        if action is None:
            return False
        query = HistoryQuery.from_json(action.query)
        rows = query.rows_of(owner).filter(created_at__lte=action.created_at)
        page = query.page(rows, Position.of(action.position), _SLICE)
        if action.kind == Kind.DELETE:
            uploads.delete_predictions(page.rows)
            action.count += len(page.rows)
        else:
            _run_again(page.rows, owner, action)
        action.position = str(page.next or "")
        if page.next is None and not action.ending:
            action.ending = Ending.DONE
        action.save()
    return not action.ending


def _run_again(rows: list[Prediction], owner: Owner, action: BulkAction) -> None:
    """Run the photos of some results again, until the quota allows no more."""
    for prediction in newest_of_their_photos(rows):
        try:
            with transaction.atomic():
                uploads.rerun(prediction, by=owner)
        except uploads.QuotaExceeded:
            action.ending = Ending.QUOTA
            return
        except (uploads.AccountGone, Photo.DoesNotExist):
            continue
        action.count += 1


def newest_of_their_photos(rows: list[Prediction]) -> QuerySet[Prediction]:
    """Those that are finished and that no later one of the same photo follows."""
    later = Prediction.objects.filter(
        photo=OuterRef("photo"), created_at__gt=OuterRef("created_at")
    ).order_by()
    chosen = Prediction.objects.filter(pk__in=[one.pk for one in rows])
    finished = chosen.filter(status__in=[Status.DONE, Status.FAILED])
    return finished.filter(~Exists(later)).order_by("created_at", "pk")
