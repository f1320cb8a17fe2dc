"""Anonymous browsers: what they send stays within their reach, whatever happens meanwhile."""

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from predictions import decoders, uploads, visitors
from predictions.access import Owner
from predictions.deletion import erase
from predictions.expiry import forget_expired_logins
from predictions.models import Photo, Prediction
from predictions.visitors import Visitor
from tests.factories import PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def ann(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def send(client: Client, *photos: bytes) -> Any:
    files = [SimpleUploadedFile(f"{n}.jpg", data) for n, data in enumerate(photos)]
    return client.post("/", {"photos": files})


def log_in(client: Client, account: User) -> None:
    login = {"username": account.username, "password": PASSWORD}
    assert client.post("/account/login/", login).status_code == 302


def another_tab(client: Client) -> Client:
    """One that is open beside the first, with the cookies of this moment."""
    tab = Client()
    tab.cookies.load(client.cookies.output(header="", sep=";"))
    return tab


def cards(client: Client) -> int:
    return client.get("/history/").content.decode().count('class="card"')


def test_the_form_comes_with_the_cookie_and_looking_around_does_not(client: Client) -> None:
    for address in ("/history/", "/about/"):
        client.get(address)
        assert visitors.COOKIE not in client.cookies
    client.get("/")
    cookie = client.cookies[visitors.COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_two_first_uploads_at_once_have_one_sender(client: Client, photo_bytes: bytes) -> None:
    client.get("/")
    first, second = another_tab(client), another_tab(client)
    send(first, photo_bytes)
    send(second, photo_bytes)
    assert cards(client) == 2


def test_the_cookie_lasts_as_long_as_the_newest_photo(client: Client, photo_bytes: bytes) -> None:
    client.get("/")
    before = client.cookies[visitors.COOKIE].value.partition(":")[0]
    send(client, photo_bytes)
    cookie = client.cookies[visitors.COOKIE]
    assert cookie.value.partition(":")[0] == before
    assert parsedate_to_datetime(cookie["expires"]) >= (
        Photo.objects.get().expires_at - timedelta(seconds=1)
    )


def test_a_cookie_that_was_tampered_with_is_nobodys(client: Client, photo_bytes: bytes) -> None:
    send(client, photo_bytes)
    known = Photo.objects.get().visitor
    for value in (known.hex if known else "", "nonsense", f"{known}:x:y"):
        client.cookies[visitors.COOKIE] = value
        assert cards(client) == 0


def test_a_browser_of_the_version_before_keeps_its_photos(client: Client) -> None:
    former = uuid.uuid4()
    PredictionFactory.create(photo=PhotoFactory.create(owner=None, visitor=former))
    session = client.session
    session["visitor"] = str(former)
    session.save()
    assert cards(client) == 1
    client.cookies.pop("sessionid")
    assert cards(client) == 1


def test_photos_on_their_way_while_their_browser_logs_in_are_the_accounts(
    client: Client, ann: User, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/")
    sending = another_tab(client)
    prepare = decoders.prepare_upload

    def log_in_meanwhile(data: bytes) -> Any:
        if "sessionid" not in client.cookies:
            log_in(client, ann)
        return prepare(data)

    send(client, photo_bytes)
    monkeypatch.setattr(uploads, "prepare_upload", log_in_meanwhile)
    answer = send(sending, photo_bytes, photo_bytes, photo_bytes)
    assert answer.url == "/history/"
    assert Photo.objects.filter(owner=ann).count() == 4
    assert Prediction.objects.filter(owner=ann).count() == 4
    assert cards(client) == 4
    # The answer that came last did not bring back who the browser was before.
    assert visitors.COOKIE not in answer.cookies


def test_who_comes_after_a_log_out_is_somebody_else(
    client: Client, ann: User, photo_bytes: bytes
) -> None:
    send(client, photo_bytes)
    former = client.cookies[visitors.COOKIE].value
    log_in(client, ann)
    assert client.cookies[visitors.COOKIE].value == ""
    client.post("/account/logout/")
    # Even where the cookie is still there, as an answer that was late has left it.
    client.cookies[visitors.COOKIE] = former
    assert cards(client) == 0
    client.get("/")
    send(client, photo_bytes)
    assert cards(client) == 1
    assert Photo.objects.filter(owner=ann).count() == 1


def test_late_photos_of_an_account_that_is_gone_are_refused(
    client: Client, ann: User, photo_bytes: bytes
) -> None:
    client.get("/")
    late = another_tab(client)
    log_in(client, ann)
    erase([Owner(user_id=ann.pk)], close_accounts=True)
    page = late.get(send(late, photo_bytes).url).content.decode()
    assert "This account was deleted meanwhile" in page
    assert not Photo.objects.exists()


def test_a_browser_is_forgotten_when_its_cookie_has_run_out(
    client: Client, photo_bytes: bytes, settings: Any
) -> None:
    send(client, photo_bytes)
    now = datetime.now(UTC)
    forget_expired_logins(now + settings.PHOTO_LIFETIME - timedelta(minutes=1))
    assert Visitor.objects.count() == 1
    forget_expired_logins(now + settings.PHOTO_LIFETIME + timedelta(minutes=1))
    assert not Visitor.objects.exists()
    assert cards(client) == 1  # it expires by its own time


def test_a_photo_goes_with_its_last_prediction_in_the_administration(
    admin_client: Client,
    owner: Owner,
    photo_bytes: bytes,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def accept() -> Prediction:
        return uploads.accept_photo(owner, SimpleUploadedFile("ann.jpg", photo_bytes))

    gone, kept, alone = accept(), accept(), accept()
    stays = uploads.rerun(kept)
    address = "/admin/predictions/prediction/"
    chosen = {"action": "delete_selected", "_selected_action": [gone.pk, kept.pk], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(address, chosen)
        admin_client.post(f"{address}{alone.pk}/delete/", {"post": "yes"})
    assert list(Photo.objects.all()) == [stays.photo]
    assert not default_storage.exists(str(gone.photo.image))
    assert not default_storage.exists(str(alone.photo.thumbnail))
    assert default_storage.exists(str(stays.photo.image))


def test_no_photo_is_left_without_a_prediction_however_they_are_deleted(owner: Owner) -> None:
    photo = PhotoFactory.create(owner_id=owner.user_id)
    first, second = PredictionFactory.create_batch(2, photo=photo)
    first.delete()
    assert Photo.objects.exists()
    Prediction.objects.filter(pk=second.pk).delete()
    assert not Photo.objects.exists()
