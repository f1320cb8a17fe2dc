"""Who may do what: every address of the site by everybody who may ask for it.

A new view fails here until it has a row that says whom it is for.
"""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from knox.models import AuthToken

from predictions.access import Owner
from predictions.batches.archives import announce
from predictions.batches.steering import create as create_batch
from predictions.models import Correction, Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import (
    DatasetFactory,
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    SampleFactory,
)
from tests.predictions.conftest import client_of
from tests.site.addresses import Address, addresses
from training.models import ExamRun, ExportRun, ImportRun, ReviewRun, TrainingRun, Withdrawal

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "owner", "other", "staff", "viewer", "administrator")
EVERYBODY = set(ROLES)
OWNER = {"owner"}
ACCOUNTS = EVERYBODY - {"anonymous"}
STAFF = {"staff", "viewer", "administrator"}
VIEWERS = {"viewer", "administrator"}
ADMINISTRATORS = {"administrator"}
NOBODY: set[str] = set()

# Whom an address shows something (GET), and for whom it does something (POST).
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "upload": (EVERYBODY, EVERYBODY),
    "send_photo": (NOBODY, EVERYBODY),
    "about": (EVERYBODY, NOBODY),
    "help": (EVERYBODY, NOBODY),
    "favicon": (EVERYBODY, NOBODY),
    "health": (STAFF, NOBODY),
    "set_language": (EVERYBODY, EVERYBODY),
    "signup": (EVERYBODY, EVERYBODY),
    "login": (EVERYBODY, EVERYBODY),
    "logout": (NOBODY, EVERYBODY),
    "history": (EVERYBODY, NOBODY),  # everybody's own
    "delete_selected": (NOBODY, EVERYBODY),  # of their own
    "rerun_selected": (NOBODY, EVERYBODY),  # likewise
    "export_selected": (NOBODY, EVERYBODY),
    "dismiss": (NOBODY, EVERYBODY),
    "summary": (EVERYBODY, NOBODY),
    "delete_everything": (EVERYBODY, EVERYBODY),  # of their own
    "prediction": (OWNER, NOBODY),
    "prediction_card": (OWNER, NOBODY),
    "prediction_document": (OWNER, NOBODY),
    "prediction_table": (OWNER, NOBODY),
    "comparison": (OWNER, NOBODY),
    "photo_image": (OWNER, NOBODY),
    "photo_thumbnail": (OWNER, NOBODY),
    "face_crop": (OWNER, NOBODY),
    "annotated_image": (OWNER, NOBODY),
    "anonymised_image": (OWNER, NOBODY),
    "correct": (OWNER, OWNER),
    "take_back": (NOBODY, OWNER),
    "rerun": (NOBODY, OWNER),
    "delete": (NOBODY, OWNER),
    "account": (ACCOUNTS, NOBODY),
    "mail_address": (ACCOUNTS, ACCOUNTS),
    "everything": (EVERYBODY, NOBODY),  # of their own
    "batches": (EVERYBODY, EVERYBODY),
    "batch": (OWNER, NOBODY),
    "batch_panel": (OWNER, NOBODY),
    "batch_progress": (OWNER, NOBODY),
    "batch_photos": (NOBODY, OWNER),
    "batch_csv": (OWNER, NOBODY),
    "batch_xlsx": (OWNER, NOBODY),
    "batch_jsonl": (OWNER, NOBODY),
    "batch_pictures": (OWNER, NOBODY),
    "batch_archives": (NOBODY, OWNER),
    "batch_archive": (OWNER, NOBODY),
    "batch_pause": (NOBODY, OWNER),
    "batch_resume": (NOBODY, OWNER),
    "batch_cancel": (NOBODY, OWNER),
    "batch_retry": (NOBODY, OWNER),
    "batch_rename": (NOBODY, OWNER),
    "batch_delete": (NOBODY, OWNER),
    "password": (ACCOUNTS, ACCOUNTS),
    "forgotten": (EVERYBODY, EVERYBODY),
    "link_sent": (EVERYBODY, NOBODY),
    "new_password": (EVERYBODY, EVERYBODY),  # by a link that works once
    "api_keys": (ACCOUNTS, ACCOUNTS),
    "revoke_key": (NOBODY, ACCOUNTS),  # of their own
    "delete_account": (ACCOUNTS, ACCOUNTS),
    "api:schema": (EVERYBODY, NOBODY),
    "api:docs": (EVERYBODY, NOBODY),
    "api:prediction-list": (ACCOUNTS, ACCOUNTS),
    "api:prediction-batch": (NOBODY, ACCOUNTS),
    "api:prediction-detail": (OWNER, NOBODY),
    "api:prediction-photo": (OWNER, NOBODY),
    "api:prediction-crop": (OWNER, NOBODY),
    "api:prediction-annotated": (OWNER, NOBODY),
    "api:prediction-anonymised": (OWNER, NOBODY),
    "api:prediction-accuracy": (OWNER, NOBODY),
    "api:prediction-compared": (OWNER, NOBODY),
    "api:prediction-rerun": (NOBODY, OWNER),
    "api:batch-list": (ACCOUNTS, ACCOUNTS),
    "api:batch-detail": (OWNER, NOBODY),
    "api:batch-photos": (NOBODY, OWNER),
    "api:batch-results": (OWNER, NOBODY),
    "api:batch-pictures": (OWNER, NOBODY),
    "api:batch-totals": (OWNER, NOBODY),
    "api:batch-archives": (NOBODY, OWNER),
    "api:batch-archive": (OWNER, NOBODY),
    "api:batch-pause": (NOBODY, OWNER),
    "api:batch-resume": (NOBODY, OWNER),
    "api:batch-cancel": (NOBODY, OWNER),
    "api:batch-retry": (NOBODY, OWNER),
    "api:model-list": (ACCOUNTS, NOBODY),
    "api:model-active": (ACCOUNTS, NOBODY),
    "api:training-run-list": (STAFF, STAFF),
    "api:training-run-detail": (STAFF, NOBODY),
    "admin:index": (STAFF, STAFF),
    "admin:login": (EVERYBODY, EVERYBODY),
    "admin:logout": (EVERYBODY - STAFF, EVERYBODY),  # those it does not know are sent on
    "admin:search": (STAFF, STAFF),
    "admin:password_change": (STAFF, STAFF),
    "admin:password_change_done": (STAFF, NOBODY),
    "admin:autocomplete": (NOBODY, NOBODY),  # no page of ours asks it anything
    "admin:jsi18n": (STAFF, NOBODY),
    "admin:view_on_site": (NOBODY, NOBODY),  # nothing has a page of its own there
    "admin:auth_user_password_link": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:auth_user_password_change": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_dataset_charts": (VIEWERS, VIEWERS),
    "admin:training_chart_csv": (VIEWERS, VIEWERS),
    "admin:training_gallery": (VIEWERS, ADMINISTRATORS),
    "admin:training_review": (VIEWERS, ADMINISTRATORS),
    "admin:training_splits": (VIEWERS, VIEWERS),
    "admin:training_mean_face": (NOBODY, NOBODY),  # the file is missing here
    "admin:training_sample_image": (NOBODY, NOBODY),  # likewise
    "admin:training_dataset_explore": (STAFF, STAFF),  # leads to the charts, which ask
    "admin:training_dataset_explore_row": (STAFF, STAFF),
    "admin:training_dataset_train_row": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_dataset_import_files": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_trainingrun_train": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_trainingrun_preview": (ADMINISTRATORS, NOBODY),
    "admin:training_dataset_rename_row": (ADMINISTRATORS, ADMINISTRATORS),  # leads to the form
    "admin:training_trainingrun_growth": (VIEWERS, VIEWERS),
    "admin:training_trainingrun_progress": (VIEWERS, VIEWERS),
    "admin:training_importrun_progress": (VIEWERS, VIEWERS),
    "admin:training_reviewrun_progress": (VIEWERS, VIEWERS),
    "admin:training_examrun_progress": (VIEWERS, VIEWERS),
    "admin:training_exportrun_progress": (VIEWERS, VIEWERS),
    "admin:training_modelversion_export": (VIEWERS, VIEWERS),
    "admin:training_modelversion_activate": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_modelversion_examine": (VIEWERS, ADMINISTRATORS),
    "admin:training_modelversion_go_back": (ADMINISTRATORS, ADMINISTRATORS),
    "admin:training_modelversion_chart_csv": (NOBODY, NOBODY),
    "admin:training_modelversion_bundle": (VIEWERS, VIEWERS),
    "admin:training_modelversion_card": (VIEWERS, VIEWERS),
    "admin:predictions_correction_crop": (VIEWERS, VIEWERS),
    "admin:predictions_correction_add_to": (STAFF, ADMINISTRATORS),
    "admin:predictions_correction_download": (VIEWERS, VIEWERS),
}

