"""Batches as people see them: the list of all, and the page of one, which follows its progress."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from predictions.access import owner_of
from predictions.batches import listing, words
from predictions.batches.cells import Column, cells, columns
from predictions.batches.models import Batch, BatchState
from predictions.batches.progress import newest_outcomes, progress_of
from predictions.batches.summary import charts_of
from predictions.exports import KINDS
from predictions.models import Status

from .batch_filter import BatchFilter
from .batches import create, own_batch
from .upload import HANDFUL

PAGE = 24
_UNFINISHED = Q(photos__predictions__status__in=[Status.QUEUED, Status.RUNNING])


@require_http_methods(["GET", "HEAD", "POST"])
def batches(request: HttpRequest) -> HttpResponse:
    """The visitor's batches, newest first; a post begins one."""
    if request.method == "POST":
        return create(request)
    number = _number(request.GET.get("page", ""))
    found = owner_of(request).batches().order_by("-created_at", "-pk")
    # Chosen first, so that the photos of no others are counted.
    keys = list(found.values_list("pk", flat=True)[(number - 1) * PAGE : number * PAGE + 1])
    rows = found.filter(pk__in=keys[:PAGE]).annotate(
        photo_count=Count("photos", distinct=True),
        open_count=Count("photos__predictions", filter=_UNFINISHED, distinct=True),
    )
    older = f"?page={number + 1}" if len(keys) > PAGE else ""
    context = {"batches": rows, "older": older, "handful": HANDFUL}
    return render(request, "predictions/batches.html", context)


@require_safe
def batch(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page of a batch: how far it is, and what came out, as a whole and face by face."""
    found = own_batch(request, pk)
    filters = BatchFilter(request.GET)
    wanted = filters.wanted
    page = listing.page_of(found, wanted, filters.cleaned_data.get("page") or 1)
    context = {
        **panel_context(found),
        "charts": charts_of(found),
        "page": page,
        "rows": [(row, cells(row.card) if row.card else []) for row in page.rows],
        "columns": [
            _head(request, column, wanted.sort)
            for column in [Column(_("Photo"), "name"), *columns()]
        ],
        "span": len(columns()),
        "filters": [field for field in filters if not field.is_hidden],
        "wanted": wanted,
        "is_filtered": wanted != listing.Wanted(sort=wanted.sort),
        "before": _query(request, page=page.number - 1) if page.number > 1 else "",
        "downloads": [
            (word, reverse(f"batch_{kind}", args=[found.pk])) for kind, word in KINDS.items()
        ],
        "after": _query(request, page=page.number + 1) if page.number < page.pages else "",
    }
    return render(request, "predictions/batch.html", context)


@require_safe
def panel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a batch is, fetched again and again. `?sending`: for the page that sends to it.

    `?over=`, `?before=`: how many photos were through when the page looked last, and the batch was
    over, or was not. While it is paused little is finished any more: its results follow at once.
    """
    found = own_batch(request, pk)
    context = panel_context(found)
    context["is_sending"] = "sending" in request.GET
    now = str(context["over"])
    is_more = found.is_paused and request.GET.get("before", now) != now
    is_over = not context["is_live"] and request.GET.get("over") != now
    context["is_news"] = is_over and not context["is_sending"]
    response = render(request, "predictions/partials/batch_panel.html", context)
    if context["is_news"] or (is_more and not context["is_sending"]):
        response["HX-Trigger"] = "newResults"
    return response


def panel_context(found: Batch) -> dict[str, Any]:
    """What the panel on a batch's progress shows."""
    progress = progress_of(found)
    left = progress.counts["waiting"] + progress.counts["running"]
    everything = sum(progress.counts.values())
    return {
        "batch": found,
        "state": words.STATES[progress.state],
        "is_live": progress.state not in {"done", "cancelled"} or progress.counts["running"] > 0,
        "progress": progress,
        "all": everything,
        "over": everything - left,
        "pace": words.pace(progress),
        "counts": words.counts(progress),
        "archives": [words.archive(one) for one in found.archives.all()],
        "actions": [
            (action, reverse(action.name, args=[found.pk]))
            for action in words.actions(found, progress)
        ],
        "takes_more": found.state != BatchState.CANCELLED
        and progress.photos < settings.PHOTOS_PER_BATCH,
        "outcomes": newest_outcomes(found),
    }


def _head(request: HttpRequest, column: Column, sort: str) -> dict[str, str]:
    """A column's head: its word, the link that sorts by it, and how it is sorted."""
    if not column.sort:
        return {"word": column.word}
    way = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(sort, "")
    turned = f"-{column.sort}" if way == "ascending" else column.sort
    return {"word": column.word, "order": way, "link": _query(request, sort=turned, page=None)}


def _query(request: HttpRequest, **changed: Any) -> str:
    """The page's query string with some parameters changed; None leaves one out."""
    kept = {**request.GET.dict(), **changed}
    told = urlencode({name: value for name, value in kept.items() if value not in (None, "")})
    return f"?{told}#table-title"


def _number(text: str) -> int:
    return max(1, int(text)) if text.isdecimal() and len(text) < 6 else 1
