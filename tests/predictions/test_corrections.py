"""Corrections: kept for oneself, or given with consent, by a photo's owner alone; reviewed,
exported, taken back."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from PIL import Image

from predictions.access import Owner
from predictions.corrections import correct, export_to_folder, review
from predictions.models import Correction, Face, Photo, Prediction, Review, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory
from training.datasets.importing import import_files
from training.models import Dataset
from vision.crops.alignment import TEMPLATE, similarity

pytestmark = pytest.mark.django_db

# Where the detector sees the portrait's face.
PORTRAIT: dict[str, Any] = {
    "x": 176, "y": 61, "width": 92, "height": 121,
    "landmarks": [[201.4, 109.7], [242.6, 106.6], [224.2, 133.8], [208.1, 153.3], [243.9, 150.3]],
}  # fmt: skip
ALL_SAID = {"age": "30", "gender": "1", "race": "0", "consent": "on"}


def portrait(owner: Owner, photo_bytes: bytes) -> Face:
    """The face of a finished prediction of the portrait."""
    made = accept_photo(owner, SimpleUploadedFile("ann.jpg", photo_bytes))
    Prediction.objects.filter(pk=made.pk).update(status=Status.DONE, took_ms=87)
    face: Face = FaceFactory.create(prediction=made, **PORTRAIT)
    return face


@pytest.fixture
def face(owner: Owner, photo_bytes: bytes) -> Face:
    return portrait(owner, photo_bytes)


def withhold(face: Face) -> None:
    quality = {**(face.quality or {}), "warnings": ["too_dark"]}
    Face.objects.filter(pk=face.pk).update(estimates={}, quality=quality)


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def office(db: None) -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


def address(face: Face, rest: str = "") -> str:
    return f"/predictions/{face.prediction_id}/faces/{face.index}/correction/{rest}"


def page_of(client: Client, face: Face) -> str:
    return client.get(f"/predictions/{face.prediction_id}/").content.decode()


def form_of(client: Client, face: Face, **headers: str) -> str:
    return client.get(address(face), headers=headers).content.decode()


def test_the_owner_corrects_a_face_and_sees_what_was_said(browser: Client, face: Face) -> None:
    response = browser.post(address(face), ALL_SAID)
    assert response.status_code == 302
    assert response["Location"].endswith(f"/predictions/{face.prediction_id}/#face-1")
    correction = Correction.objects.get()
    assert correction.labels == {"age": 30, "gender": 1, "race": 0}
    assert correction.review == Review.PENDING
    assert "30 years, Female, White" in page_of(browser, face)
    assert "Withdraw the correction" in form_of(browser, face)


def test_nothing_is_preselected_of_what_the_model_believes(browser: Client, face: Face) -> None:
    page = form_of(browser, face)
    form = page[page.index("Not right?") : page.index("Save the correction")]
    assert "selected" not in form.replace('<option value="" selected>', "")
    assert "checked" not in form
    assert "An administrator of this site will see this face" in form


def test_the_form_comes_when_it_is_asked_for(browser: Client, face: Face) -> None:
    page = page_of(browser, face)
    assert "Save the correction" not in page
    assert f'hx-get="{address(face)}"' in page
    assert f'href="{address(face)}#correction-1"' in page  # without a script
    whole, fragment = form_of(browser, face), form_of(browser, face, **{"HX-Request": "true"})
    for told in (whole, fragment):
        assert told.count("Save the correction") == 1
        assert "<details open>" in told
    assert "<html" in whole
    assert "<html" not in fragment


def test_an_anonymous_visitor_corrects_its_own_photo(client: Client, photo_bytes: bytes) -> None:
    client.post("/", {"photos": SimpleUploadedFile("a.jpg", photo_bytes)})
    prediction = Prediction.objects.get()
    Prediction.objects.update(status=Status.DONE, took_ms=1)
    face = FaceFactory.create(prediction=prediction, **PORTRAIT)
    client.post(address(face), ALL_SAID)
    assert Correction.objects.get().face == face


@pytest.mark.parametrize("rest", ["", "take-back/"])
@pytest.mark.parametrize("who", ["nobody", "stranger", "administrator"])
def test_nobody_else_corrects_or_takes_back(
    client: Client, stranger: User, face: Face, rest: str, who: str
) -> None:
    correct(face, {"age": 30}, consents=True)
    if who == "stranger":
        client.force_login(stranger)
    elif who == "administrator":
        client.force_login(User.objects.create_superuser("boss"))
    assert client.post(address(face, rest), {**ALL_SAID, "age": "70"}).status_code == 404
    assert Correction.objects.get().labels["age"] == 30


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"age": "", "gender": "", "race": ""}, "at least one"),
        ({"age": "121"}, "less than or equal to 120"),
        ({"age": "-1"}, "greater than or equal to 0"),
        ({"gender": "2"}, "not one of the available choices"),
        ({"race": "white"}, "not one of the available choices"),
    ],
)
@pytest.mark.parametrize("with_script", [True, False])
def test_what_is_wrong_is_said_and_nothing_kept(
    browser: Client, face: Face, said: dict[str, str], words: str, with_script: bool
) -> None:
    headers = {"HX-Request": "true"} if with_script else {}
    response = browser.post(address(face), {**ALL_SAID, **said}, headers=headers)
    page = response.content.decode()
    assert words in page
    assert "<details open>" in page
    assert ("<html" in page) != with_script
    assert not Correction.objects.exists()


def test_with_script_the_panel_alone_comes_back(browser: Client, face: Face) -> None:
    fragment = browser.post(address(face), ALL_SAID, headers={"HX-Request": "true"})
    text = fragment.content.decode()
    assert text.lstrip().startswith('<section class="correction" id="correction-1"')
    assert "Your correction was saved" in text
    assert "30 years, Female, White" in text


def test_a_change_is_reviewed_anew(browser: Client, face: Face, stranger: User) -> None:
    correct(face, {"age": 30, "gender": 1, "race": 0}, consents=True)
    review(Correction.objects.all(), Review.ACCEPTED, stranger)
    assert "An administrator agreed" in page_of(browser, face)
    browser.post(address(face), {**ALL_SAID, "age": "29"})
    changed = Correction.objects.get()
    assert (changed.labels["age"], changed.review, changed.reviewed_by) == (
        29,
        Review.PENDING,
        None,
    )


def test_consent_to_a_face_that_lacks_a_label_says_what_training_needs(
    browser: Client, face: Face
) -> None:
    correct(face, {"age": 30}, consents=True)
    assert "once you give its age, gender and race" in page_of(browser, face)
    correct(face, {"age": 30, "gender": 1, "race": 0}, consents=True)
    assert "An administrator will look at it." in page_of(browser, face)


def test_the_owner_takes_a_correction_back(browser: Client, face: Face) -> None:
    correct(face, {"age": 30}, consents=True)
    browser.post(address(face, "take-back/"))
    assert not Correction.objects.exists()
    assert "Not right? Correct it" in page_of(browser, face)


def test_deleting_the_photo_takes_the_correction_back(browser: Client, face: Face) -> None:
    correct(face, {"age": 30}, consents=True)
    browser.post(f"/predictions/{face.prediction_id}/delete/")
    assert not Photo.objects.exists()
    assert not Correction.objects.exists()


def test_a_head_that_is_switched_off_is_not_asked_for(
    browser: Client, face: Face, settings: Any
) -> None:
    settings.HEADS = ("age", "gender")
    page = page_of(browser, face)
    assert 'name="race"' not in page
    assert "only with age, gender and race" not in page
    browser.post(address(face), ALL_SAID)
    assert "race" not in Correction.objects.get().labels


def test_a_face_that_does_not_exist_cannot_be_corrected(browser: Client, face: Face) -> None:
    assert browser.post(address(face).replace("/0/", "/7/"), ALL_SAID).status_code == 404


def test_administrators_see_the_crop_beside_estimate_and_correction(
    office: Client, face: Face
) -> None:
    correction = correct(face, {"age": 30, "gender": None, "race": 0}, consents=True)
    page = office.get("/admin/predictions/correction/").content.decode()
    assert "34 → 30" in page
    assert "Female → –" in page
    assert "Asian → White" in page
    crop = office.get(f"/admin/predictions/correction/{correction.pk}/crop.jpg")
    assert "no-store" in crop["Cache-Control"]
    assert Image.open(io.BytesIO(crop.content)).size == (200, 200)


def test_the_page_of_a_correction_changes_nothing(office: Client, face: Face) -> None:
    correction = correct(face, {"age": 30, "gender": None, "race": 0}, consents=True)
    url = f"/admin/predictions/correction/{correction.pk}/change/"
    page = office.get(url).content.decode()
    assert f"{correction.pk}/crop.jpg" in page
    assert 'name="_save"' not in page
    office.post(url, {"face": face.pk, "consented_at_0": "2020-01-01", "review": Review.ACCEPTED})
    unchanged = Correction.objects.get()
    assert unchanged.review == Review.PENDING
    assert unchanged.consented_at == correction.consented_at


def test_accepting_and_rejecting_moves_corrections_out_of_what_waits(
    office: Client, face: Face
) -> None:
    correction = correct(face, {"age": 30}, consents=True)
    url = "/admin/predictions/correction/"
    for verb, verdict in (("accept", Review.ACCEPTED), ("reject", Review.REJECTED)):
        sent = {"action": verb, "_selected_action": [correction.pk]}
        page = office.post(f"{url}?review=all", sent, follow=True).content.decode()
        assert f"1 correction was {verb}ed" in page
        assert ("lacks a label" in page) == (verdict == Review.ACCEPTED)
        correction.refresh_from_db()
        assert correction.review == verdict
        assert correction.reviewed_by == User.objects.get(username="boss")
        assert "34 → 30" not in office.get(url).content.decode()
        assert "34 → 30" in office.get(f"{url}?review={verdict}").content.decode()


def test_staff_without_the_permission_sees_no_crop(client: Client, face: Face) -> None:
    correction = correct(face, {"age": 30}, consents=True)
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    crop = f"/admin/predictions/correction/{correction.pk}/crop.jpg"
    download = "/admin/predictions/correction/download/"
    assert client.get(crop).status_code == 403
    assert client.get(download).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_correction"))
    assert client.get(crop).status_code == 200
    client.post(
        "/admin/predictions/correction/", {"action": "accept", "_selected_action": correction.pk}
    )
    assert Correction.objects.get().review == Review.PENDING


def accepted(face: Face, by: User, **labels: int | None) -> Correction:
    correction = correct(face, labels, consents=True)
    review(Correction.objects.filter(pk=correction.pk), Review.ACCEPTED, by)
    return correction


@pytest.fixture
def datasets(settings: Any, tmp_path: Path) -> None:
    settings.DATASET_ROOT = tmp_path / "datasets"


@pytest.mark.usefixtures("datasets")
def test_what_is_exported_can_be_imported_with_its_labels(
    face: Face, stranger: User, photo_bytes: bytes, tmp_path: Path, capsys: Any
) -> None:
    accepted(face, stranger, age=30, gender=1, race=0)
    lacking = portrait(Owner(user_id=stranger.pk), photo_bytes)
    accepted(lacking, stranger, age=31, gender=None, race=0)
    unreviewed = portrait(Owner(user_id=stranger.pk), photo_bytes)
    correct(unreviewed, {"age": 32, "gender": 1, "race": 0}, consents=True)

    call_command("export_corrections", tmp_path / "crops", "--json")
    assert json.loads(capsys.readouterr().out) == {"written": 1, "incomplete": 1, "unreadable": 0}

    dataset = Dataset.objects.create(name="corrections")
    import_files(dataset, tmp_path / "crops", lambda *_: None)
    sample = dataset.samples.get()
    assert (sample.age, sample.gender, sample.race, sample.reason) == (30, 1, 0, "")
    assert (sample.width, sample.height) == (200, 200)


@pytest.mark.usefixtures("datasets")
def test_the_download_imports_too(
    office: Client, face: Face, stranger: User, tmp_path: Path
) -> None:
    accepted(face, stranger, age=30, gender=1, race=0)
    response = office.get("/admin/predictions/correction/download/")
    archive = tmp_path / "corrections.zip"
    archive.write_bytes(b"".join(response.streaming_content))  # type: ignore[attr-defined]
    assert len(zipfile.ZipFile(archive).namelist()) == 2  # the crop and its table
    dataset = Dataset.objects.create(name="corrections")
    import_files(dataset, archive, lambda *_: None)
    assert dataset.samples.get(reason="").age == 30


def test_the_crop_is_framed_as_utkface_frames_faces(
    face: Face, stranger: User, tmp_path: Path
) -> None:
    """The portrait's landmarks come to lie where the template has them."""
    accepted(face, stranger, age=30, gender=1, race=0)
    export_to_folder(tmp_path / "crops")
    [crop] = (tmp_path / "crops").glob("*.jpg")
    photo = Image.open(face.prediction.photo.image.open("rb")).convert("RGB")
    landmarks = np.array(face.landmarks)
    fit = similarity(landmarks, TEMPLATE * 200)
    there = landmarks @ fit[:, :2].T + fit[:, 2]
    picture = np.asarray(Image.open(crop), np.float64)
    source = np.asarray(photo, np.float64)
    for (x, y), (u, v) in zip(landmarks, there, strict=True):
        before = source[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean((0, 1))
        after = picture[round(v) - 2 : round(v) + 3, round(u) - 2 : round(u) + 3].mean((0, 1))
        assert np.abs(before - after).max() < 25


def test_an_export_repeated_forgets_what_was_taken_back(
    face: Face, stranger: User, photo_bytes: bytes, tmp_path: Path
) -> None:
    other = portrait(Owner(user_id=stranger.pk), photo_bytes)
    accepted(face, stranger, age=30, gender=1, race=0)
    accepted(other, stranger, age=40, gender=0, race=2)
    (tmp_path / "notes.txt").write_text("mine")
    assert export_to_folder(tmp_path).written == 2
    Correction.objects.get(face=face).delete()
    assert export_to_folder(tmp_path).written == 1
    names = sorted(file.name for file in tmp_path.iterdir() if file.is_file())
    assert names[0].startswith("40_0_2_")
    assert names[1:] == ["corrections.csv", "notes.txt"]


def test_a_photo_whose_file_is_gone_holds_up_no_other(
    face: Face, stranger: User, photo_bytes: bytes, tmp_path: Path
) -> None:
    other = portrait(Owner(user_id=stranger.pk), photo_bytes)
    accepted(face, stranger, age=30, gender=1, race=0)
    accepted(other, stranger, age=40, gender=0, race=2)
    face.prediction.photo.image.storage.delete(face.prediction.photo.image.name or "")
    export = export_to_folder(tmp_path / "crops")
    assert (export.written, export.unreadable) == (1, 1)


def test_a_page_with_many_faces_costs_the_queries_of_one(
    browser: Client, face: Face, django_assert_max_num_queries: Any
) -> None:
    for index in range(1, 10):
        FaceFactory.create(prediction=face.prediction, index=index, **PORTRAIT)
    with django_assert_max_num_queries(6):
        page_of(browser, face)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_corrections", tmp_path / "file")


def test_people_are_told_what_was_left_out(
    face: Face, stranger: User, tmp_path: Path, capsys: Any
) -> None:
    accepted(face, stranger, age=30, gender=None, race=0)
    call_command("export_corrections", tmp_path)
    words = capsys.readouterr().out
    assert words == "Crops written: 0. Left out, because a label is not said: 1.\n"


def test_nobody_is_asked_about_a_face_that_cannot_be_told(browser: Client, face: Face) -> None:
    withhold(face)
    answer = browser.post(f"/predictions/{face.prediction_id}/faces/0/correction/", ALL_SAID)
    assert answer.status_code == 404
    assert not Correction.objects.exists()


def test_what_was_said_of_a_face_before_it_was_withheld_can_be_taken_back(
    browser: Client, face: Face
) -> None:
    correct(face, {"age": 30, "gender": 1, "race": 0}, consents=True)
    withhold(face)
    page = browser.get(f"/predictions/{face.prediction_id}/").content.decode()
    assert "Change or withdraw it" in page
    browser.post(f"/predictions/{face.prediction_id}/faces/0/correction/take-back/")
    assert not Correction.objects.exists()


PRIVATE = {name: said for name, said in ALL_SAID.items() if name != "consent"}


def test_a_correction_needs_no_consent_and_is_then_its_senders_alone(
    browser: Client, office: Client, face: Face, tmp_path: Path
) -> None:
    browser.post(address(face), PRIVATE)
    correction = Correction.objects.get()
    assert correction.consented_at is None
    page = page_of(browser, face)
    assert "30 years, Female, White" in page
    assert "nobody else sees it" in page
    assert "An administrator will look at it" not in page

    listed = "/admin/predictions/correction/"
    for shown in ("", "?review=all"):
        assert f"/{correction.pk}/crop.jpg" not in office.get(listed + shown).content.decode()
    assert office.get(f"{listed}{correction.pk}/crop.jpg").status_code == 404
    answer = office.get(f"{listed}{correction.pk}/change/")
    assert answer.status_code == 302  # there is none, says the administration
    chosen = {"action": "accept", "_selected_action": [correction.pk]}
    office.post(listed + "?review=all", chosen)
    correction.refresh_from_db()
    assert correction.review == Review.PENDING
    assert export_to_folder(tmp_path / "crops").written == 0


def test_nothing_without_consent_is_ever_accepted(face: Face) -> None:
    correct(face, {"age": 30}, consents=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        review(Correction.objects.all(), Review.ACCEPTED, None)


def test_consent_is_withdrawn_by_itself_and_the_correction_kept(
    browser: Client, face: Face
) -> None:
    correct(face, {"age": 30, "gender": 1, "race": 0}, consents=True)
    review(Correction.objects.all(), Review.ACCEPTED, None)
    assert "checked" in form_of(browser, face).partition("Training (optional)")[2][:400]
    browser.post(address(face), PRIVATE)
    correction = Correction.objects.get()
    assert (correction.consented_at, correction.review) == (None, Review.PENDING)
    assert correction.labels == {"age": 30, "gender": 1, "race": 0}


def test_consent_may_be_given_later(browser: Client, office: Client, face: Face) -> None:
    browser.post(address(face), PRIVATE)
    browser.post(address(face), ALL_SAID)
    correction = Correction.objects.get()
    assert correction.consented_at is not None
    listed = office.get("/admin/predictions/correction/").content.decode()
    assert f"/{correction.pk}/crop.jpg" in listed


@pytest.mark.parametrize("form", [PRIVATE, ALL_SAID])
def test_files_carry_what_the_sender_says(
    browser: Client, face: Face, form: dict[str, str]
) -> None:
    result = f"/predictions/{face.prediction_id}/result"
    assert browser.get(f"{result}.json").json()["faces"][0]["correction"] is None
    browser.post(address(face), form)
    said = browser.get(f"{result}.json").json()["faces"][0]["correction"]
    assert said == {"age": 30, "gender": "female", "race": "white"}
    table = browser.get(f"{result}.csv").content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(table))
    told = [row[f"correction.{name}"] for name in ("age", "gender", "race")]
    assert told == ["30", "female", "white"]
