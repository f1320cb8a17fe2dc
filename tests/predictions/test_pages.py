"""The pages as their visitors use them: upload, result, history, images, accounts."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from predictions.access import Owner
from predictions.models import Photo, Prediction, Status
from predictions.presentation import age_in_words
from predictions.uploads import accept_photo
from predictions.urls import urlpatterns
from predictions.views.history import PAGE
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)
from tests.predictions.conftest import close_account
from vision.photos.formats import FORMATS

pytestmark = pytest.mark.django_db

# Of one prediction, as the site has them: what is looked at, and what changes something.
EVERY_ADDRESS = {
    str(route.name): str(route.pattern).replace("<int:index>", "0")
    for route in urlpatterns
    if str(route.pattern).startswith("predictions/<uuid:pk>/")
}
CHANGES = ("rerun", "delete", "correct", "take_back")


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    """The owner's browser."""
    client.force_login(user)
    return client


@pytest.fixture
def prediction(owner: Owner, photo_bytes: bytes) -> Prediction:
    """A finished prediction of a real photo, with one face."""
    made = accept_photo(owner, SimpleUploadedFile("ann.jpg", photo_bytes))
    version = ModelVersionFactory.create(name="starter-1")
    Prediction.objects.update(status=Status.DONE, model_version=version, took_ms=87)
    FaceFactory.create(prediction=made, x=181, y=62, width=86, height=110)
    made.refresh_from_db()
    return made


def send(client: Client, *files: tuple[str, bytes], **options: Any) -> Any:
    uploads = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post("/", {"photos": uploads}, **options)


def test_a_result_says_what_the_photo_cannot_tell(browser: Client, prediction: Prediction) -> None:
    face = prediction.faces.get()
    address = f"/predictions/{prediction.pk}/"
    said = "86 pixels wide, sharp enough, well lit, turned by 12°"
    assert said in browser.get(address).content.decode()
    face.quality = {
        **(face.quality or {}),
        "size": 15,
        "reliable": False,
        "warnings": ["too_small"],
    }
    face.estimates = {"age": None, "gender": None, "race": None}
    face.save()
    page = browser.get(address).content.decode()
    assert "Too small to tell" in page
    assert "86 pixels wide" in page
    assert "years" not in page.split('class="face"')[1]
    assert "Correct it" not in page
    assert "cannot be estimated from this photo" in browser.get("/history/").content.decode()


def test_a_face_whose_heads_are_switched_off_is_not_called_untellable(
    browser: Client, prediction: Prediction, settings: Any
) -> None:
    """It was warned of, and told; only the head that told is off by now."""
    face = prediction.faces.get()
    face.quality = {**(face.quality or {}), "reliable": False, "warnings": ["turned"]}
    face.estimates |= {"gender": None, "race": None}
    face.save()
    settings.HEADS = ("gender",)
    assert "cannot be estimated from this photo" not in browser.get("/history/").content.decode()


def test_a_face_of_before_is_shown_without_its_quality(
    browser: Client, prediction: Prediction
) -> None:
    prediction.faces.update(quality=None)
    page = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    assert "pixels wide" not in page
    assert "About 34 years" in page


def test_one_photo_leads_to_its_result(client: Client, photo_bytes: bytes) -> None:
    response = send(client, ("ann.jpg", photo_bytes))
    assert response.url == f"/predictions/{Prediction.objects.get().pk}/"
    page = client.get(response.url).content.decode()
    assert "hx-trigger" in page
    assert "Waiting for a worker" in page


def test_a_bad_file_does_not_hold_up_the_good_ones(client: Client, photo_bytes: bytes) -> None:
    response = send(client, ("ann.jpg", photo_bytes), ("bad.jpg", b"no"), ("bo.jpg", photo_bytes))
    assert response.url == "/history/"
    page = client.get("/history/").content.decode()
    assert "bad.jpg: This kind of picture cannot be read" in page
    assert Prediction.objects.count() == 2
    assert page.count('class="card"') == 2


