"""Two results of one photo: their faces paired by boxes, compared, side by side on a page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions.comparison import compare, pairs_of
from predictions.models import Face, Photo, Prediction, Status
from predictions.side_by_side import what_changed
from tests.factories import (
    FaceFactory,
    FinishedPredictionFactory,
    ModelVersionFactory,
    PhotoFactory,
    PredictionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(user: User) -> Photo:
    made: Photo = PhotoFactory.create(owner=user)
    return made


def result(photo: Photo, days_ago: int, **columns: Any) -> Prediction:
    made: Prediction = FinishedPredictionFactory.create(photo=photo, **columns)
    made.created_at = timezone.now() - timedelta(days=days_ago)
    made.save()
    return made


@pytest.fixture
def both(photo: Photo) -> tuple[Prediction, Prediction]:
    """Of the photo, by an older and a newer version, without faces yet."""
    versions = [ModelVersionFactory.create(name=f"starter-{number}") for number in (2, 3)]
    return result(photo, 3, model_version=versions[0]), result(photo, 1, model_version=versions[1])


def face(prediction: Prediction, index: int, x: int, **columns: Any) -> Face:
    made: Face = FaceFactory.create(prediction=prediction, index=index, x=x, **columns)
    return made


def aged(years: float) -> dict[str, Any]:
    return {"years": years, "low": 27, "high": 42, "coverage": 0.8, "distribution": []}


def labelled(label: str, probability: float = 0.9) -> dict[str, Any]:
    return {"label": label, "probability": probability, "probabilities": {label: probability}}


def test_faces_are_paired_by_their_boxes_whatever_their_order(
    both: tuple[Prediction, Prediction],
) -> None:
    earlier, later = both
    left, right = face(earlier, 0, 0), face(earlier, 1, 300)
    right_now, left_now, new = face(later, 0, 305), face(later, 1, 8), face(later, 2, 450)
    pairs = pairs_of([left, right], [right_now, left_now, new])
    assert [(pair.earlier, pair.later) for pair in pairs] == [
        (right, right_now),
        (left, left_now),
        (None, new),
    ]
    assert pairs[0].overlap == pytest.approx(175 / 185, abs=1e-4)
    assert pairs[2].overlap == 0


def test_the_better_overlap_wins_and_boxes_that_hardly_touch_are_two_faces(
    both: tuple[Prediction, Prediction],
) -> None:
    earlier, later = both
    near, nearer = face(earlier, 0, 40), face(earlier, 1, 10)
    found = face(later, 0, 0)
    assert [(pair.earlier, pair.later) for pair in pairs_of([near, nearer], [found])] == [
        (nearer, found),
        (near, None),
    ]
    far = face(earlier, 2, 61)  # of 180 pixels 119 are shared: less than half of both together
    assert [pair.is_in_both for pair in pairs_of([far], [found])] == [False, False]
    assert pairs_of([], []) == []


def test_it_is_said_how_many_differ_and_by_how_much(both: tuple[Prediction, Prediction]) -> None:
    earlier, later = both
    face(earlier, 0, 0, age=aged(34.4))
    face(later, 0, 0, age=aged(33.6))  # both are shown as 34
    assert what_changed(compare(later, earlier)) == "Nothing differs."
    face(earlier, 1, 200, age=aged(40), gender=labelled("female"))
    face(later, 1, 200, age=aged(36.2), gender=labelled("male"))
    assert what_changed(compare(earlier, later)) == (
        "1 of 2 faces differs. Ages differ by up to 4 years."
    )
    face(later, 2, 400)
    assert what_changed(compare(earlier, later)) == (
        "2 of 3 faces differ. Ages differ by up to 4 years. "
        "1 face was found in one of the two results only."
    )


def test_of_one_face_no_number_is_said(both: tuple[Prediction, Prediction]) -> None:
    earlier, later = both
    face(earlier, 0, 0, race=labelled("asian"))
    face(later, 0, 0, race=None)
    assert what_changed(compare(earlier, later)) == "What is said of the face differs."


def test_a_head_that_is_switched_off_makes_no_difference(
    both: tuple[Prediction, Prediction], settings: Any
) -> None:
    earlier, later = both
    face(earlier, 0, 0, gender=labelled("female"))
    face(later, 0, 0, gender=labelled("male"))
    settings.HEADS = ("age", "race")
    assert what_changed(compare(earlier, later)) == "Nothing differs."


def test_the_page_has_both_estimates_and_their_differences(
    client: Client, user: User, both: tuple[Prediction, Prediction]
) -> None:
    earlier, later = both
    face(earlier, 0, 0, age=aged(34.2), gender=labelled("female", 0.97))
    face(later, 0, 0, age=aged(31), gender=labelled("male", 0.61))
    face(earlier, 1, 300)
    client.force_login(user)
    page = client.get(f"/predictions/{later.pk}/compared-with/{earlier.pk}/").content.decode()
    assert page.index("starter-2") < page.index("starter-3")
    first, second = page.split("<tbody")[1:]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", first)
    assert [cell.strip() for cell in cells] == [
        *("34 (27–42)", "31 (27–42)", "−3 years"),
        *("Female 97%", "Male 61%", "different"),
        *("Asian 91%", "Asian 91%", "none"),
    ]
    assert "found earlier only" in second
    assert f"/predictions/{earlier.pk}/faces/1.jpg" in second
    assert page.count("<rect") == 2


def test_a_result_says_what_changed_since_the_one_before(
    client: Client, user: User, both: tuple[Prediction, Prediction]
) -> None:
    earlier, later = both
    face(earlier, 0, 0, age=aged(34))
    face(later, 0, 0, age=aged(37))
    PredictionFactory.create(photo=earlier.photo)  # it waits
    client.force_login(user)
    page = client.get(f"/predictions/{later.pk}/").content.decode()
    assert "Compared with the result by starter-2" in page
    assert "What is said of the face differs. Ages differ by up to 3 years." in page
    assert f"/predictions/{earlier.pk}/compared-with/{later.pk}/" in page
    first = client.get(f"/predictions/{earlier.pk}/").content.decode()
    assert "Compared with" not in first
    assert f"/predictions/{earlier.pk}/compared-with/{later.pk}/" in first
    assert first.count("<li><a") == 2
    assert "Queued" in first


def test_one_result_alone_offers_no_comparison(client: Client, user: User, photo: Photo) -> None:
    client.force_login(user)
    page = client.get(f"/predictions/{result(photo, 1).pk}/").content.decode()
    assert "compared-with" not in page
    assert "Other results" not in page


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        ("starter-3", "a second result with starter-3, the version in use now, and counts as one"),
        ("starter-2", "again with starter-2, so it should be the same. It counts as one"),
        ("", "makes a second result and counts as one photo sent."),
    ],
)
def test_running_again_says_what_it_makes_before_the_click(
    client: Client, user: User, both: tuple[Prediction, Prediction], serving: str, words: str
) -> None:
    for prediction in both:
        version = prediction.model_version
        assert version is not None
        version.is_active = version.name == serving
        version.save()
    client.force_login(user)
    assert words in client.get(f"/predictions/{both[0].pk}/").content.decode()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": Status.QUEUED}, "Queued"),
        ({"status": Status.FAILED, "failure_code": "worker_lost"}, "Failed:"),
        ({"status": Status.DONE, "face_count": 0, "model_version": None}, "found earlier only"),
    ],
)
def test_a_result_that_waits_failed_or_lost_its_version_is_an_ordinary_answer(
    client: Client,
    user: User,
    both: tuple[Prediction, Prediction],
    state: dict[str, Any],
    words: str,
) -> None:
    earlier, later = both
    face(earlier, 0, 0)
    Prediction.objects.filter(pk=later.pk).update(**state)
    client.force_login(user)
    answer = client.get(f"/predictions/{earlier.pk}/compared-with/{later.pk}/")
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert client.get(f"/predictions/{earlier.pk}/").status_code == 200
    assert client.get(f"/predictions/{later.pk}/").status_code == 200


def test_results_without_faces_differ_in_nothing(
    client: Client, user: User, both: tuple[Prediction, Prediction]
) -> None:
    earlier, later = both
    client.force_login(user)
    page = client.get(f"/predictions/{earlier.pk}/compared-with/{later.pk}/").content.decode()
    assert "Nothing differs." in page
    assert page.count("No face") == 2


def test_other_photos_and_what_is_deleted_are_not_found(
    client: Client, user: User, both: tuple[Prediction, Prediction]
) -> None:
    earlier, later = both
    stranger = result(PhotoFactory.create(owner=user), 1)
    client.force_login(user)
    assert client.get(f"/predictions/{earlier.pk}/compared-with/{stranger.pk}/").status_code == 404
    client.post(f"/predictions/{later.pk}/delete/")
    assert client.get(f"/predictions/{earlier.pk}/compared-with/{later.pk}/").status_code == 404
    assert "compared-with" not in client.get(f"/predictions/{earlier.pk}/").content.decode()


def test_many_results_of_one_photo_are_not_all_listed(
    client: Client, user: User, photo: Photo
) -> None:
    made = [result(photo, days) for days in range(12)]
    client.force_login(user)
    page = client.get(f"/predictions/{made[0].pk}/").content.decode()
    assert page.count('<a href="/predictions/') >= 10
    assert f"/predictions/{made[10].pk}/" in page
    assert f"/predictions/{made[11].pk}/" not in page
    assert "Older ones are in your history." in page
