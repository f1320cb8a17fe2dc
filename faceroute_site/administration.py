"""How administrators find their way: the sidebar by task, and what they may not open or find."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_Entry = tuple[str, str | Promise, str]

# Tasks with their lists: "app.model", what it is called here, and its symbol.
_TASKS: tuple[tuple[str | Promise, tuple[_Entry, ...]], ...] = (
    (
        _("Photos"),
        (
            ("predictions.prediction", _("Predictions"), "frame_person"),
            ("predictions.batch", _("Batches"), "photo_album"),
            ("predictions.correction", _("Corrections"), "rate_review"),
            ("training.withdrawal", _("Withdrawn corrections"), "undo"),
        ),
    ),
    (
        _("Data"),
        (
            ("training.dataset", _("Datasets"), "database"),
            ("training.sample", _("Images"), "photo_library"),
            ("training.importrun", _("Imports"), "upload"),
            ("training.reviewrun", _("Label issues"), "flag"),
        ),
    ),
    (
        _("Models"),
        (
            ("training.modelversion", _("Versions"), "deployed_code"),
            ("training.trainingrun", _("Training"), "model_training"),
            ("training.examrun", _("Examinations"), "quiz"),
            ("training.exportrun", _("Exports"), "ios_share"),
        ),
    ),
    (
        _("Access"),
        (
            ("auth.user", _("Users"), "person"),
            ("auth.group", _("Groups"), "group"),
            ("knox.authtoken", _("API keys"), "key"),
            ("axes.accesslog", _("Log-ins"), "login"),
            ("axes.accessattempt", _("Failed log-ins"), "lock"),
        ),
    ),
)


def navigation(_request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar, as Unfold takes it."""
    overview = {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")}
    tasks = [
        {"title": title, "items": [_item(*entry) for entry in entries]} for title, entries in _TASKS
    ]
    instructions = {"title": _("Help"), "icon": "help", "link": reverse_lazy("help")}
    return [{"items": [overview, instructions]}, *tasks]


def _item(model: str, title: str | Promise, icon: str) -> dict[str, Any]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _may_view(app, name),
    }


def _may_view(app: str, name: str) -> Callable[[HttpRequest], bool]:
    def may_view(request: HttpRequest) -> bool:
        user = request.user
        return user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}")

    return may_view


def is_administration(request: HttpRequest) -> bool:
    """Whether somebody who is at home in the administration asks for one of its pages."""
    user = getattr(request, "user", None)
    inside = request.path.startswith(reverse("admin:index"))
    return inside and user is not None and user.is_active and user.is_staff


def told(
    request: HttpRequest, status: int, title: str, message: str, back: str = ""
) -> HttpResponse:
    """A page of the administration that says why there is nothing else on it. `back`: the page to
    open again, where there is one."""
    said = {"title": title, "message": message, "back": back}
    context = {**admin.site.each_context(request), **said}
    return render(request, "admin/told.html", context, status=status)
