"""`python -m tests.browser.every_page`: furnish a site and say where its pages are.

Prints a JSON object. `pages` and `stranger`: name of an address → path, for every address that
answers the superuser "ann" (password "unimportant") with a page, and a browser that is not logged
in, has sent photos and holds the visitor's `cookie`.
"""

import json
from typing import Any

from tests.site import furnished  # sets Django up, so it comes before models

from axes.models import AccessAttempt, AccessLog  # isort: skip
from django.apps import apps  # isort: skip
from django.contrib.auth.models import Group, User  # isort: skip
from django.test import Client  # isort: skip

from predictions import visitors  # isort: skip
from predictions.access import Owner  # isort: skip
from predictions.batches.steering import create as create_batch  # isort: skip
from predictions.models import Prediction, Status  # isort: skip
from predictions.uploads import accept_photo, rerun  # isort: skip
from tests.factories import FaceFactory  # isort: skip
from tests.site.addresses import Address, addresses  # isort: skip
from training.exams.exam_store import labels_of  # isort: skip
from training.models import (  # isort: skip
    Exam,
    ExamOutcome,
    ExamRun,
    ExportRun,
    ModelVersion,
    ReviewRun,
)
from training.registry.figures import metrics_of  # isort: skip
from vision.evaluation.kept_scores import as_bytes  # isort: skip
from vision.evaluation.scores import collect  # isort: skip
from vision.types import FaceAttributes  # isort: skip

_KNOWN = {"recipe": "full", "key": "ages", "index": 0, "race": 0, "gender": 0}


def fill() -> dict[str, str]:
    """What `furnished.fill` says, of a site that has more: what only pages show."""
    said = furnished.fill()
    ann = Owner(user_id=User.objects.get(username="ann").pk)
    for owner in (ann, _stranger()):
        batch = create_batch(owner, "Holiday")
        _estimated(accept_photo(owner, furnished.upload(20), batch=batch.pk))
    _estimated(rerun(_first(ann)))
    labels = labels_of(Exam.objects.get())
    ExamOutcome.objects.update(
        scores=as_bytes(collect(labels, [FaceAttributes()] * len(labels))),
        figures={"n": len(labels), **metrics_of(ModelVersion.objects.get())},
    )
    ReviewRun.objects.create(dataset=apps.get_model("training.dataset").objects.get())
    ExamRun.objects.create()
    ExportRun.objects.create()
    Group.objects.create(name="reviewers")
    seen = {"username": "bob", "ip_address": "10.0.0.1", "user_agent": "-", "path_info": "/"}
    AccessAttempt.objects.create(failures_since_start=1, **seen)
    AccessLog.objects.create(**seen)
    return said


def _stranger() -> Owner:
    return Owner(visitor=Prediction.objects.exclude(visitor=None)[0].visitor)


def _estimated(prediction: Prediction) -> None:
    prediction.status, prediction.model_version = Status.DONE, ModelVersion.objects.get()
    prediction.finished_at, prediction.took_ms = prediction.created_at, 87
    prediction.save()
    FaceFactory.create(prediction=prediction)


def _first(owner: Owner) -> Prediction:
    return owner.predictions().filter(status=Status.DONE).order_by("created_at")[0]


def pages(browser: Client, owner: Owner) -> dict[str, str]:
    """Name → path of the addresses that answer with a page; none may fail (AssertionError)."""
    found = {}
    # The admin's log-out takes a GET too, and it would end the session.
    for address in (one for one in addresses() if not one.name.endswith("logout")):
        answer = browser.get(path := _path(owner, address))
        assert answer.status_code != 500, path
        if answer.status_code == 200 and not answer.streaming and b"</html>" in answer.content:
            found[address.name] = path
    waiting = owner.predictions().filter(status=Status.QUEUED)[0]
    return found | {"waiting": f"/predictions/{waiting.pk}/"}


def _path(owner: Owner, address: Address) -> str:
    """The address of the owner's own batch and photo, or of a row of that kind."""
    parts = address.route.split("/")
    first = _first(owner)
    key: object = 1
    if parts[0] == "admin" and address.parameters and parts[1] in apps.app_configs:
        key = apps.get_model(parts[1], parts[2])._default_manager.order_by("pk")[0].pk
    elif parts[0] == "batches":
        key = owner.batches().get().pk
    elif address.parameters:
        key = first.pk
    again = {"other": first.photo.predictions.latest("created_at").pk}
    return address.path(**dict.fromkeys(address.parameters, key) | _KNOWN | again)


def _say(cookie: str) -> dict[str, Any]:
    browser, stranger = (
        Client(headers={"host": "localhost"}, raise_request_exception=False) for _ in range(2)
    )
    ann = User.objects.get(username="ann")
    browser.force_login(ann)
    stranger.cookies[visitors.COOKIE] = cookie
    return {
        "pages": pages(browser, Owner(user_id=ann.pk)),
        "stranger": pages(stranger, _stranger()),
        "cookie": cookie,
    }


if __name__ == "__main__":
    print(json.dumps(_say(fill()["cookie"])))  # noqa: T201
