"""Deleting all that somebody has, however much it is.

What is asked for is written down first (`Erasure`) and then done in small transactions: for a few
seconds by the request itself, which is enough for thousands of photos, and then by upkeep. Killed
in between, it goes on where it stood.
"""

import time
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken

from training.long_lists import number_in_words

from .access import Owner
from .batches import deletion as batch_deletion
from .erasures import Erasure
from .models import Correction
from .uploads import deleted_in_slices

_OF_A_REQUEST, _OF_UPKEEP = 3.0, 60.0  # seconds
# By then no request is at it any more.
_LEFT_ALONE = timedelta(seconds=15)


def erase(owners: Iterable[Owner], *, close_accounts: bool = False) -> int:
    """Delete every photo of some owners with its predictions, and their accounts if so asked.

    Returns how many owners upkeep is left to go on with. An account that is to be closed can do
    nothing from now on.
    """
    asked = [
        Erasure(**one.columns, closes_account=close_accounts, requested_at=timezone.now())
        for one in owners
        if not one.is_nobody
    ]
    with transaction.atomic():
        accounts = User.objects.filter(pk__in=[one.owner_id for one in asked if one.owner_id])
        there = set(accounts.select_for_update(no_key=True).values_list("pk", flat=True))
        # Others were deleted meanwhile.
        asked = [one for one in asked if one.visitor or one.owner_id in there]
        Erasure.objects.bulk_create(asked)
        for one in asked:
            owner = Owner(one.owner_id, one.visitor)
            batch_deletion.close_all_of(owner, one.requested_at)
        if close_accounts:
            _shut_out(there)
    return _work_on(asked, _OF_A_REQUEST)


def what_goes(account: Owner) -> dict[str, str]:
    """How much an account would take along, in words: photos, results, batches, corrections and
    keys."""
    corrections = Correction.objects.filter(face__prediction__owner=account.user_id).order_by()
    rows = {
        "photos": account.photos(),
        "results": account.predictions(),
        "batches": account.batches(),
        "corrections": corrections,
        "keys": AuthToken.objects.filter(user=account.user_id),
    }
    return {name: number_in_words(found) for name, found in rows.items()}


def go_on() -> int:
    """Go on with what requests did not finish, for a minute; how much of it is left then."""
    batch_deletion.go_on()
    return _work_on(
        Erasure.objects.filter(requested_at__lt=timezone.now() - _LEFT_ALONE), _OF_UPKEEP
    )


def _work_on(erasures: Iterable[Erasure], seconds: float) -> int:
    end, left = time.monotonic() + seconds, list(erasures)
    while left and _finish(left[0], end):
        del left[0]
    return len(left)


def _finish(erasure: Erasure, end: float) -> bool:
    """Whether it was finished by the end of the time, of which there may be none."""
    photos = Owner(erasure.owner_id, erasure.visitor).photos()
    if not erasure.closes_account:
        photos = photos.filter(created_at__lte=erasure.requested_at)
    for _ in deleted_in_slices(photos.order_by("-created_at")):
        if time.monotonic() > end:
            return False
    batch_deletion.remove_closed(Owner(erasure.owner_id, erasure.visitor))
    if erasure.closes_account:
        User.objects.filter(pk=erasure.owner_id or 0).delete()
    else:
        erasure.delete()
    return True


def _shut_out(accounts: Iterable[int]) -> None:
    User.objects.filter(pk__in=accounts).update(is_active=False)
    AuthToken.objects.filter(user__in=accounts).delete()
