"""Requests that are refused before a view sees them, and how that is said."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

KEY = "faceroute.refusal"


@dataclass(frozen=True)
class Refusal:
    """An HTTP status, a code for programs and an English sentence to be translated.

    `megabytes` fills the sentence in; `retry_after` is in seconds.
    """

    status: int
    code: str
    sentence: str
    megabytes: float = 0.0
    retry_after: int | None = None

    @property
    def message(self) -> str:
        """The sentence in the reader's language."""
        return _(self.sentence) % {"megabytes": f"{self.megabytes:g}"}


class Refused(Exception):
    """A request is not received any further."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def too_large(most_bytes: int) -> Refusal:
    sentence = gettext_noop(
        "What was sent is larger than the %(megabytes)s MB that are accepted here. "
        "Please send smaller or fewer files."
    )
    megabytes = round(most_bytes / 2**20, 1)
    return Refusal(413, "photo_too_large", sentence, megabytes)


def too_slow() -> Refusal:
    sentence = gettext_noop(
        "Your upload arrived too slowly and was stopped. Please try again over a better connection."
    )
    return Refusal(408, "request_too_slow", sentence)


def no_room() -> Refusal:
    sentence = gettext_noop(
        "This site is receiving too many uploads at the moment. Please try again in a minute."
    )
    return Refusal(503, "too_busy", sentence, retry_after=60)


class RefusalMiddleware:
    """Says the server's refusals in the reader's language: as JSON to programs, else as a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal: Refusal | None = request.META.get(KEY)
        if refusal is None:
            return self._get_response(request)
        response = _said(request, refusal)
        if refusal.retry_after is not None:
            response["Retry-After"] = str(refusal.retry_after)
        return response


def _said(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    wants_json = request.headers.get("Accept") == "application/json"
    if wants_json or request.path_info.startswith("/api/"):
        document = {"code": refusal.code, "message": refusal.message}
        return JsonResponse(document, status=refusal.status)
    return render(request, "refused.html", {"message": refusal.message}, status=refusal.status)
