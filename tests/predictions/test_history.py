"""The history: what it is narrowed to and in which order, grid and table, and what is chosen."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any
from unittest.mock import DEFAULT, Mock, patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions import bulk, history_query, uploads
from predictions.access import Owner
from predictions.batches.steering import create
from predictions.bulk import BulkAction, Ending, Kind
from predictions.history_query import HistoryQuery
from predictions.models import Photo, Prediction, Status
from predictions.searching import FaceQuery, FileQuery
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def sent(user: User, number: int, **columns: Any) -> list[Prediction]:
    """Finished results of photos sent a minute after each other, the oldest first."""
    made = [
        FinishedPredictionFactory.create(
            photo=PhotoFactory.create(owner=user, name=f"{n}.jpg"), face_count=0, **columns
        )
        for n in range(number)
    ]
    for n, row in enumerate(made):
        row.created_at = timezone.now() - timedelta(minutes=number - n)
        row.save()
    return made


def names(browser: Client, query: str = "") -> list[str]:
    page = browser.get(f"/history/?{query}")
    return [entry["prediction"].photo.name for entry in page.context["entries"]]


def test_names_of_files_are_shown(browser: Client, user: User) -> None:
    sent(user, 1)
    for view in ("grid", "table"):
        assert "0.jpg</" in browser.get(f"/history/?view={view}").content.decode()


def test_newest_or_oldest_first(browser: Client, user: User) -> None:
    sent(user, 3)
    assert names(browser) == ["2.jpg", "1.jpg", "0.jpg"]
    assert names(browser, "order=oldest") == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize("order", ["", "oldest"])
def test_pages_follow_each_other_in_either_order(browser: Client, user: User, order: str) -> None:
    sent(user, 7)
    seen, query = [], f"?order={order}"
    with patch("predictions.views.history.PAGE", 3):
        while query:
            page = browser.get("/history/" + query)
            seen += [entry["prediction"].photo.name for entry in page.context["entries"]]
            query = page.context["next"]
    assert sorted(seen, reverse=not order) == seen
    assert len(set(seen)) == 7


def test_only_versions_of_ones_own_photos_are_offered(
    browser: Client, user: User, stranger: User
) -> None:
    sent(user, 1, model_version=ModelVersionFactory.create(name="mine"))
    sent(stranger, 1, model_version=ModelVersionFactory.create(name="theirs"))
    page = browser.get("/history/").content.decode()
    assert '<option value="mine">' in page
    assert "theirs" not in page


@pytest.mark.parametrize(
    "query",
    [
        "age_min=50&age_max=20",
        "faces_min=3&faces_max=1",
        "since=2026-03-02&until=2026-03-01",
    ],
)
def test_bounds_the_wrong_way_round_are_refused_at_their_field(
    browser: Client, user: User, query: str
) -> None:
    sent(user, 1)
    page = browser.get(f"/history/?{query}").content.decode()
    assert page.count("so neither is applied") == 1
    assert 'aria-invalid="true"' in page
    assert "0.jpg" in page


def test_faces_that_tell_nothing_are_one_line(browser: Client, user: User) -> None:
    [made] = sent(user, 1)
    poor = {"size": 9, "sharpness": 1.0, "exposure": 0.5, "overexposed": 0.0, "turn": 0,
            "cut": False, "reliable": False, "warnings": ["too_small"]}  # fmt: skip
    for index in range(4):
        FaceFactory.create(prediction=made, index=index, quality=poor if index else None)
    for view in ("grid", "table"):
        page = browser.get(f"/history/?view={view}").content.decode()
        assert page.count("cannot be estimated from this photo") == 1
        assert "…</span>" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("confident=yes", {"0.jpg"}),
        ("confident=no", {"1.jpg"}),
        ("clear=yes", {"0.jpg", "1.jpg"}),
        ("clear=no", {"2.jpg"}),
        ("clear=no&confident=yes", set()),
        ("confident=perhaps", {"0.jpg", "1.jpg", "2.jpg"}),
    ],
)
def test_confidence_and_quality(browser: Client, user: User, query: str, found: set[str]) -> None:
    sure, unsure, poor = sent(user, 3)
    FaceFactory.create(prediction=sure)
    doubtful = {"label": "male", "probability": 0.6, "probabilities": {"male": 0.6, "female": 0.4}}
    FaceFactory.create(prediction=unsure, gender=doubtful)
    FaceFactory.create(
        prediction=poor,
        quality={"reliable": False, "warnings": ["too_small"], "size": 9},
        estimates={"age": None, "gender": None, "race": None},
    )
    with patch("predictions.presentation.explained_quality", return_value=None):
        assert set(names(browser, query)) == found


def test_what_is_rare_is_looked_for_a_part_at_a_time(browser: Client, user: User) -> None:
    rare = sent(user, 6)[0]
    Prediction.objects.filter(pk=rare.pk).update(face_count=12)
    with patch.object(history_query, "DEPTH", 4):
        page = browser.get("/history/?faces_min=12")
        assert page.context["entries"] == []
        assert "Your results were looked through as far as" in page.content.decode()
        assert page.context["number"] == "At least 0 results"
        page = browser.get("/history/" + page.context["next"])
    assert [entry["prediction"].pk for entry in page.context["entries"]] == [rare.pk]
    assert page.context["next"] == ""


def test_the_depth_of_a_look_is_no_boundary_that_a_result_falls_into(user: User) -> None:
    made = sent(user, 9)
    Prediction.objects.update(face_count=2)
    query = HistoryQuery(faces=FaceQuery(at_least=2))
    for depth in (1, 2, 3, 9, 10):
        with patch.object(history_query, "DEPTH", depth):
            slices = list(query.walk(Owner(user_id=user.pk).predictions(), 2))
        assert [one.pk for rows in slices for one in rows] == [one.pk for one in reversed(made)]


def test_a_query_survives_its_column() -> None:
    query = HistoryQuery(
        status="done",
        since=timezone.now(),
        files=FileQuery(name="beach", batch=uuid4()),
        faces=FaceQuery(at_least=1, labels={"gender": "male"}, is_clear=True),
        oldest_first=True,
    )
    assert HistoryQuery.from_json(json.loads(json.dumps(query.as_json()))) == query
    older = HistoryQuery(status="done").as_json()
    assert "files" not in older  # so that machines of the release before read it
    assert HistoryQuery.from_json(older) == HistoryQuery(status="done")


def test_the_number_of_results_is_counted_up_to_a_bound(browser: Client, user: User) -> None:
    sent(user, 3)
    assert browser.get("/history/").context["number"] == "3 results"
    with (
        patch.object(history_query, "MOST_COUNTED", 2),
        patch("predictions.views.history.MOST_COUNTED", 2),
    ):
        assert browser.get("/history/").context["number"] == "More than 2 results"


def test_the_view_is_remembered(browser: Client, user: User) -> None:
    sent(user, 1)
    assert 'class="cards"' in browser.get("/history/").content.decode()
    assert 'class="results"' in browser.get("/history/?view=table").content.decode()
    assert 'class="results"' in browser.get("/history/").content.decode()
    assert 'class="cards"' in browser.get("/history/?view=grid").content.decode()
    browser.cookies["history_view"] = "sideways"
    assert 'class="cards"' in browser.get("/history/").content.decode()


def test_a_row_that_waits_is_fetched_again_as_a_row(browser: Client, user: User) -> None:
    waiting = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    address = f"/predictions/{waiting.pk}/card/?view=table"
    assert f'hx-get="{address}"' in browser.get("/history/?view=table").content.decode()
    assert browser.get(address).content.decode().startswith('<tr id="card-')


def test_ticked_photos_are_run_again_once_each(browser: Client, user: User) -> None:
    first, second = sent(user, 2)
    older = FinishedPredictionFactory.create(photo=first.photo)
    Prediction.objects.filter(pk=older.pk).update(created_at=first.created_at - timedelta(days=1))
    waiting = PredictionFactory.create(photo=PhotoFactory.create(owner=user))
    ticked = [str(one.pk) for one in (first, older, second, waiting)]
    page = browser.post("/history/rerun/", {"selected": ticked}, follow=True)
    assert "2 photos are run again" in page.content.decode()
    queued = Prediction.objects.filter(status=Status.QUEUED).exclude(pk=waiting.pk)
    assert {one.photo_id for one in queued} == {first.photo_id, second.photo_id}


def test_where_none_of_the_ticked_can_be_run_again_is_said(browser: Client, user: User) -> None:
    waits = PredictionFactory.create(photo=PhotoFactory.create(owner=user), status=Status.QUEUED)
    page = browser.post("/history/rerun/", {"selected": [waits.pk]}, follow=True).content.decode()
    assert "Nothing was run again" in page
    assert Prediction.objects.count() == 1


def test_where_the_hourly_limit_is_reached_is_said(
    browser: Client, user: User, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 1
    ticked = [str(one.pk) for one in sent(user, 2)]
    page = browser.post("/history/rerun/", {"selected": ticked}, follow=True).content.decode()
    assert "1 photo is run again" in page
    assert Prediction.objects.filter(status=Status.QUEUED).count() == 1
    assert "in an hour" in page


def test_all_that_match_are_deleted_once_that_is_confirmed(
    browser: Client, user: User, stranger: User
) -> None:
    failed = sent(user, 3, status=Status.FAILED)
    [kept] = sent(user, 1)
    [of_another] = sent(stranger, 1, status=Status.FAILED)
    form = {"scope": "all", "query": "status=failed"}
    question = browser.post("/history/delete/", form).content.decode()
    assert "3 results" in question
    assert Prediction.objects.count() == 5
    page = browser.post("/history/delete/", {**form, "confirmed": "yes"}, follow=True)
    assert "3 results were deleted." in page.content.decode()
    assert set(Prediction.objects.all()) == {kept, of_another}
    assert not Photo.objects.filter(pk__in=[one.photo_id for one in failed]).exists()
    assert not BulkAction.objects.exists()


def test_a_photo_that_another_result_shows_stays_as_the_question_says(
    browser: Client, user: User
) -> None:
    [first] = sent(user, 1)
    again = PredictionFactory.create(photo=first.photo)
    page = browser.get("/history/").content.decode()
    assert "Delete the selected results and every photo that no other result shows?" in page
    browser.post("/history/delete/", {"selected": [str(again.pk)]})
    assert list(Prediction.objects.all()) == [first]
    assert Photo.objects.filter(pk=first.photo_id).exists()


@pytest.fixture
def short_of_time() -> Any:
    """Requests have time for a slice of two."""
    with (
        patch.object(bulk, "_OF_A_REQUEST", 0.0),
        patch.object(bulk, "_LEFT_ALONE", timedelta(0)),
        patch.object(bulk, "_SLICE", 2),
    ):
        yield


ALL = {"scope": "all", "query": "", "confirmed": "yes"}


@pytest.mark.usefixtures("short_of_time")
@pytest.mark.parametrize("query", ["", "faces_max=0", "order=oldest"])
def test_what_a_request_has_no_time_for_is_deleted_by_upkeep(
    browser: Client, user: User, query: str
) -> None:
    sent(user, 5)
    page = browser.post("/history/delete/", {**ALL, "query": query}, follow=True)
    assert "Your results are being deleted: 2 so far." in page.content.decode()
    assert Prediction.objects.count() == 3
    later = PredictionFactory.create(photo=PhotoFactory.create(owner=user), face_count=0)
    bulk.go_on()
    assert list(Prediction.objects.all()) == [later]
    assert "5 results were deleted." in browser.get("/history/").content.decode()
    browser.post("/history/dismiss/")
    assert not BulkAction.objects.exists()


@pytest.mark.usefixtures("short_of_time")
def test_each_photo_is_run_again_once_though_killed_in_between(browser: Client, user: User) -> None:
    sent(user, 5)
    rerun = Mock(wraps=uploads.rerun, side_effect=[DEFAULT, KeyboardInterrupt])
    with patch.object(uploads, "rerun", rerun), pytest.raises(KeyboardInterrupt):
        bulk.begin(Owner(user_id=user.pk), Kind.RERUN, HistoryQuery())
    assert rerun.call_count == 2
    assert not Prediction.objects.filter(status=Status.QUEUED).exists()
    bulk.go_on()
    bulk.go_on()
    assert Prediction.objects.filter(status=Status.QUEUED).count() == 5
    assert BulkAction.objects.get().ending == Ending.DONE
    assert "5 photos were run again." in browser.get("/history/").content.decode()


@pytest.mark.usefixtures("short_of_time")
def test_running_again_ends_where_the_quota_does(
    browser: Client, user: User, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 3
    sent(user, 5)
    browser.post("/history/rerun/", ALL)
    bulk.go_on()
    assert Prediction.objects.filter(status=Status.QUEUED).count() == 3
    page = browser.get("/history/").content.decode()
    assert "3 photos were run again." in page
    assert "is used up" in page


@pytest.mark.usefixtures("short_of_time")
def test_of_an_anonymous_browser_only_the_request_runs_again(client: Client) -> None:
    """Its quota goes by the address, which upkeep does not know."""
    visitor = client.get("/").wsgi_request.visitor  # type: ignore[attr-defined]
    for _ in range(5):
        photo = PhotoFactory.create(owner=None, visitor=visitor)
        FinishedPredictionFactory.create(photo=photo, owner=None, visitor=visitor)
    page = client.post("/history/rerun/", ALL, follow=True).content.decode()
    assert "2 photos were run again." in page
    assert "without an account" in page
    bulk.go_on()
    assert Prediction.objects.filter(status=Status.QUEUED).count() == 2


def test_how_something_ended_is_forgotten_after_a_day(user: User) -> None:
    action = BulkAction.objects.create(
        owner=user, kind=Kind.DELETE, query={}, ending=Ending.DONE, created_at=timezone.now()
    )
    bulk.go_on()
    assert BulkAction.objects.exists()
    action.created_at -= timedelta(days=2)
    action.save()
    bulk.go_on()
    assert not BulkAction.objects.exists()


def test_by_a_part_of_the_name(browser: Client, user: User) -> None:
    sent(user, 12)
    assert names(browser, "name=1.JP") == ["11.jpg", "1.jpg"]
    assert names(browser, "name=%") == []
    assert names(browser, "name=1.&faces_min=1") == []


def test_by_batch(browser: Client, user: User, stranger: User) -> None:
    holiday = create(Owner(user_id=user.pk), "Holiday")
    made = sent(user, 4)
    keys = [one.photo_id for one in made[:3]]
    Photo.objects.filter(pk__in=keys).update(batch=holiday)
    Prediction.objects.filter(pk=made[1].pk).update(status=Status.FAILED)
    assert names(browser, f"batch={holiday.pk}") == ["2.jpg", "1.jpg", "0.jpg"]
    assert names(browser, f"batch={holiday.pk}&status=done") == ["2.jpg", "0.jpg"]
    assert names(browser, f"batch={holiday.pk}&name=0&order=oldest") == ["0.jpg"]
    version = made[0].model_version
    assert version
    assert names(browser, f"batch={holiday.pk}&version={version.name}") == ["0.jpg"]
    browser.force_login(stranger)
    assert names(browser, f"batch={holiday.pk}") == []


def test_ones_own_newest_batches_are_offered(browser: Client, user: User, stranger: User) -> None:
    sent(user, 1)
    create(Owner(user_id=stranger.pk), "theirs")
    made = [create(Owner(user_id=user.pk), f"batch {n}") for n in range(3)]
    with patch("predictions.history_filter._BATCHES", 2):
        page = browser.get("/history/").content.decode()
        assert ">batch 2</option>" in page
        assert ">batch 0</option>" not in page
        assert "theirs" not in page
        page = browser.get(f"/history/?batch={made[0].pk}").content.decode()
    assert f'<option value="{made[0].pk}" selected>batch 0</option>' in page
    gone = browser.get(f"/history/?batch={uuid4()}").content.decode()
    assert "selected>A deleted batch</option>" in gone
    assert "Nothing matches" in gone
    assert names(browser, "batch=nonsense") == ["0.jpg"]


@pytest.mark.parametrize("query", ["batch=nonsense", "age_min=x", "version=v9", "status=eaten"])
@pytest.mark.parametrize("what", ["delete", "rerun", "export"])
def test_nothing_is_done_with_all_where_a_filter_makes_no_sense(
    browser: Client, user: User, query: str, what: str
) -> None:
    """Whoever looks is shown everything then; everything is not what was meant."""
    sent(user, 2)
    form = {"scope": "all", "query": query, "confirmed": "yes"}
    answer = browser.post(f"/history/{what}/", form, follow=True)
    assert "Nothing was done, since a filter no longer applies." in answer.content.decode()
    assert Prediction.objects.count() == 2


@pytest.mark.parametrize("what", ["delete", "rerun", "export"])
@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}])
def test_nothing_is_done_with_all_by_a_filter_that_there_is_not(
    browser: Client, user: User, what: str, confirmed: dict[str, str]
) -> None:
    """A misspelt one would let through what it was meant to spare."""
    sent(user, 2)
    form = {"scope": "all", "query": "gendr=male&age_min=30&<b>=1", **confirmed}
    page = browser.post(f"/history/{what}/", form, follow=True).content.decode()
    assert "since there is no filter “&lt;b&gt;”, “gendr”. Please filter once more." in page
    assert Prediction.objects.count() == 2
    assert not BulkAction.objects.exists()


def test_all_of_a_batch_are_deleted_by_upkeep(
    browser: Client, user: User, short_of_time: None
) -> None:
    holiday = create(Owner(user_id=user.pk), "Holiday")
    made = sent(user, 6)
    Photo.objects.filter(pk__in=[one.photo_id for one in made[:5]]).update(batch=holiday)
    browser.post("/history/delete/", {**ALL, "query": f"batch={holiday.pk}"})
    bulk.go_on()
    assert list(Prediction.objects.all()) == [made[5]]


def table_of(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_what_is_ticked_or_matches_is_exported(browser: Client, user: User, stranger: User) -> None:
    made = sent(user, 3)
    for index in (0, 1):
        FaceFactory.create(prediction=made[2], index=index)
    Prediction.objects.filter(pk=made[2].pk).update(face_count=2)
    [theirs] = sent(stranger, 1)
    ticked = {"selected": [str(made[0].pk), str(theirs.pk)], "scope": "selected"}
    assert [row["photo"] for row in table_of(browser.post("/history/export/", ticked))] == ["0.jpg"]
    answer = browser.post("/history/export/", {"scope": "all", "query": "faces_min=1"})
    assert [(row["photo"], row["face"]) for row in table_of(answer)] == [
        ("2.jpg", "1"),
        ("2.jpg", "2"),
    ]
    with patch("predictions.views.history.SLICE", 1):
        everything = table_of(browser.post("/history/export/", {"scope": "all"}))
    assert [row["photo"] for row in everything] == ["2.jpg", "2.jpg", "1.jpg", "0.jpg"]


@pytest.mark.parametrize("scope", ["selected", "all"])
def test_tables_come_as_lines_and_workbooks(browser: Client, user: User, scope: str) -> None:
    made = sent(user, 2)
    Prediction.objects.filter(pk=made[0].pk).update(
        status=Status.FAILED, failure_code="worker_lost"
    )
    FaceFactory.create(prediction=made[1])
    form = {"scope": scope, "selected": [str(one.pk) for one in made]}
    lines: Any = browser.post("/history/export/", {**form, "format": "jsonl"})
    assert lines["Content-Disposition"] == 'attachment; filename="faceroute-results.jsonl"'
    assert "no-store" in lines["Cache-Control"]
    rows = {
        row["photo"]: row for row in map(json.loads, b"".join(lines.streaming_content).splitlines())
    }
    assert rows["1.jpg"]["age.years"] == 34.2
    assert rows["0.jpg"]["failure.code"] == "worker_lost"
    book: Any = browser.post("/history/export/", {**form, "format": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(b"".join(book.streaming_content))) as found:
        assert found.read("xl/worksheets/sheet1.xml").count(b"<row ") == 3
    assert browser.post("/history/export/", {**form, "format": "pdf"}).status_code == 400


def test_a_workbook_has_a_bound_and_says_so(browser: Client, user: User, settings: Any) -> None:
    sent(user, 3)
    form = {"scope": "all", "format": "xlsx"}
    with patch("predictions.views.history.WORKBOOK_ROWS", 2):
        answer = browser.post("/history/export/", form, follow=True)
        assert "These are more than 2 rows" in answer.content.decode()
    with patch("predictions.views.history.WORKBOOK_ROWS", 3):
        assert browser.post("/history/export/", form)["Content-Type"].endswith(".sheet")
    assert not list(settings.INCOMING_ROOT.iterdir())


def test_the_summary_counts_each_photo_by_its_newest_result(browser: Client, user: User) -> None:
    old, empty = sent(user, 2)
    Prediction.objects.filter(pk=old.pk).update(face_count=1)
    FaceFactory.create(prediction=old, age={"years": 12.0, "distribution": []})
    new = FinishedPredictionFactory.create(photo=old.photo, face_count=2)
    for index, years in enumerate((39.9, 104.0)):
        FaceFactory.create(prediction=new, index=index, age={"years": years, "distribution": []})
    summary = browser.get("/history/summary/").context["summary"]
    assert (summary.photos, summary.without_face, summary.faces) == (2, 1, 2)
    ages, gender, race = summary.charts
    assert {row.label: row.count for row in ages.rows if row.count} == {
        "30–39": 1,
        "90 or older": 1,
    }
    assert [(row.label, row.count, row.percent) for row in gender.rows if row.count] == [
        ("Female", 2, 100)
    ]
    assert race.total == 2
    assert empty.pk
    narrowed = browser.get("/history/summary/?faces_max=0").context["summary"]
    assert (narrowed.photos, narrowed.faces) == (1, 0)


def test_the_summary_leaves_out_heads_that_are_switched_off(
    browser: Client, user: User, settings: Any
) -> None:
    settings.HEADS = ("gender",)
    FaceFactory.create(prediction=sent(user, 1)[0])
    [chart] = browser.get("/history/summary/").context["summary"].charts
    assert chart.title == "Gender"


def test_nobody_elses_photos_are_counted(browser: Client, stranger: User) -> None:
    FaceFactory.create(prediction=sent(stranger, 1)[0])
    assert browser.get("/history/summary/").context["summary"].photos == 0
