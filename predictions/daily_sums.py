"""Daily sums of photos, faces and estimates, which stay when photos expire.

Finished predictions are counted in the order in which they were finished, a slice in a
transaction with the mark up to where was counted. So a process that is killed anywhere, or two at
once, neither doubles nor loses any. What is deleted within minutes, before it is counted, is in no
sum.

`what` → `label` of a sum: "photos" → "done" or "failed"; "faces" → "found" or "withheld";
"failure" → the code; "seconds" → up to how many, from being sent to being finished; an attribute →
a decade, or a label; "confidence" → the attribute and the tenth of its probability, "race 0.9".
"""

import datetime
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from vision.attributes import AGE_BINS, ATTRIBUTES, labelled

from .models import Face, Prediction, Status
from .sums import DailySum, SummedUpTo

_SLICE = 500  # predictions
_OF_A_RUN = 100  # slices; what is left is done at the next run
# By then every transaction has ended that wrote an earlier time of its clock.
_SETTLED = timedelta(minutes=5)
_LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
SECONDS = tuple(round(0.05 * 1.25**n, 3) for n in range(60))
"""Upper ends of the classes that durations are counted in, 25% apart."""

Key = tuple[datetime.date, str, str]


def count_on(slices: int = _OF_A_RUN) -> int:
    """Count what was finished since the last time; how many predictions it were."""
    counted = 0
    for _ in range(slices):
        if not (found := _count_slice()):
            break
        counted += found
    return counted


def count_anew(since: datetime.date) -> None:
    """Forget the sums of a day and of those after it, to be made of the photos that are left.

    Days of which photos have expired or were deleted come out smaller than they were.
    """
    start = datetime.datetime.combine(since, datetime.time(), datetime.UTC)
    with transaction.atomic():
        mark = _mark()
        DailySum.objects.filter(day__gte=since).delete()
        mark.finished_at = min(mark.finished_at, start - timedelta(microseconds=1))
        mark.save()


def _mark() -> SummedUpTo:
    """The mark, held until the transaction ends, so that one at a time goes on from it."""
    SummedUpTo.objects.get_or_create(pk=1, defaults={"finished_at": _LONG_AGO})
    return SummedUpTo.objects.select_for_update().get(pk=1)


def _count_slice() -> int:
    with transaction.atomic():
        mark = _mark()
        upto = timezone.now() - _SETTLED
        later = Prediction.objects.filter(finished_at__gt=mark.finished_at).order_by("finished_at")
        times = later.filter(finished_at__lte=upto).values_list("finished_at", flat=True)[:_SLICE]
        if not (last := max((time for time in times if time), default=None)):
            return 0
        # All that were finished at the same moment belong to the same slice.
        # (One bound alone: beside another, SQLite may go by the wrong one and read on to the end.)
        rows = list(later.filter(finished_at__lte=last).values(*_COLUMNS))
        _add(_sums(rows))
        mark.finished_at = last
        mark.save()
        return len(rows)


_COLUMNS = ("pk", "status", "created_at", "finished_at", "failure_code")


def _sums(rows: Iterable[Mapping[str, Any]]) -> Counter[Key]:
    sums: Counter[Key] = Counter()
    days = {}
    for row in rows:
        day = row["finished_at"].astimezone(datetime.UTC).date()
        days[row["pk"]] = day
        sums[day, "photos", row["status"]] += 1
        if row["status"] == Status.FAILED:
            sums[day, "failure", row["failure_code"]] += 1
        else:
            took = (row["finished_at"] - row["created_at"]).total_seconds()
            sums[day, "seconds", _up_to(took)] += 1
    faces = Face.objects.filter(prediction__in=list(days)).order_by()
    for prediction, estimates in faces.values_list("prediction", "estimates"):
        for what, label in _of_face(estimates):
            sums[days[prediction], what, label] += 1
    return sums


def _up_to(seconds: float) -> str:
    return str(SECONDS[min(bisect_left(SECONDS, seconds), len(SECONDS) - 1)])


def _of_face(estimates: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    known = {name: told for name, told in estimates.items() if told and name in ATTRIBUTES}
    yield "faces", "found" if known else "withheld"
    if age := known.get("age"):
        yield "age", AGE_BINS[min(int(age["years"]) // 10, len(AGE_BINS) - 1)]
    for one in labelled():
        if told := known.get(one.name):
            yield one.name, told["label"]
            yield "confidence", f"{one.name} {tenth(told['probability'])}"


def tenth(probability: float) -> str:
    """The tenth that a probability is in, by its lower end: "0.9" for 0.97, and for 1."""
    return f"{min(int(probability * 10), 9) / 10:.1f}"


def _add(sums: Mapping[Key, int]) -> None:
    for (day, what, label), count in sorted(sums.items()):
        row = DailySum.objects.filter(day=day, what=what, label=label)
        if not row.update(count=F("count") + count):
            DailySum.objects.create(day=day, what=what, label=label, count=count)


@dataclass(frozen=True)
class Recent:
    """The sums of the last days, today's included; `counts`: what → day → label → how often."""

    today: datetime.date
    counts: Mapping[str, Mapping[datetime.date, Mapping[str, int]]]

    def totals(self, what: str, days: int) -> Counter[str]:
        """How often each label was the case."""
        found: Counter[str] = Counter()
        for labels in self.by_day(what, days).values():
            found.update(labels)
        return found

    def by_day(self, what: str, days: int) -> dict[datetime.date, Mapping[str, int]]:
        """The same for each day, oldest first; days without any are empty."""
        known = self.counts.get(what, {})
        dates = (self.today - timedelta(days=n) for n in reversed(range(days)))
        return {day: known.get(day, {}) for day in dates}

    def duration(self, share: float, days: int) -> float | None:
        """Within how many seconds a share of the photos was finished; None where none was."""
        found = self.totals("seconds", days)
        wanted, reached = share * found.total(), 0
        for seconds, count in sorted((float(label), count) for label, count in found.items()):
            reached += count
            if reached >= wanted:
                return seconds
        return None


def recent(days: int) -> Recent:
    """Read once, whatever is asked of it."""
    today = timezone.now().astimezone(datetime.UTC).date()
    rows = DailySum.objects.filter(day__gt=today - timedelta(days=days)).order_by()
    counts: dict[str, dict[datetime.date, dict[str, int]]] = {}
    for day, what, label, count in rows.values_list("day", "what", "label", "count"):
        counts.setdefault(what, {}).setdefault(day, {})[label] = count
    return Recent(today, counts)
