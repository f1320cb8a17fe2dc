"""The page of a batch and the list of batches, as their owner sees them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from predictions.batches import steering
from predictions.batches.models import Batch
from predictions.models import Prediction, Status
from tests.factories import FaceFactory, ModelVersionFactory
from tests.predictions.batches.conftest import Send

pytestmark = pytest.mark.django_db


def finish(predictions: list[Prediction]) -> None:
    """As a worker would, with a face on each."""
    version = ModelVersionFactory.create()
    keys = [one.pk for one in predictions]
    Prediction.objects.filter(pk__in=keys).update(
        status=Status.DONE, model_version=version, face_count=1
    )
    for one in predictions:
        FaceFactory.create(prediction=one)


def page_of(browser: Client, batch: Batch, query: str = "") -> str:
    return browser.get(f"/batches/{batch.pk}/{query}").content.decode()


def test_the_page_follows_its_progress_until_it_is_over(
    browser: Client, batch: Batch, send: Send
) -> None:
    made = send(3)
    finish(made[:1])
    panel = browser.get(f"/batches/{batch.pk}/panel/")
    assert "1 of 3 photos" in panel.content.decode()
    assert 'hx-trigger="every 2s"' in panel.content.decode()
    assert "HX-Trigger" not in panel
    finish(made[1:])
    panel = browser.get(f"/batches/{batch.pk}/panel/")
    assert "every 2s" not in panel.content.decode()
    assert panel["HX-Trigger"] == "newResults"  # upon which the page fetches its results


def test_what_is_finished_in_a_paused_batch_is_shown_at_once(
    browser: Client, batch: Batch, send: Send
) -> None:
    made = send(2)
    browser.post(f"/batches/{batch.pk}/pause/")
    address = f"/batches/{batch.pk}/panel/"
    assert f'hx-get="{address}?before=0"' in page_of(browser, batch)
    finish(made[:1])
    assert browser.get(f"{address}?before=0")["HX-Trigger"] == "newResults"
    assert "HX-Trigger" not in browser.get(f"{address}?before=1")
    assert "HX-Trigger" not in browser.get(f"{address}?before=0&sending")


def test_bounds_the_wrong_way_round_are_refused_at_their_field(
    browser: Client, batch: Batch, send: Send
) -> None:
    finish(send(1))
    page = page_of(browser, batch, "?age_min=50&age_max=20")
    assert "This is more than “Age to”" in page
    assert "This is more than" not in page_of(browser, batch, "?age_min=20&age_max=20")


def test_its_files_are_called_as_it_is(browser: Client, batch: Batch, send: Send) -> None:
    send(1)
    named = {
        "Sea/sun": 'filename="Sea-sun.jsonl"',
        "제주 2026.10": "filename*=utf-8''%EC%A0%9C%EC%A3%BC%202026.10.jsonl",
        "..": 'filename="batch.jsonl"',
    }
    for name, told in named.items():
        steering.rename(batch, name)
        answer = browser.get(f"/batches/{batch.pk}/results.jsonl")
        assert answer["Content-Disposition"] == f"attachment; {told}"


def test_a_page_of_a_batch_that_is_over_looks_again_when_it_is_looked_at(
    browser: Client, batch: Batch, send: Send
) -> None:
    finish(send(1))
    again = re.search(
        r'hx-get="([^"]+over=1)" hx-trigger="visibilitychange', page_of(browser, batch)
    )
    assert again is not None
    assert "HX-Trigger" not in browser.get(again[1])
    more = send(1)  # from another tab
    assert "every 2s" in browser.get(again[1]).content.decode()
    finish(more)
    assert browser.get(again[1])["HX-Trigger"] == "newResults"


def test_faces_are_summed_up_and_listed(browser: Client, batch: Batch, send: Send) -> None:
    finish(send(3))
    page = page_of(browser, batch)
    assert re.search(r"Female</span>.*?<rect width=\"100\".*?<span class=\"percent\">3<", page)
    assert page.count('class="row-photo"') == 3
    assert "34 (27–42)" in page
    assert "91%" in page
    assert page_of(browser, batch, "?gender=male").count('class="row-photo"') == 0
    assert "Nothing matches" in page_of(browser, batch, "?gender=male")
    assert page_of(browser, batch, "?gender=nonsense&age_min=x").count('class="row-photo"') == 3


def test_it_leads_to_its_photos_in_the_history(browser: Client, batch: Batch, send: Send) -> None:
    finish(send(2))
    address = f"/history/?batch={batch.pk}"
    assert f'href="{address}"' in page_of(browser, batch)
    assert len(browser.get(address).context["entries"]) == 2


def test_a_sorted_column_says_so_and_turns_round(browser: Client, batch: Batch, send: Send) -> None:
    finish(send(1))
    page = page_of(browser, batch, "?sort=age&gender=female")
    assert 'aria-sort="ascending"' in page
    assert "?sort=-age&amp;gender=female" in page


def test_its_forms_lead_back_to_the_page(browser: Client, batch: Batch, send: Send) -> None:
    send(2)
    form = {"Accept": "text/html"}
    for what, words in (("pause", "Paused"), ("resume", "Queued"), ("cancel", "Cancelled")):
        answer = browser.post(f"/batches/{batch.pk}/{what}/", headers=form)
        assert answer["Location"] == f"/batches/{batch.pk}/"
        assert words in page_of(browser, batch)
    browser.post(f"/batches/{batch.pk}/rename/", {"name": "Sea & sun"}, headers=form)
    assert "<h1>Sea &amp; sun</h1>" in page_of(browser, batch)


def test_what_is_refused_is_said_on_the_page(
    browser: Client, batch: Batch, send: Send, settings: Any
) -> None:
    made = send(1)
    Prediction.objects.update(status=Status.FAILED, failure_code="worker_lost", attempts=2)
    assert made
    assert "Retry what failed" in page_of(browser, batch)
    settings.PHOTOS_PER_HOUR = 1
    browser.post(f"/batches/{batch.pk}/retry/", headers={"Accept": "text/html"})
    assert "within an hour" in page_of(browser, batch)


def test_batches_are_listed_for_their_owner_alone(
    browser: Client, batch: Batch, send: Send, stranger: User
) -> None:
    send(2)
    page = browser.get("/batches/").content.decode()
    assert "Holiday" in page
    assert "2 photos" in page
    assert "2 are left" in page
    browser.force_login(stranger)
    assert "Holiday" not in browser.get("/batches/").content.decode()
    assert browser.get(f"/batches/{batch.pk}/").status_code == 404
    assert browser.get(f"/batches/{batch.pk}/panel/").status_code == 404


def test_a_page_costs_the_same_queries_however_long_it_is(
    browser: Client, batch: Batch, send: Send, owner: Any, django_assert_max_num_queries: Any
) -> None:
    finish(send(2))
    with django_assert_max_num_queries(20):
        page_of(browser, batch)
    finish(send(12))
    with django_assert_max_num_queries(20):
        page_of(browser, batch)
    for number in range(3):
        steering.create(owner, str(number))
    with django_assert_max_num_queries(5):
        browser.get("/batches/")


def test_photos_are_added_to_a_batch_of_ones_own(
    browser: Client, batch: Batch, stranger: User
) -> None:
    address = f"/?batch={batch.pk}"
    assert f'data-batch="/batches/{batch.pk}/"' in browser.get(address).content.decode()
    assert "data-batch=" not in browser.get("/?batch=nonsense").content.decode()
    browser.force_login(stranger)
    assert "data-batch=" not in browser.get(address).content.decode()
