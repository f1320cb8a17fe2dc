"""What the site answers is for the person who asked, and stays nowhere."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class PrivateAnswersMiddleware:
    """Lets no browser and no proxy keep an answer, unless a view says that it may be kept.

    So the next person before the same screen finds nothing by “Back” once somebody has logged out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response
