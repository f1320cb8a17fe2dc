"""Everything the visitor sent: filtered, in pages; what can be done with many results at once."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from predictions import bulk, exports, uploads
from predictions.access import Owner, owner_of
from predictions.bulk import BulkAction, Ending, Kind
from predictions.deletion import erase
from predictions.history_filter import HistoryFilter
from predictions.history_query import MOST_COUNTED, HistoryQuery, Position
from predictions.messages import in_words
from predictions.models import Photo, Prediction
from predictions.summary import summarise

from .result import history_entry

PAGE = 24
SLICE = 200  # results of an export that are in memory at once
WORKBOOK_ROWS = 20_000  # which is made before it is sent, in some seconds
EXPORT = "faceroute-results"
VIEW_COOKIE = "history_view"
_VIEWS = ("grid", "table")
_YEAR = 365 * 86_400  # seconds
# What an address says beside what is looked for.
_NOT_FILTERS = ("before", "view")


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """A page of the visitor's predictions, newest first unless asked otherwise."""
    owner, view = owner_of(request), view_of(request)
    filters = HistoryFilter(owner, request.GET or None)
    query = filters.query
    own = query.rows_of(owner).select_related("photo", "model_version")
    page = query.page(own, Position.of(request.GET.get("before", "")), PAGE)
    prefetch_related_objects(page.rows, "faces__correction")
    kept = _filters_of(request.GET)
    context: dict[str, Any] = {
        "filters": filters,
        "entries": [history_entry(row) for row in page.rows],
        "next": "?" + urlencode({**kept, "before": str(page.next)}) if page.next else "",
        "looked_until": None if page.is_full or not page.next else page.next.created_at,
        "is_first": "before" not in request.GET,
        "is_filtered": bool(kept),
        "query": urlencode(kept),
        "number": number_in_words(owner, query),
        "view": view,
        "under_way": list(bulk.under_way(owner)),
        "downloads": exports.KINDS,
    }
    answer = render(request, "predictions/history.html", context)
    if "view" in request.GET:
        path = settings.SESSION_COOKIE_PATH
        answer.set_cookie(VIEW_COOKIE, view, max_age=_YEAR, path=path, samesite="Lax")
    return answer


@require_safe
def summary(request: HttpRequest) -> HttpResponse:
    """What the visitor's photos show, in charts."""
    owner = owner_of(request)
    filters = HistoryFilter(owner, request.GET or None)
    kept = _filters_of(request.GET)
    context = {
        "summary": summarise(owner, filters.query),
        "is_filtered": bool(kept),
        "query": urlencode(kept),
    }
    return render(request, "predictions/summary.html", context)


@require_POST
def delete_selected(request: HttpRequest) -> HttpResponse:
    """Delete the predictions that were ticked, or, once that is confirmed, all that match."""
    if request.POST.get("scope") == "all":
        return _act_on_all(request, Kind.DELETE)
    if chosen := _selected(request):
        uploads.delete_predictions(chosen)
        _say_deleted(request, len(chosen))
    return _back(request)


@require_POST
def rerun_selected(request: HttpRequest) -> HttpResponse:
    """Run the photos that were ticked again, or, once that is confirmed, all that match."""
    if request.POST.get("scope") == "all":
        return _act_on_all(request, Kind.RERUN)
    owner, count = owner_of(request), 0
    chosen = _selected(request)
    for prediction in bulk.newest_of_their_photos(chosen):
        try:
            uploads.rerun(prediction, by=owner)
        except Photo.DoesNotExist:
            continue
        except uploads.UploadRefused as error:
            messages.error(request, in_words(error.message))
            break
        count += 1
    else:
        if chosen and not count:
            words = _(
                "Nothing was run again: these photos are still being estimated, or have a newer "
                "result already."
            )
            messages.info(request, words)
    if count:
        _say_rerun(request, count)
    return _back(request)