# What the administration's own pages let an administrator do with each kind of row.
ROWS = {
    "auth_user": "add change delete",
    "auth_group": "add change delete",
    "axes_accessattempt": "delete",
    "axes_accesslog": "delete",
    "knox_authtoken": "delete",
    "predictions_prediction": "delete",
    "predictions_batch": "",
    "predictions_correction": "change delete",
    "training_dataset": "change delete",
    "training_sample": "change",
    "training_importrun": "change delete",
    "training_reviewrun": "change delete",
    "training_examrun": "change delete",
    "training_exportrun": "change delete",
    "training_trainingrun": "change delete",
    "training_modelversion": "change",
    "training_withdrawal": "",
}
PAGES = ("changelist", "add", "history", "delete", "change")


def allowed(address: Address, method: str) -> set[str] | None:
    """Who may; None for an address that has no row."""
    name = address.name
    if name in TABLE:
        return TABLE[name][method == "post"]
    rows, _, page = name.removeprefix("admin:").rpartition("_")
    if rows not in ROWS or page not in PAGES:
        return None
    if page in {"add", "delete"}:
        return ADMINISTRATORS if page in ROWS[rows] else NOBODY
    return VIEWERS


ALL = [one for one in addresses() if one.name != "admin:"]  # that one leads to “change”


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    missing = [one.name for one in ALL if allowed(one, "get") is None]
    assert not missing, missing
    assert TABLE.keys() - {one.name for one in ALL} == set()


