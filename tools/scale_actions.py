"""What `tools/web_at_scale.py` does, by name: the site's views, and what its workers ask for."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from predictions import bulk, claims, daily_sums, expiry, exports, turns, uploads
from predictions.access import Owner
from predictions.history_query import HistoryQuery
from predictions.models import Photo, Prediction, Status
from training.models import ModelVersion

Action = Callable[[], object]

_BACKEND = "django.contrib.auth.backends.ModelBackend"
_DAY = (timezone.now() - timedelta(days=15)).date()
# What the history and the API are narrowed to; a page of each is full beside few and many.
_FILTERS = {
    "all": "",
    "failed": "status=failed",
    "running": "status=running",
    "faces": "faces_min=2&faces_max=3",
    "no face": "faces_max=0",
    "women": "gender=female",
    "women of 20 to 40, Indian": "gender=female&race=indian&age_min=20&age_max=40",
    "rare: a crowd": "faces_min=10",
    "rare: a very old face": "age_min=110",
    "something uncertain": "confident=no",
    "nothing uncertain, good enough": "confident=yes&clear=yes",
    "poor faces": "clear=no",
    "a name": "name=7.jpg",
    "rare: a name": "name=nothing+like+it",
    "the newest batch": "batch={newest}",
    "the oldest batch": "batch={oldest}",
    "failed, of a batch": "batch={oldest}&status=failed",
    "women of a batch": "batch={oldest}&gender=female",
}
_HISTORY = {
    **_FILTERS,
    "a day": f"since={_DAY}&until={_DAY}",
    "the oldest version": "version=v1",
    "the newest version": "version=v5",
    "rare: a version": "version=rare",
    "failed, oldest version": "status=failed&version=v1",
    "oldest first": "order=oldest",
    "failed, oldest first": "status=failed&order=oldest",
    "as a table": "view=table",
}
_API = {
    **_FILTERS,
    "a day": f"created_after={_DAY}&created_before={_DAY + timedelta(days=1)}",
    "the oldest version": "model_version=v1",
    "rare: a version": "model_version=rare",
}
_ADMIN = {
    "overview": "",
    "predictions": "predictions/prediction/",
    "predictions, failed": "predictions/prediction/?status__exact=failed",
    "predictions, queued": "predictions/prediction/?status__exact=queued",
    "predictions, oldest version": "predictions/prediction/?model_version__id__exact={v1}",
    "predictions, rare: version": "predictions/prediction/?model_version__id__exact={rare}",
    "predictions, failed of a version": (
        "predictions/prediction/?status__exact=failed&model_version__id__exact={v1}"
    ),
    "predictions, page 10": "predictions/prediction/?p=10",
    "corrections": "predictions/correction/",
    "corrections, accepted": "predictions/correction/?review=accepted",
    "corrections, all": "predictions/correction/?review=all",
    "images": "training/sample/",
    "images, page 2": "training/sample/?p=2",
    "images, set aside": "training/sample/?reason__exact=near_duplicate",
    "images, by labels": "training/sample/?gender__exact=1&race__exact=3",
    "images, by age": "training/sample/?age_from=30&age_to=32",
    "images, where the model disagrees": "training/sample/?doubtful_label=age",
    "images, searched": "training/sample/?q=30_0_0",
    "withdrawn corrections": "training/withdrawal/",
    "users": "auth/user/",
    "users, staff": "auth/user/?is_staff__exact=1",
    "users, searched": "auth/user/?q=user1",
    "log-ins": "axes/accesslog/",
    "log-ins, searched": "axes/accesslog/?q=user1",
    "keys": "knox/authtoken/",
}


def actions() -> dict[str, Action]:
    many, boss = (User.objects.get(username=name) for name in ("many", "boss"))
    of_many = Owner(user_id=many.pk)
    found: dict[str, Action] = {}
    browser, staff = _browser(many), _browser(boss)
    for name, query in _narrowed(_HISTORY, of_many):
        found[f"history, {name}"] = partial(_get, browser, f"/history/?{query}")
    oldest = _deep(of_many)
    found["summary"] = partial(_get, browser, "/history/summary/")
    found["summary, women"] = partial(_get, browser, "/history/summary/?gender=female")
    found["ask to end an account"] = partial(_get, browser, "/account/delete/")
    found["history, deep in"] = partial(_get, browser, f"/history/?before={oldest}")
    found |= _of_batches(browser, of_many)
    found["history of a browser"] = partial(_get, _visitor(), "/history/")
    found |= _of_one(browser, of_many)
    found |= _by_api(many, of_many)
    found |= {f"admin, {name}": partial(_get, staff, _url(path)) for name, path in _ADMIN.items()}
    found["/metrics"] = partial(_get, browser, "/metrics")
    found["/readyz"] = partial(browser.get, "/readyz")
    return found | _deletions(browser) | _of_admin(staff) | _of_workers(of_many)


def _of_one(browser: Client, owner: Owner) -> dict[str, Action]:
    done = owner.predictions().filter(status=Status.DONE, face_count=1)[0]
    last_waiting = claims.waiting_predictions().filter(owner=owner.user_id).order_by("-turn")[0]
    return {
        "result": partial(_get, browser, f"/predictions/{done.pk}/"),
        "result, still waiting": partial(_get, browser, f"/predictions/{last_waiting.pk}/"),
        "run again": partial(_post, browser, f"/predictions/{done.pk}/rerun/"),
        "log in with a browser's photos": partial(_log_in, owner),
    }


def _of_batches(browser: Client, owner: Owner) -> dict[str, Action]:
    oldest = owner.batches().order_by("created_at")[0]
    return {
        "batches": partial(_get, browser, "/batches/"),
        "batches, page 2": partial(_get, browser, "/batches/?page=2"),
        "a batch": partial(_get, browser, f"/batches/{oldest.pk}/"),
        "a batch, women by age": partial(
            _get, browser, f"/batches/{oldest.pk}/?gender=female&sort=age"
        ),
        "a batch's progress": partial(_get, browser, f"/batches/{oldest.pk}/panel/"),
        "a batch as CSV": partial(_get, browser, f"/batches/{oldest.pk}/results.csv"),
    }


def _by_api(user: User, owner: Owner) -> dict[str, Action]:
    client = APIClient()
    _, key = AuthToken.objects.create(user)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    found: dict[str, Action] = {
        f"API, {name}": partial(_get, client, f"/api/v1/predictions/?{query}")
        for name, query in _narrowed(_API, owner)
    }
    moment = _deep(owner).partition("_")[0]
    cursor = b64encode(f"p={moment.replace('+', '%2B')}".encode()).decode()
    found["API, deep in"] = partial(_get, client, f"/api/v1/predictions/?cursor={cursor}")
    return found


def _deletions(browser: Client) -> dict[str, Action]:
    done = User.objects.get(username="many").predictions.filter(status=Status.DONE)
    chosen = list(done[:24])
    many = Owner(user_id=User.objects.get(username="many").pk)
    few = User.objects.get(username="user1")
    few.set_password("secret")
    few.save()
    data = {"selected": [str(one.pk) for one in chosen]}
    oldest = many.batches().order_by("created_at")[0]
    of_batch = {"scope": "all", "query": f"batch={oldest.pk}"}
    return {
        "delete a result": partial(_post, browser, f"/predictions/{chosen[0].pk}/delete/"),
        "delete a page of results": partial(_post, browser, "/history/delete/", data),
        "run a page of results again": partial(_post, browser, "/history/rerun/", data),
        **{
            f"export a page of results, {kind}": partial(
                _post, browser, "/history/export/", {**data, "format": kind}
            )
            for kind in exports.KINDS
        },
        "export a batch's results": partial(_post, browser, "/history/export/", of_batch),
        "ask to delete all that match": partial(
            _post, browser, "/history/delete/", {"scope": "all", "query": "gender=female"}
        ),
        "a slice of deleting all that match": lambda: _slice_of("delete", many),
        "a slice of running all again": lambda: _slice_of("rerun", many),
        "delete everything, ten photos": lambda: _post(
            _browser(few), "/history/delete-everything/"
        ),
        "end an account of ten photos": lambda: _post(
            _browser(few), "/account/delete/", {"password": "secret"}
        ),
    }


def _slice_of(kind: str, owner: Owner) -> None:
    """The first of a bulk action on all that somebody has."""
    with patch.object(bulk, "_OF_A_REQUEST", 0.0):
        bulk.begin(owner, bulk.Kind(kind), HistoryQuery())


def _of_admin(staff: Client) -> dict[str, Action]:
    page = list(Prediction.objects.order_by("-created_at")[:100].values_list("pk", flat=True))
    picked = {"action": "delete_selected", "_selected_action": list(map(str, page))}
    whole = {**picked, "select_across": "1"}
    user, many = (User.objects.get(username=name) for name in ("user1", "many"))
    predictions, users = (_url(path) for path in ("predictions/prediction/", "auth/user/"))
    return {
        "admin, ask to delete a page": partial(_post, staff, predictions, picked),
        "admin, delete a page": partial(_post, staff, predictions, {**picked, "post": "yes"}),
        "admin, ask to delete all": partial(_post, staff, predictions, whole),
        "admin, ask to delete a user": partial(_get, staff, f"{users}{user.pk}/delete/"),
        "admin, delete a user": partial(_post, staff, f"{users}{user.pk}/delete/", {"post": "yes"}),
        "admin, ask to delete who sent half": partial(_get, staff, f"{users}{many.pk}/delete/"),
    }


def _of_workers(owner: Owner) -> dict[str, Action]:
    names = [f"photos/{pk}.jpg" for pk in Photo.objects.values_list("pk", flat=True)[:500]]
    return {
        "look whether anything waits": claims.anything_waits,
        "claim a batch": claims.claim_batch,
        "look for expired leases": claims.return_expired,
        "the turn of the next photo": lambda: turns.turn_of_next(owner, turns.current_turn()),
        "expire five photos": _first_slice,
        "sum up a slice": partial(daily_sums.count_on, 1),
        "sweep 500 files": lambda: list(expiry._without_photo(names)),
        "forget expired log-ins": partial(expiry.forget_expired_logins, timezone.now()),
    }


def _first_slice() -> None:
    expired = Photo.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    with patch.object(uploads, "_DELETION_BATCH", 5):
        next(uploads.deleted_in_slices(expired))


def _narrowed(queries: dict[str, str], owner: Owner) -> Iterator[tuple[str, str]]:
    """With the keys of the owner's batches in place of their names."""
    keys = list(owner.batches().order_by("created_at").values_list("pk", flat=True))
    for name, query in queries.items():
        yield name, query.format(oldest=keys[0], newest=keys[-1])


