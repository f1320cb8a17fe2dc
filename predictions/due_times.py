"""When what has to be done from time to time is due, by the database's clock."""

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from .processes import UpkeepTask


def claim_due(name: str, interval: timedelta) -> bool:
    """Whether a task is due and the caller the one to do it now; it is due again in `interval`.

    A task that was never done is due. So is one that would be due later than in `interval`: the
    clock was put back, or the interval was shortened.
    """
    row, _ = UpkeepTask.objects.get_or_create(name=name, defaults={"due_at": Now()})
    due = UpkeepTask.objects.filter(
        Q(due_at__lte=Now()) | Q(due_at__gt=Now() + interval), pk=row.pk
    )
    return due.exists() and due.update(due_at=Now() + interval) == 1


def overdue(by: timedelta) -> QuerySet[UpkeepTask]:
    """What should have been done long ago."""
    return UpkeepTask.objects.filter(due_at__lt=Now() - by)
