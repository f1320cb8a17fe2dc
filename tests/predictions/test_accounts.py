"""An account's own pages: signing up, its address, a forgotten password, all that one has."""

import io
import json
import re
import threading
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from predictions.access import Owner
from predictions.account_forms import MAIL_THREAD, MailAddressForm, NewPasswordForm
from predictions.api_keys import make_key
from predictions.batches.models import RefusedPhoto
from predictions.batches.steering import create as create_batch
from predictions.models import Correction, Photo, Prediction, Status
from predictions.uploads import accept_photo
from tests.factories import FaceFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db

PASSWORD, NEW = "correct horse battery", "a much newer secret"
ADDRESS = "ann@example.org"


@pytest.fixture
def ann(user: User) -> User:
    user.set_password(PASSWORD)
    user.email = ADDRESS
    user.save()
    return user


@pytest.fixture
def browser(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


@pytest.fixture
def mail(settings: Any) -> None:
    """The site sends mail."""
    settings.MAIL_IS_SENT = True
    settings.DEFAULT_FROM_EMAIL = "faces@example.org"


def ask(client: Client, address: str) -> str:
    """Ask for a link; the page that follows, once mail has gone out."""
    page = client.post("/account/password/forgotten/", {"email": address}, follow=True)
    for thread in threading.enumerate():
        if thread.name == MAIL_THREAD:
            thread.join()
    return re.sub(r'csrfmiddlewaretoken" value="\w+', "", page.content.decode())


def choose(client: Client, link: str, password: str = NEW) -> Any:
    """Follow a link, and send what it leads to as browsers do: a page that forbids the referrer
    sends its form from the origin “null”, and the check for forged requests is on."""
    page = client.get(link, follow=True)
    client.handler.enforce_csrf_checks = True
    origin = "null" if page.headers["Referrer-Policy"] == "no-referrer" else "http://testserver"
    form = {
        "new_password1": password,
        "new_password2": password,
        "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
    }
    path = page.redirect_chain[-1][0] if page.redirect_chain else link
    return client.post(path, form, headers={"origin": origin})


def test_signing_up_says_the_rules_in_plain_words(client: Client) -> None:
    page = client.get("/account/signup/").content.decode()
    assert "At least 8 characters." in page
    assert "<ul><li>" not in page
    assert 'name="email"' not in page
    assert 'Already have an account? <a href="/account/login/">' in page
    assert "keep your password in a safe place" in page


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize("address", ["", "bo@example.org"])
def test_an_address_is_optional(client: Client, address: str) -> None:
    form = {"username": "bo", "password1": NEW, "password2": NEW, "email": address}
    assert client.post("/account/signup/", form).status_code == 302
    assert User.objects.get(username="bo").email == address


def test_the_account_page_shows_what_there_is(browser: Client, ann: User) -> None:
    PhotoFactory.create_batch(3, owner=ann)
    page = browser.get("/account/").content.decode()
    for words in ("ann", ADDRESS, "<dt>Photos</dt><dd>3</dd>", "Download everything"):
        assert words in page


def test_the_address_is_changed_with_the_password_alone(browser: Client, ann: User) -> None:
    wrong = browser.post("/account/e-mail/", {"email": "eve@example.org", "password": "guess"})
    assert "Nothing was changed." in wrong.content.decode()
    ann.refresh_from_db()
    assert ann.email == ADDRESS
    browser.post("/account/e-mail/", {"email": "", "password": PASSWORD})
    ann.refresh_from_db()
    assert ann.email == ""


def test_an_account_that_goes_meanwhile_gets_no_address(ann: User) -> None:
    form = MailAddressForm(User.objects.get(pk=ann.pk), {"email": "", "password": PASSWORD})
    assert form.is_valid()
    ann.delete()
    form.save()
    assert not User.objects.exists()


def test_guessing_the_password_there_locks_the_account(browser: Client, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = browser.post("/account/e-mail/", {"email": "", "password": "guess"})
    assert answer.status_code == 429


def test_changing_the_password_is_confirmed(browser: Client, ann: User) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    page = browser.post("/account/password/", form, follow=True)
    assert "Your password was changed." in page.content.decode()
    ann.refresh_from_db()
    assert ann.check_password(NEW)


@pytest.mark.usefixtures("mail")
def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(
    client: Client, ann: User, mailoutbox: Any
) -> None:
    ask(client, ADDRESS.upper())
    [sent] = mailoutbox
    assert sent.to == [ADDRESS]
    assert sent.from_email == "faces@example.org"
    link = re.search(r"http://testserver(/\S+)", sent.body)
    assert link is not None
    assert choose(client, link[1]).status_code == 302
    ann.refresh_from_db()
    assert ann.check_password(NEW)
    assert "does not work any more" in client.get(link[1], follow=True).content.decode()


@pytest.mark.usefixtures("mail")
def test_nobody_learns_whether_an_address_has_an_account(
    client: Client, ann: User, mailoutbox: Any
) -> None:
    assert ask(client, ADDRESS) == ask(client, "nobody@example.org")
    assert len(mailoutbox) == 1


@pytest.mark.usefixtures("mail")
def test_mailboxes_are_not_flooded(client: Client, ann: User, mailoutbox: Any) -> None:
    pages = {ask(client, ADDRESS) for _ in range(5)}
    assert len(mailoutbox) == 3
    assert len(pages) == 1


@pytest.mark.usefixtures("mail", "ann")
def test_a_mail_server_that_is_away_is_no_error_page(client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert "Look into your mailbox" in ask(client, ADDRESS)


@pytest.mark.usefixtures("ann")
def test_where_no_mail_is_sent_the_page_says_whom_to_ask(client: Client, mailoutbox: Any) -> None:
    assert "Ask one of its administrators" in ask(client, ADDRESS)
    assert 'name="email"' not in ask(client, ADDRESS)
    assert not mailoutbox


def link_of(admin: Client, account: User) -> str:
    path = f"/admin/auth/user/{account.pk}/password-link"
    assert "/account/password/new/" not in admin.get(path, follow=True).content.decode()
    page = admin.post(path + "/", follow=True).content.decode()
    found = re.search(r"http://testserver(/account/password/new/[\w/-]+)", page)
    return found[1] if found else ""


def test_an_administrator_hands_over_a_link(client: Client, ann: User) -> None:
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    link = link_of(boss, ann)
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert choose(client, link).status_code == 302
    ann.refresh_from_db()
    assert ann.check_password(NEW)
    assert "does not work any more" in client.get(link, follow=True).content.decode()


def test_links_grow_too_old(client: Client, ann: User, settings: Any) -> None:
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    link = link_of(boss, ann)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "does not work any more" in client.get(link, follow=True).content.decode()


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_link_is_over_also_where_it_was_checked_a_moment_before(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch, is_deleted: bool
) -> None:
    """Two forms of one link at once; an account that is deleted while its form is on its way."""
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    link = link_of(boss, ann)

    def meanwhile(_form: NewPasswordForm) -> None:
        same = User.objects.get(pk=ann.pk)
        if is_deleted:
            same.delete()
        else:
            same.set_password("that of the other form")
            same.save()

    monkeypatch.setattr(NewPasswordForm, "_post_clean", meanwhile)
    assert "does not work any more" in choose(client, link).content.decode()
    if is_deleted:
        assert not User.objects.filter(pk=ann.pk).exists()
    else:
        assert User.objects.get(pk=ann.pk).check_password("that of the other form")


def test_who_may_change_users_gets_no_link_of_an_administrator(ann: User) -> None:
    ann.is_staff = True
    ann.save()
    ann.user_permissions.set(Permission.objects.filter(codename__endswith="_user"))
    clerk = Client()
    clerk.force_login(ann)
    boss = User.objects.create_superuser("boss")
    assert clerk.post(f"/admin/auth/user/{boss.pk}/password-link/").status_code == 403
    other = User.objects.create_user("other", password=PASSWORD)
    assert link_of(clerk, other)


def taken(answer: Any) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


@pytest.mark.usefixtures("media_root")
def test_everything_one_has_comes_as_one_zip(
    browser: Client, ann: User, stranger: User, photo_bytes: bytes
) -> None:
    owner = Owner(user_id=ann.pk)
    batch = create_batch(owner, "Birthday")
    RefusedPhoto.objects.create(batch=batch, name="a.mp4", key="a", failure_code="photo_type")
    upload = SimpleUploadedFile("생일 a/b.jpg", photo_bytes)
    made = accept_photo(owner, upload, batch=batch.pk)
    Prediction.objects.update(status=Status.DONE)
    face = FaceFactory.create(prediction=made)
    Correction.objects.create(face=face, labels={"age": 31}, consented_at=timezone.now())
    gone = PredictionFactory.create(photo=PhotoFactory.create(owner=ann))  # its file is not there
    PredictionFactory.create(photo=PhotoFactory.create(owner=stranger))
    key = make_key(ann, "my script", 7)
    archive = taken(browser.get("/account/everything.zip"))
    assert archive.testzip() is None
    [photo] = [name for name in archive.namelist() if name.startswith("photos/")]
    assert archive.read(photo) == Photo.objects.get(pk=made.photo_id).image.read()
    results = [json.loads(line) for line in archive.read("results.jsonl").splitlines()]
    assert {one["id"] for one in results} == {str(made.pk), str(gone.pk)}
    assert photo in {one["file"] for one in results}
    [correction] = map(json.loads, archive.read("corrections.jsonl").splitlines())
    assert (correction["prediction"], correction["labels"]) == (str(made.pk), {"age": 31})
    [told] = map(json.loads, archive.read("batches.jsonl").splitlines())
    assert (told["name"], told["photos"]) == ("Birthday", [photo])
    assert [one["file"] for one in told["refused"]] == ["a.mp4"]
    assert archive.read("results.csv").decode("utf-8-sig").startswith("photo,id,status")
    account = archive.read("account.json").decode()
    assert json.loads(account)["api_keys"][0]["name"] == "my script"
    assert key not in account
    assert ann.password not in account


@pytest.mark.parametrize(("language", "words"), [("en", "may be wrong."), ("ko", "추정값이며")])
def test_the_zip_explains_itself_in_the_readers_language(
    client: Client, language: str, words: str
) -> None:
    answer = client.get("/account/everything.zip", headers={"Accept-Language": language})
    assert words in taken(answer).read("README.txt").decode()


@pytest.mark.usefixtures("media_root")
def test_an_anonymous_browser_takes_its_own_photos(client: Client, photo_bytes: bytes) -> None:
    client.post("/", {"photos": [SimpleUploadedFile("a.jpg", photo_bytes)]})
    names = taken(client.get("/account/everything.zip")).namelist()
    assert "account.json" not in names
    assert sum(name.startswith("photos/") for name in names) == 1
    assert not any(
        name.startswith("photos/")
        for name in taken(Client().get("/account/everything.zip")).namelist()
    )
