"""`python -m tests.browser.every_page`: furnish a site and say where its pages are.

Prints a JSON object: name of an address → path, for every address that answers the superuser
"ann" (password "unimportant") with a page.
"""

import json

from tests.site import furnished  # sets Django up, so it comes before models

from axes.models import AccessAttempt, AccessLog  # isort: skip
from django.apps import apps  # isort: skip
from django.contrib.auth.models import Group, User  # isort: skip
from django.test import Client  # isort: skip

from predictions.access import Owner  # isort: skip
from predictions.batches.steering import create as create_batch  # isort: skip
from predictions.models import Prediction, Status  # isort: skip
from predictions.uploads import accept_photo, rerun  # isort: skip
from tests.factories import FaceFactory  # isort: skip
from tests.site.addresses import Address, addresses  # isort: skip
from training.models import ExamRun, ExportRun, ModelVersion, ReviewRun  # isort: skip

_KNOWN = {"recipe": "full", "key": "ages", "index": 0, "race": 0, "gender": 0}


def fill() -> User:
    furnished.fill()
    ann = User.objects.get(username="ann")
    batch = create_batch(Owner(user_id=ann.pk), "Holiday")
    _estimated(accept_photo(Owner(user_id=ann.pk), furnished.upload(20), batch=batch.pk))
    _estimated(rerun(_first(ann)))
    dataset = apps.get_model("training.dataset").objects.get()
    ReviewRun.objects.create(dataset=dataset)
    ExamRun.objects.create()
    ExportRun.objects.create()
    Group.objects.create(name="reviewers")
    seen = {"username": "bob", "ip_address": "10.0.0.1", "user_agent": "-", "path_info": "/"}
    AccessAttempt.objects.create(failures_since_start=1, **seen)
    AccessLog.objects.create(**seen)
    return ann


def _estimated(prediction: Prediction) -> None:
    prediction.status, prediction.model_version = Status.DONE, ModelVersion.objects.get()
    prediction.finished_at, prediction.took_ms = prediction.created_at, 87
    prediction.save()
    FaceFactory.create(prediction=prediction)


def _first(user: User) -> Prediction:
    done = Prediction.objects.filter(photo__owner=user, status=Status.DONE)
    return done.order_by("created_at")[0]


def pages(user: User) -> dict[str, str]:
    """Name → path of the addresses that answer with a page."""
    found = {}
    browser = Client(headers={"host": "localhost"}, raise_request_exception=False)
    browser.force_login(user)
    # The admin's log-out takes a GET too, and it would end the session.
    for address in (one for one in addresses() if not one.name.endswith("logout")):
        answer = browser.get(path := _path(user, address))
        if answer.status_code == 200 and not answer.streaming and b"</html>" in answer.content:
            found[address.name] = path
    return found


def _path(user: User, address: Address) -> str:
    """The address of the user's own batch and photo, or of a row of that kind."""
    parts = address.route.split("/")
    first = _first(user)
    key: object = 1
    if parts[0] == "admin" and address.parameters and parts[1] in apps.app_configs:
        key = apps.get_model(parts[1], parts[2])._default_manager.order_by("pk")[0].pk
    elif parts[0] == "batches":
        key = user.batches.get().pk
    elif address.parameters:
        key = first.pk
    again = {"other": first.photo.predictions.latest("created_at").pk}
    return address.path(**dict.fromkeys(address.parameters, key) | _KNOWN | again)


if __name__ == "__main__":
    print(json.dumps(pages(fill())))  # noqa: T201
