"""Administrators find their way: a sidebar by task, pages that say why there is nothing on them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Permission, User
from django.test import Client
from knox.models import AuthToken

from predictions.access import Owner
from predictions.api_keys import make_key
from predictions.batches.steering import create as create_batch
from tests.factories import ModelVersionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def sidebar(page: str) -> list[str]:
    inside = page.split('id="nav-sidebar-apps"')[1].split("</nav>", maxsplit=1)[0]
    found = re.findall(r"<h2[^>]*>\s*(.*?)\s*<|<span>([^<]+)</span>", inside)
    return [title or item for title, item in found]


def test_the_sidebar_goes_by_task_in_the_reader_s_language(boss: Client) -> None:
    english = sidebar(boss.get("/admin/").content.decode())
    assert english == [
        *("Overview", "Help"),
        *("Photos", "Predictions", "Batches", "Corrections", "Withdrawn corrections"),
        *("Data", "Datasets", "Images", "Imports", "Label issues"),
        *("Models", "Versions", "Training", "Examinations", "Exports"),
        *("Access", "Users", "Groups", "API keys", "Log-ins", "Failed log-ins"),
    ]
    korean = sidebar(boss.get("/admin/", headers={"Accept-Language": "ko"}).content.decode())
    assert korean[0] == "개요"
    assert len(korean) == len(english)
    assert not set(korean) & set(english)


def test_staff_see_what_they_may_open_and_are_told_of_the_rest(client: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_dataset"))
    client.force_login(clerk)
    items = sidebar(client.get("/admin/").content.decode())
    assert "Datasets" in items
    assert "Users" not in items
    refused = client.get("/admin/auth/user/")
    assert refused.status_code == 403
    page = refused.content.decode()
    assert "You may not open this page" in page
    assert "Datasets" in sidebar(page)


def test_what_is_gone_is_told_within_the_administration(boss: Client) -> None:
    gone = boss.get("/admin/training/dataset/99/charts/")
    assert gone.status_code == 404
    assert "Datasets" in sidebar(gone.content.decode())


def test_strangers_get_the_site_s_own_page(client: Client) -> None:
    page = client.get("/nowhere/").content.decode()
    assert "nav-sidebar-apps" not in page


def test_keys_are_listed_by_name_and_owner_and_never_by_their_digest(boss: Client) -> None:
    owner = UserFactory.create(username="ann")
    make_key(owner, "laptop", 30)
    AuthToken.objects.create(owner)
    page = boss.get("/admin/knox/authtoken/").content.decode()
    assert "laptop" in page
    assert "Unnamed" in page
    shown = re.sub(r'value="[0-9a-f]+"', "", page)
    for key in AuthToken.objects.all():
        assert key.digest not in shown
        assert key.digest not in str(key)


def test_rows_of_access_tell_their_times_in_words(boss: Client) -> None:
    make_key(UserFactory.create(username="ann"), "laptop", 30)
    key = AuthToken.objects.get()
    key.created = datetime(2026, 11, 27, 9, 14, tzinfo=UTC)
    key.save()
    attempt = AccessAttempt.objects.create(username="ann", failures_since_start=1)
    assert "Nov. 27, 2026, 9:14 a.m." in _change_page(boss, "knox/authtoken", key.pk)
    assert ">ann · " in _change_page(boss, "axes/accessattempt", attempt.pk)
    assert "+00:00" not in _change_page(boss, "knox/authtoken", key.pk)


def _change_page(client: Client, kind: str, key: Any) -> str:
    return client.get(f"/admin/{kind}/{key}/change/").content.decode()


def test_a_page_of_thousands_of_ticked_rows_is_taken(boss: Client) -> None:
    AccessLog.objects.bulk_create(
        AccessLog(username="ann", ip_address="127.0.0.1", user_agent="-", path_info="/")
        for _ in range(3040)
    )
    keys = list(AccessLog.objects.filter(username="ann").values_list("pk", flat=True))
    form = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    assert boss.post("/admin/axes/accesslog/", form).status_code == 302
    assert not AccessLog.objects.filter(username="ann").exists()


def test_a_log_in_leads_to_the_page_that_was_asked_for_or_to_the_overview(client: Client) -> None:
    User.objects.create_superuser("boss", password="boss-boss-1")
    for asked, wanted in (("", "/admin/"), ("?next=/admin/auth/group/", "/admin/auth/group/")):
        page = client.get(f"/admin/login/{asked}").content.decode()
        [field] = re.findall(r'<input type="hidden" name="next"[^>]*form="login-form">', page)
        [where] = re.findall(r'value="([^"]*)"', field)
        form = {"username": "boss", "password": "boss-boss-1", "next": where}
        assert client.post(f"/admin/login/{asked}", form)["Location"] == wanted
        client.logout()


def test_a_row_is_called_by_its_name_as_it_is_written(boss: Client) -> None:
    version = ModelVersionFactory.create(name="classic-4")
    page = boss.get(f"/admin/training/modelversion/{version.pk}/change/").content.decode()
    heading = page.split("<h1")[1].split("</h1>")[0]
    assert ">classic-4<" in heading
    assert ">Model versions<" in heading


def test_recent_actions_say_what_happened(boss: Client) -> None:
    version = ModelVersionFactory.create(name="version-7")
    boss.post("/admin/auth/group/add/", {"name": "reviewers"})
    page = boss.get("/admin/").content.decode()
    assert "Added “reviewers”." in page
    assert version.name not in page


def test_browsers_that_look_for_an_icon_find_it(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].endswith(".svg")


def test_batches_are_told_by_number_and_never_by_name(boss: Client) -> None:
    batch = create_batch(Owner(user_id=UserFactory.create().pk), "Holiday")
    page = boss.get("/admin/predictions/batch/").content.decode()
    assert str(batch.pk) in page
    assert "Holiday" not in page
    own = boss.get(f"/admin/predictions/batch/{batch.pk}/change/").content.decode()
    assert "Holiday" not in own