def test_a_photo_that_was_cut_short_says_so_beside_every_result(
    browser: Client, photo_bytes: bytes
) -> None:
    whole = send(browser, ("ann.jpg", photo_bytes)).url
    assert "cut short" not in browser.get(whole).content.decode()
    address = send(browser, ("ann.jpg", photo_bytes[:-500])).url
    again = browser.post(f"{address}rerun/").headers["Location"]
    for page in (address, again):
        assert '<p class="caution" role="note">The file was cut short' in (
            browser.get(page).content.decode()
        )
    assert "끊겨" in browser.get(again, headers={"Accept-Language": "ko"}).content.decode()


def test_the_form_offers_every_format_that_is_read(client: Client) -> None:
    Image.init()  # every format makes its type known
    page = client.get("/").content.decode()
    offered = re.search(r'id="photos"[^>]* accept="([^"]*)"', page)
    assert offered is not None
    assert {".heic", *(Image.MIME[name] for name in FORMATS)} <= set(offered[1].split(","))
    assert all(each.name in page for each in FORMATS.values())


def test_bad_files_alone_lead_back_with_the_reasons(client: Client) -> None:
    assert send(client, ("bad.jpg", b"no")).url == "/"
    assert "bad.jpg" in client.get("/").content.decode()


def test_no_file_at_all_is_said(client: Client) -> None:
    assert client.post("/").url == "/"  # type: ignore[attr-defined]
    assert "at least one photo" in client.get("/").content.decode()
    assert "sessionid" not in client.cookies


def test_too_many_photos_are_cut_off_with_a_word(
    client: Client, photo_bytes: bytes, settings: Any
) -> None:
    settings.PHOTOS_PER_UPLOAD = 1
    send(client, ("a.jpg", photo_bytes), ("b.jpg", photo_bytes))
    assert "first 1 photos" in client.get("/history/").content.decode()
    assert Prediction.objects.count() == 1


def test_the_promise_stands_before_the_first_upload(client: Client) -> None:
    page = client.get("/").content.decode()
    for words in ("Nobody is recognised", "deleted after 30 days", "often wrong", "15 MB"):
        assert words in page


def test_a_result_shows_box_range_chart_and_probabilities(
    browser: Client, prediction: Prediction
) -> None:
    page = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    assert 'viewBox="0 0 512 512"' in page
    assert '<rect x="181" y="62" width="86" height="110"' in page
    assert "About 34 years" in page
    assert "likely 27 to 42" in page
    assert "right in 80 of 100 cases" in page
    assert "<title>30-39: 60%</title>" in page
    assert '<rect width="97"' in page
    assert "uncertain" not in page
    assert "starter-1" in page
    assert "every 5s" not in page


def test_a_doubtful_estimate_is_called_uncertain(browser: Client, prediction: Prediction) -> None:
    unsure = {"label": "male", "probability": 0.55, "probabilities": {"male": 0.55, "female": 0.45}}
    prediction.faces.update(estimates={"gender": unsure})
    assert "uncertain" in browser.get(f"/predictions/{prediction.pk}/").content.decode()


def test_a_head_that_is_switched_off_is_not_shown(
    browser: Client, prediction: Prediction, settings: Any
) -> None:
    settings.HEADS = ("gender",)
    face = prediction.faces.get()
    face.estimates["race"] = None  # off when it was estimated; age was switched off since
    face.save()
    page = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    assert "Race" not in page
    assert "years" not in page
    assert "Gender" in page


def test_no_face_is_a_result(browser: Client, prediction: Prediction) -> None:
    prediction.faces.all().delete()
    assert "No face was found" in browser.get(f"/predictions/{prediction.pk}/").content.decode()


def test_a_failure_says_why_and_offers_another_try(browser: Client, prediction: Prediction) -> None:
    Prediction.objects.update(status=Status.FAILED, failure_code="worker_lost")
    page = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    assert "interrupted twice" in page
    assert "Run again" in page
    response = browser.post(f"/predictions/{prediction.pk}/rerun/")
    assert response.status_code == 302
    assert Prediction.objects.filter(status=Status.QUEUED).count() == 1


