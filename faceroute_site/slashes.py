"""Addresses end in a slash; what is sent to one without it arrives all the same."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path


def served_path(path: str, method: str) -> str:
    """The path that answers a request.

    Browsers that look at a page are redirected to its address, as ever; a redirect would lose what
    a form or a program sends.
    """
    looks = method in {"GET", "HEAD"} and not path.startswith("/api/")
    if path.endswith("/") or looks or is_valid_path(path) or not is_valid_path(f"{path}/"):
        return path
    return f"{path}/"


class SlashMiddleware:
    """Serves what is sent to an address without its last slash."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        served = served_path(request.path_info, request.method or "")
        if served != request.path_info:
            request.path_info, request.path = served, f"{request.path}/"
        return self._get_response(request)