@pytest.fixture
def world(user: User, photo_bytes: bytes) -> dict[str, Any]:
    """One row of everything; the photo belongs to the owner."""
    prediction = accept_photo(Owner(user_id=user.pk), SimpleUploadedFile("ann.jpg", photo_bytes))
    Prediction.objects.filter(pk=prediction.pk).update(status=Status.DONE)
    face = FaceFactory.create(prediction=prediction)
    sample = SampleFactory.create(dataset=DatasetFactory.create())
    version = ModelVersionFactory.create(is_active=True, manifest={"metrics": {}, "files": {}})
    attempt: dict[str, Any] = {
        "username": "ann",
        "ip_address": "127.0.0.1",
        "user_agent": "-",
        "path_info": "/",
    }
    batch = create_batch(Owner(user_id=user.pk), "Holiday")
    rows = {
        "predictions_prediction": prediction,
        "predictions_batch": create_batch(Owner(user_id=user.pk), "Weekend"),
        "predictions_correction": Correction.objects.create(
            face=face, consented_at=prediction.created_at
        ),
        "training_dataset": sample.dataset,
        "training_sample": sample,
        "training_modelversion": version,
        "training_importrun": ImportRun.objects.create(dataset=sample.dataset),
        "training_reviewrun": ReviewRun.objects.create(dataset=sample.dataset),
        "training_examrun": ExamRun.objects.create(),
        "training_exportrun": ExportRun.objects.create(),
        "training_trainingrun": TrainingRun.objects.create(
            dataset=sample.dataset, recipe={"name": "full"}
        ),
        "training_withdrawal": Withdrawal.objects.create(digest="0" * 64),
        "auth_user": user,
        "auth_group": Group.objects.create(name="reviewers"),
        "axes_accessattempt": AccessAttempt.objects.create(failures_since_start=1, **attempt),
        "axes_accesslog": AccessLog.objects.create(**attempt),
        "knox_authtoken": AuthToken.objects.create(user)[0],
        "prediction": prediction,
        "other": FinishedPredictionFactory.create(photo=prediction.photo, model_version=version),
        "batch": batch,
        "archive": announce(batch, Owner(user_id=user.pk), "photos.zip", 100),
    }
    return {kind: row.pk for kind, row in rows.items()}


