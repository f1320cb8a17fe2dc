"""From a result to its batch, and to the photos sent before and after it."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from predictions.batches.models import Batch, BatchState
from predictions.batches.neighbours import neighbours_of
from predictions.models import Photo, Prediction
from tests.factories import FinishedPredictionFactory, PhotoFactory, PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def results(batch: Batch, user: User) -> list[Prediction]:
    """Of four photos in the order of sending, the second and third of the same moment."""
    now = timezone.now()
    for minutes in (1, 2, 2, 3):
        photo = PhotoFactory.create(owner=user, batch=batch)
        Photo.objects.filter(pk=photo.pk).update(created_at=now + timedelta(minutes=minutes))
    photos = batch.photos.order_by("created_at", "pk")
    return [FinishedPredictionFactory.create(photo=photo) for photo in photos]


def test_photos_follow_one_another_to_either_end(results: list[Prediction]) -> None:
    found = [neighbours_of(one.photo) for one in results]
    keys = [one.pk for one in results]
    assert [one and one.before for one in found] == [None, *keys[:-1]]
    assert [one and one.after for one in found] == [*keys[1:], None]


def test_of_a_photo_that_was_run_again_it_leads_to_the_newest_result(
    results: list[Prediction],
) -> None:
    again = PredictionFactory.create(photo=results[1].photo)  # it waits
    found = [neighbours_of(results[place].photo) for place in (0, 2)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].after == found[1].before == again.pk


def test_the_page_has_the_links(
    client: Client, user: User, batch: Batch, results: list[Prediction]
) -> None:
    client.force_login(user)

    def links(of: Prediction) -> list[tuple[str, str]]:
        page = client.get(f"/predictions/{of.pk}/").content.decode()
        assert f'<a href="/batches/{batch.pk}/">{batch.name}</a>' in page
        return re.findall(r'rel="(prev|next)" href="/predictions/([^"/]+)/"', page)

    assert links(results[0]) == [("next", str(results[1].pk))]
    assert links(results[1]) == [("prev", str(results[0].pk)), ("next", str(results[2].pk))]


def test_no_batch_and_one_that_is_being_deleted_are_not_led_to(
    client: Client, user: User, batch: Batch, results: list[Prediction]
) -> None:
    assert neighbours_of(PhotoFactory.create(owner=user)) is None
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.DELETED)
    client.force_login(user)
    page = client.get(f"/predictions/{results[0].pk}/").content.decode()
    assert f"/batches/{batch.pk}/" not in page