def test_htmx_gets_the_fragment_alone(browser: Client, prediction: Prediction) -> None:
    url = f"/predictions/{prediction.pk}/"
    fragment = browser.get(url, headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<div id="result"')
    assert "<html" not in fragment


def address_of(name: str, prediction: Prediction) -> str:
    address = EVERY_ADDRESS[name].replace("<uuid:other>", "<uuid:pk>")
    return "/" + address.replace("<uuid:pk>", str(prediction.pk))


@pytest.mark.parametrize("name", sorted(EVERY_ADDRESS.keys() - set(CHANGES)))
def test_the_owner_sees_everything(browser: Client, prediction: Prediction, name: str) -> None:
    response = browser.get(address_of(name, prediction))
    assert response.status_code == 200
    if EVERY_ADDRESS[name].endswith(".jpg"):
        assert response["Content-Type"] == "image/jpeg"
        assert response["Cache-Control"] == "no-store, private"
        assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", EVERY_ADDRESS)
@pytest.mark.parametrize("who", ["nobody", "stranger", "administrator"])
def test_nobody_else_sees_anything(
    client: Client, stranger: User, prediction: Prediction, name: str, who: str
) -> None:
    if who == "stranger":
        client.force_login(stranger)
    elif who == "administrator":
        client.force_login(User.objects.create_superuser("boss"))
    ask = client.post if name in CHANGES else client.get
    assert ask(address_of(name, prediction)).status_code == 404
    assert Prediction.objects.get() == prediction


def test_nobody_else_deletes_a_history(client: Client, prediction: Prediction) -> None:
    client.post("/history/delete/", {"selected": [str(prediction.pk)]})
    client.post("/history/delete-everything/")
    assert Prediction.objects.count() == 1


def test_changes_need_the_forms_token(user: User, prediction: Prediction) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(f"/predictions/{prediction.pk}/delete/").status_code == 403
    assert Prediction.objects.count() == 1


def test_deleting_takes_photo_and_files(browser: Client, prediction: Prediction) -> None:
    image = prediction.photo.image
    browser.post(f"/predictions/{prediction.pk}/delete/")
    assert not Photo.objects.exists()
    assert browser.get(f"/predictions/{prediction.pk}/photo.jpg").status_code == 404
    assert image.name


def test_an_anonymous_history_moves_to_the_account_that_signs_up(
    client: Client, photo_bytes: bytes
) -> None:
    send(client, ("ann.jpg", photo_bytes))
    form = {"username": "ann", "password1": "correct horse 9", "password2": "correct horse 9"}
    assert client.post("/account/signup/", form).status_code == 302
    assert Prediction.objects.get().owner == User.objects.get(username="ann")
    assert 'class="card"' in client.get("/history/").content.decode()
    client.post("/account/logout/")
    assert 'class="card"' not in client.get("/history/").content.decode()


def many(user: User, count: int) -> list[Prediction]:
    now = timezone.now()
    photo = PhotoFactory.create(owner=user)
    rows = [
        FinishedPredictionFactory.build(photo=photo, owner=user, model_version=None)
        for _ in range(count)
    ]
    made = Prediction.objects.bulk_create(rows)
    for age, row in enumerate(made):
        Prediction.objects.filter(pk=row.pk).update(created_at=now - timedelta(minutes=age))
    return made


def test_the_history_has_pages_without_gap_or_repetition(browser: Client, user: User) -> None:
    wanted = {str(row.pk) for row in many(user, PAGE * 2 + 5)}
    seen: list[str] = []
    url: str | None = "/history/"
    while url:
        response = browser.get(url)
        seen += [str(entry["prediction"].pk) for entry in response.context["entries"]]
        url = "/history/" + response.context["next"] if response.context["next"] else None
    assert len(seen) == len(wanted)
    assert set(seen) == wanted


def test_a_page_of_the_history_costs_the_same_queries_however_long_it_is(
    browser: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    many(user, 1)
    with django_assert_max_num_queries(8):
        browser.get("/history/")
    many(user, PAGE)
    with django_assert_max_num_queries(8):
        browser.get("/history/")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=queued", 1),
        ("status=done", 1),
        ("since=2026-01-01&until=2026-01-31", 1),
        ("since=0001-01-01&until=9999-12-31", 2),
        ("version=v1", 1),
        ("status=nonsense", 2),
        ("before=nonsense", 2),
        ("before=2026-01-01T00:00:00_x", 2),
        (f"before=0001-01-01T00:00:00%2B23:59_{uuid.UUID(int=0)}", 2),
        (f"before=9999-12-31T23:59:59-23:59_{uuid.UUID(int=0)}", 2),
    ],
)
def test_filters_narrow_and_nonsense_does_no_harm(
    browser: Client, user: User, query: str, count: int
) -> None:
    version = ModelVersionFactory.create(name="v1")
    photo = PhotoFactory.create(owner=user)
    old = FinishedPredictionFactory.create(photo=photo, model_version=version)
    Prediction.objects.update(created_at=datetime(2026, 1, 9, tzinfo=UTC))
    PredictionFactory.create(photo=photo)
    assert old.pk
    assert len(browser.get(f"/history/?{query}").context["entries"]) == count