@pytest.fixture
def users(user: User) -> dict[str, User | None]:
    """Who plays each role; viewers may view every kind of row."""
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return {
        "anonymous": None,
        "owner": user,
        "other": User.objects.create_user("other"),
        "staff": User.objects.create_user("staff", is_staff=True),
        "viewer": viewer,
        "administrator": User.objects.create_superuser("administrator"),
    }


class Caller:
    """Somebody with a browser, and with a key for programs."""

    def __init__(self, user: User | None) -> None:
        self._browser = Client(raise_request_exception=False)
        self._program: Client = client_of(user) if user else Client()
        if user:
            self._browser.force_login(user)
        self._cookies = self._browser.cookies.output(header="", sep=";")

    def ask(self, method: str, path: str, sent: dict[str, Any]) -> Any:
        """An answer to a request; what it did to the database and the browser is taken back."""
        by_program = path.startswith("/api/")
        caller = self._program if by_program else self._browser
        with transaction.atomic():
            answer = getattr(caller, method)(path, sent)
            transaction.set_rollback(True)
        self._browser.cookies = SimpleCookie(self._cookies)
        return answer


def path_of(address: Address, world: dict[str, Any]) -> str:
    """The address of a row of the world; one that nothing has where there is none."""
    parts = address.route.split("/")
    kind = "_".join(parts[1:3]) if parts[0] == "admin" else "prediction"
    if "batches" in parts:
        kind = "batch"
    if "training-runs" in parts:
        kind = "training_trainingrun"
    key = world.get(kind, 1)
    known = {"recipe": "full", "key": "ages", "index": 0, "race": 0, "gender": 0}
    known |= {name: world[name] for name in ("archive", "other")}
    return address.path(**dict.fromkeys(address.parameters, key) | {"token_key": "none"} | known)


def says_no(answer: Any) -> bool:
    """Whether it refuses, or asks to log in."""
    return answer.status_code in {401, 403, 404, 405} or (
        answer.status_code == 302 and "login/?next=" in answer["Location"]
    )


def wrongs(
    user: User | None, role: str, world: dict[str, Any], method: str
) -> Iterator[tuple[str, int]]:
    """Where the table and the site differ."""
    caller = Caller(user)
    for address in ALL:
        page = address.name.rpartition("_")[2]
        if method == "post" and address.name not in TABLE and page in PAGES:
            continue  # Django's own forms, which ask what their pages ask
        form = {"deed": "keep", "dataset": world["training_dataset"]} if method == "post" else {}
        answer = caller.ask(method, path_of(address, world), form)
        may = role in (allowed(address, method) or ())
        if answer.status_code >= 500 or says_no(answer) is may:
            yield address.name, answer.status_code


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", ROLES)
def test_everybody_may_what_the_table_says_and_nothing_else(
    users: dict[str, User | None], world: dict[str, Any], role: str, method: str
) -> None:
    found = list(wrongs(users[role], role, world, method))
    assert not found, found


def test_no_form_is_taken_without_its_token(
    users: dict[str, User | None], world: dict[str, Any]
) -> None:
    browser = Client(enforce_csrf_checks=True)
    if administrator := users["administrator"]:
        browser.force_login(administrator)
    pages = [one for one in ALL if not one.route.startswith("api/")]
    taken = [one.name for one in pages if browser.post(path_of(one, world)).status_code != 403]
    assert taken == []


def test_a_session_opens_nothing_of_the_api(users: dict[str, User | None]) -> None:
    """Its calls need no token, so that a cookie must not be enough."""
    browser = Client()
    if administrator := users["administrator"]:
        browser.force_login(administrator)
    assert browser.get("/api/v1/predictions/").status_code == 401


def test_keys_are_revoked_by_their_account_alone(users: dict[str, User | None]) -> None:
    token, _key = AuthToken.objects.create(users["owner"])
    for role, left in (("other", 1), ("administrator", 1), ("owner", 0)):
        browser = Client()
        if user := users[role]:
            browser.force_login(user)
        browser.post(f"/account/keys/{token.token_key}/revoke/")
        assert AuthToken.objects.count() == left