@require_POST
def export_selected(request: HttpRequest) -> HttpResponseBase:
    """The predictions that were ticked, or all that match, as a table in a file."""
    kind = request.POST.get("format") or "csv"
    if kind not in exports.KINDS:
        return HttpResponseBadRequest()
    slices = _chosen_slices(request)
    if slices is None:
        return _back(request)
    table = exports.rows_of(slices)
    if kind != "xlsx":
        return exports.table_response(table, EXPORT, kind)
    try:
        return exports.table_response(exports.bounded(table, WORKBOOK_ROWS), EXPORT, kind)
    except exports.TableTooLong:
        words = _(
            "These are more than %(most)s rows, too many for one Excel file. Please filter for "
            "fewer, or download CSV, which has no limit."
        )
        messages.error(request, words % {"most": f"{WORKBOOK_ROWS:,}"})
        return _back(request)


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Show no longer how bulk actions ended."""
    bulk.dismiss(owner_of(request))
    return redirect("history")


@require_http_methods(["GET", "HEAD", "POST"])
def delete_everything(request: HttpRequest) -> HttpResponse:
    """Ask, then delete every photo of the visitor."""
    if request.method != "POST":
        return render(request, "predictions/delete_everything.html")
    if erase([owner_of(request)]):
        words = _("Your photos are being deleted. With this many, it takes a few minutes.")
        messages.info(request, words)
    else:
        messages.success(request, _("All your photos and results were deleted."))
    return redirect("upload")


def view_of(request: HttpRequest) -> str:
    """How the history is shown: as the address says, or as it was shown last."""
    asked = [request.GET.get("view"), request.COOKIES.get(VIEW_COOKIE)]
    return next((view for view in asked if view in _VIEWS), _VIEWS[0])


def number_in_words(owner: Owner, query: HistoryQuery) -> str:
    """How many results there are of what is looked for."""
    number, is_exact = query.count(query.rows_of(owner))
    if is_exact:
        words = ngettext("%(number)s result", "%(number)s results", number)
        return words % {"number": f"{number:,}"}
    if number > MOST_COUNTED:
        return _("More than %(number)s results") % {"number": f"{MOST_COUNTED:,}"}
    return _("At least %(number)s results") % {"number": f"{number:,}"}


def _chosen_slices(request: HttpRequest) -> Iterable[list[Prediction]] | None:
    """What was ticked, or all that match; None, and a message, where there is nothing."""
    if request.POST.get("scope") != "all":
        chosen = _selected(request)
        return [chosen] if chosen else None
    query = _query_for_all(request)
    if query is None:
        return None
    rows = query.rows_of(owner_of(request)).select_related("photo", "model_version")
    return query.walk(rows, SLICE)


def _query_for_all(request: HttpRequest) -> HistoryQuery | None:
    """What the buttons apply to where that is all that match. None, and a message, where a filter
    makes no sense (any more), or is none: whoever looks is shown more than asked for, but nothing
    is done with it."""
    sent = _sent_filters(request)
    filters = HistoryFilter(owner_of(request), sent)
    if unknown := sent.keys() - filters.fields.keys():
        words = _("Nothing was done, since there is no filter “%(name)s”. Please filter once more.")
        messages.error(request, words % {"name": "”, “".join(sorted(unknown))})
        return None
    if filters.is_bound and not filters.is_valid():
        words = _("Nothing was done, since a filter no longer applies. Please filter once more.")
        messages.error(request, words)
        return None
    return filters.query


def _act_on_all(request: HttpRequest, kind: Kind) -> HttpResponse:
    owner = owner_of(request)
    query = _query_for_all(request)
    if query is None:
        return _back(request)
    if "confirmed" not in request.POST:
        context = {
            "kind": kind,
            "number": number_in_words(owner, query),
            "query": request.POST.get("query", ""),
            "is_filtered": bool(_sent_filters(request)),
        }
        return render(request, "predictions/bulk_question.html", context)
    if not owner.is_nobody:
        _say_begun(request, bulk.begin(owner, kind, query))
    return redirect("history")


def _say_begun(request: HttpRequest, action: BulkAction) -> None:
    """What has ended is told once; what goes on stays on the page."""
    if action.ending != Ending.DONE:
        return
    say = _say_deleted if action.kind == Kind.DELETE else _say_rerun
    say(request, action.count)
    action.delete()


def _say_deleted(request: HttpRequest, count: int) -> None:
    words = ngettext("%(count)d result was deleted.", "%(count)d results were deleted.", count)
    messages.success(request, words % {"count": count})


def _say_rerun(request: HttpRequest, count: int) -> None:
    words = ngettext(
        "%(count)d photo is run again; its new result appears here.",
        "%(count)d photos are run again; their new results appear here.",
        count,
    )
    messages.success(request, words % {"count": count})


def _selected(request: HttpRequest) -> list[Prediction]:
    """Of what was ticked, what is the visitor's."""
    chosen = [UUID(pk) for pk in request.POST.getlist("selected") if _is_id(pk)]
    found = owner_of(request).of_those(chosen)
    if not found:
        messages.error(request, _("Nothing was selected."))
    prefetch_related_objects(found, "photo", "model_version", "faces")
    return found


def _filters_of(sent: QueryDict) -> dict[str, str]:
    """What is looked for, as in the address of a history."""
    wanted = {key: str(value) for key, value in sent.items() if key not in _NOT_FILTERS}
    return {key: value for key, value in wanted.items() if value}


def _sent_filters(request: HttpRequest) -> dict[str, str]:
    return _filters_of(QueryDict(request.POST.get("query", "")))


def _back(request: HttpRequest) -> HttpResponse:
    kept = urlencode(_sent_filters(request))
    return redirect(f"{reverse('history')}?{kept}" if kept else "history")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
