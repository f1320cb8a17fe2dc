"""`python -m tests.site.furnished fill|say`: a site with something of everything, and what it says.

`fill` prints a key and a browser's cookie; `say KEY COOKIE` prints one JSON document: what REST and
the browser are answered, the rows of every table, and the SHA-256 of all that is kept in files.
"""

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from PIL import Image  # noqa: E402

from predictions import visitors  # noqa: E402
from predictions.access import Owner  # noqa: E402
from predictions.api_keys import make_key, note_use  # noqa: E402
from predictions.models import Correction, Prediction, Status  # noqa: E402
from predictions.uploads import accept_photo  # noqa: E402
from tests.factories import DatasetFactory, FaceFactory, SampleFactory  # noqa: E402
from tests.training.utkface import jpeg  # noqa: E402
from training.datasets import example_files, mean_faces  # noqa: E402
from training.models import (  # noqa: E402
    Annotation,
    Dataset,
    Exam,
    ExamImage,
    ExamOutcome,
    ImportRun,
    JobState,
    LabelIssue,
    ModelVersion,
    TrainingRun,
    Withdrawal,
)

_PLAIN = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
_API = "/api/v1"


def fill() -> dict[str, str]:
    ann = User.objects.create_superuser("ann", password="unimportant")
    version = ModelVersion.objects.get()
    for number in range(3):
        _estimated(accept_photo(Owner(user_id=ann.pk), upload(number)), version)
    accept_photo(Owner(user_id=ann.pk), upload(9))  # it waits
    _train(_dataset(), version, ann)
    browser = Client()
    with override_settings(STORAGES=_PLAIN):
        browser.post("/", {"photos": [upload(4)]}, headers={"host": "localhost"})
    key = make_key(ann, "camera", 30)
    note_use(AuthToken.objects.get())  # so that what is said later writes nothing
    return {"key": key, "cookie": browser.cookies[visitors.COOKIE].value}


def upload(seed: int) -> SimpleUploadedFile:
    data = io.BytesIO()
    Image.open(io.BytesIO(jpeg(seed))).resize((320, 320)).save(data, "JPEG", quality=90)
    return SimpleUploadedFile(f"사진 {seed}\t\\N.jpg", data.getvalue(), "image/jpeg")


def _estimated(prediction: Prediction, version: ModelVersion) -> None:
    prediction.status, prediction.model_version = Status.DONE, version
    prediction.finished_at, prediction.took_ms = timezone.now(), 87
    prediction.save()
    face = FaceFactory.create(prediction=prediction)
    FaceFactory.create(prediction=prediction, index=1, age=None, quality=None)
    Correction.objects.create(
        face=face, labels={"age": 31, "gender": 1}, consented_at=timezone.now()
    )


def _dataset() -> Dataset:
    dataset: Dataset = DatasetFactory.create(name="얼굴 데이터")
    for number in range(40):
        SampleFactory.create(
            dataset=dataset,
            digest=example_files.keep(jpeg(number)),
            race=number % 5,
            name=f"{number}\t.jpg",
        )
    mean_faces.draw_all(dataset, lambda *_: None)
    return dataset


def _train(dataset: Dataset, version: ModelVersion, user: User) -> None:
    samples = list(dataset.samples.all())
    exam = Exam.objects.create(dataset_name=dataset.name)
    kept = example_files.keep(jpeg(1000))  # no sample shows it any more
    for position, digest in enumerate([samples[0].digest, kept]):
        ExamImage.objects.create(
            exam=exam, position=position, digest=digest, age=30, gender=0, race=0
        )
    ExamOutcome.objects.create(
        exam=exam, version=version, scores=bytes(range(256)), figures={"age_mae": 4.5}
    )
    LabelIssue.objects.create(sample=samples[1], label="age", score=0.25, suggestion="44")
    Annotation.objects.create(sample=samples[1], annotator=user, age=44)
    Withdrawal.objects.create(digest="0" * 64)
    ImportRun.objects.create(dataset=dataset, path="/tmp/x\\n.zip", state=JobState.DONE)  # noqa: S108
    TrainingRun.objects.create(
        dataset=dataset,
        recipe={"name": "full", "über": None},
        backbone=version,
        version=version,
        state=JobState.DONE,
        requested_by=user,
    )


def say(key: str, cookie: str) -> dict[str, Any]:
    with override_settings(STORAGES=_PLAIN):
        return {
            "rest": _rest(Client(headers={"authorization": f"Bearer {key}", "host": "localhost"})),
            "browser": _browser(cookie),
            "rows": {model._meta.label: _rows(model) for model in apps.get_models()},
            "files": _files(settings.DATASET_ROOT) | _files(settings.MODEL_ROOT),
        }


def _rest(client: Client) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: client.get(f"{_API}/{name}/").json() for name in ("models", "training-runs")
    }
    page: str | None = f"{_API}/predictions/"
    while page:
        listed = client.get(page).json()
        page = listed["next"]
        for one in listed["results"]:
            where = f"{_API}/predictions/{one['id']}"
            images = [f"{where}/faces/{face['index']}/crop/" for face in one["faces"]]
            document = client.get(f"{where}/").json()
            del document["queue"]  # of this moment, and of whether a worker is there
            said[one["id"]] = {
                "document": document,
                "images": [_image(client, url) for url in (f"{where}/photo/", *images)],
            }
    return said


def _image(client: Client, url: str) -> list[Any]:
    answer = client.get(url)
    return [answer.status_code, hashlib.sha256(answer.content).hexdigest()]


def _browser(cookie: str) -> list[Any]:
    """What a browser that is not logged in sees of its own photo."""
    browser = Client(headers={"host": "localhost"})
    browser.cookies[visitors.COOKIE] = cookie
    own = Prediction.objects.get(visitor__isnull=False)
    page = browser.get(f"/predictions/{own.pk}/").status_code
    history = str(own.pk) in browser.get("/history/").content.decode()
    return [page, history, *_image(browser, f"/predictions/{own.pk}/photo.jpg")]


def _rows(model: Any) -> list[str]:
    fields = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.values(*fields)
    # PostgreSQL keeps the keys of JSON in an order of its own.
    return sorted(json.dumps(row, sort_keys=True, default=_plain) for row in rows)


def _plain(value: Any) -> str:
    return repr(bytes(value) if isinstance(value, memoryview) else value)


def _files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    _me, what, *arguments = sys.argv
    print(json.dumps(fill() if what == "fill" else say(*arguments)))  # noqa: T201