def test_ticked_results_and_then_all_are_deleted(browser: Client, user: User) -> None:
    rows = [PredictionFactory.create(photo=PhotoFactory.create(owner=user)) for _ in range(3)]
    chosen = [str(rows[0].pk), "nonsense", str(uuid.uuid4())]
    browser.post("/history/delete/", {"selected": chosen})
    assert Prediction.objects.count() == 2
    assert "for good" in browser.get("/history/delete-everything/").content.decode()
    browser.post("/history/delete-everything/")
    assert not Photo.objects.exists()


def test_wrong_passwords_lock_the_account_for_a_while(client: Client, user: User) -> None:
    user.set_password("right")
    user.save()
    for _ in range(10):
        response = client.post("/account/login/", {"username": "ann", "password": "wrong"})
    assert response.status_code == 429
    assert "locked" in response.content.decode()
    again = client.post("/account/login/", {"username": "ann", "password": "right"})
    assert again.status_code == 429


def test_a_key_is_shown_once_and_can_be_revoked(browser: Client, user: User) -> None:
    page = browser.post("/account/keys/", {"name": "camera", "days": 7}).content.decode()
    token = AuthToken.objects.get(user=user)
    [key] = re.findall(r"<pre><code>(\w{64})</code>", page)
    assert key.startswith(token.token_key)
    assert key not in browser.get("/account/keys/").content.decode()
    browser.post(f"/account/keys/{token.token_key}/revoke/")
    assert not AuthToken.objects.exists()


def test_keys_of_others_cannot_be_revoked(browser: Client, stranger: User) -> None:
    token, _ = AuthToken.objects.create(stranger)
    browser.post(f"/account/keys/{token.token_key}/revoke/")
    assert AuthToken.objects.count() == 1


def test_the_end_of_an_account_takes_everything_along(
    browser: Client, user: User, prediction: Prediction, media_root: Any
) -> None:
    AuthToken.objects.create(user)
    close_account(browser, user)
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Photo.objects.exists()
    assert not AuthToken.objects.exists()
    assert not Prediction.objects.filter(pk=prediction.pk).exists()


@pytest.mark.parametrize("path", ["/account/keys/", "/account/delete/", "/account/password/"])
def test_account_pages_ask_to_log_in(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


def test_the_about_page_shows_the_models_figures_beside_the_decks(client: Client) -> None:
    assert "No model is active" in client.get("/about/").content.decode()
    metrics = {"age_mae": 4.321, "n": 1178}
    ModelVersionFactory.create(name="v7", is_active=True, manifest={"metrics": metrics})
    page = client.get("/about/").content.decode()
    for figure in ("v7", "4.32", "6.24", "72.0", "8.49", "91.7%", "93.4%"):
        assert figure in page
    assert "measured on 1178 images held back" in page


def test_pages_allow_no_script_but_their_own(client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    page = client.get("/").content.decode()
    assert " style=" not in page
    assert "<script>" not in page


def test_an_unknown_address_is_a_friendly_404(client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()


def test_an_age_is_rounded_alike_wherever_it_is_shown(
    browser: Client, prediction: Prediction
) -> None:
    face = prediction.faces.get()
    face.estimates["age"]["years"] = 28.5
    face.save()
    page = browser.get(f"/predictions/{prediction.pk}/").content.decode()
    [on_card] = re.findall(r"About (\d+) years", page)
    [in_history] = re.findall(r"about (\d+), ", browser.get("/history/").content.decode())
    assert on_card == in_history == age_in_words(face.estimates["age"]).split(" ")[0]