def _get(client: Client, path: str) -> None:
    _check(path, client.get(path))


def _post(client: Client, path: str, data: Any = None) -> None:
    _check(path, client.post(path, data or {}))


def _check(path: str, answer: Any) -> None:
    """An answer that is made while it is sent is made whole."""
    if answer.status_code not in {200, 302}:
        raise RuntimeError(f"{path} is answered by {answer.status_code}.")
    if answer.streaming:
        for _ in answer.streaming_content:
            pass


def _log_in(owner: Owner) -> None:
    """As a browser that has sent photos does: they move to the account."""
    visitor = Prediction.objects.filter(visitor__isnull=False).values_list("visitor").first()
    request = RequestFactory().get("/")
    request.session = Client().session
    request.session["visitor"] = str(visitor[0])  # type: ignore[index]
    login(request, User.objects.get(pk=owner.user_id or 0), backend=_BACKEND)


def _browser(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=_BACKEND)
    return client


def _visitor() -> Client:
    client = Client()
    session = client.session
    visitor: Any = Prediction.objects.filter(visitor__isnull=False).order_by("-created_at").first()
    session["visitor"] = str(visitor.visitor)
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    return client


def _deep(owner: Owner) -> str:
    """The cursor of a page four fifths down a history."""
    rows = owner.predictions()
    row = rows[rows.count() * 4 // 5]
    return f"{row.created_at.isoformat()}_{row.pk}".replace("+", "%2B")


def _url(path: str) -> str:
    keys = dict(ModelVersion.objects.values_list("name", "pk"))
    return "/admin/" + path.format(**{name: keys[name] for name in ("v1", "rare")})
