"""Senders take turns, and the tables stay quick to ask however much waits."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from predictions.access import Owner
from predictions.claims import ahead_of, claim_batch, waiting_in_turn, waiting_predictions
from predictions.models import Photo, Prediction, Status
from predictions.turns import current_turn, turn_of_next
from predictions.uploads import accept_photo, rerun
from tests.factories import PhotoFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

FEW = 2  # batches


def send(owner: Owner, photo: bytes, count: int = 1) -> list[Prediction]:
    return [accept_photo(owner, SimpleUploadedFile("me.jpg", photo)) for _ in range(count)]


def send_rows(owner: Owner, count: int) -> list[Prediction]:
    """As `send`, without the photos themselves."""
    photo = Photo.objects.create(**owner.columns, width=1, height=1, expires_at=timezone.now())
    first = turn_of_next(owner, current_turn())
    rows = [Prediction(photo=photo, turn=first + n, **owner.columns) for n in range(count)]
    return Prediction.objects.bulk_create(rows, batch_size=500)


def batches_until(wanted: Prediction) -> int:
    for number in range(1, 1000):
        claim = claim_batch()
        assert claim is not None
        if wanted in claim.predictions:
            return number
    raise AssertionError("its turn never comes")


@pytest.fixture
def other() -> Owner:
    return Owner(visitor=uuid.uuid4())


def test_a_single_photo_is_answered_within_a_few_batches_of_anothers_thousand(
    owner: Owner, other: Owner, faceless_bytes: bytes
) -> None:
    send_rows(owner, 1000)
    for _ in range(5):
        claim_batch()
    [single] = send(other, faceless_bytes)
    assert batches_until(single) <= FEW


def test_two_senders_of_many_share_every_batch(owner: Owner, other: Owner) -> None:
    send_rows(owner, 100)
    claim_batch()
    send_rows(other, 100)
    claim_batch()  # what is over of the turn before
    for _ in range(5):
        claim = claim_batch()
        assert claim is not None
        assert sum(held.owner_id is None for held in claim.predictions) == 4


def test_who_waits_long_is_not_passed_for_ever(owner: Owner, other: Owner, settings: Any) -> None:
    settings.BATCH_PHOTOS = 2
    last = send_rows(owner, 10)[-1]
    taken = 0
    while last.status == Status.QUEUED:
        send_rows(Owner(visitor=uuid.uuid4()), 1)
        claim_batch()
        last.refresh_from_db()
        taken += 1
    assert taken <= 11


def test_a_single_photo_goes_before_one_that_is_estimated_again(
    owner: Owner, other: Owner, faceless_bytes: bytes, settings: Any
) -> None:
    settings.BATCH_PHOTOS = 1
    [before] = send(owner, faceless_bytes)
    claim_batch()
    send_rows(Owner(user_id=UserFactory.create().pk), 1)
    again = rerun(before)
    [single] = send(other, faceless_bytes)
    assert batches_until(single) < 3
    assert batches_until(again) == 1


def test_a_sender_alone_is_served_in_the_order_of_sending(
    owner: Owner, faceless_bytes: bytes
) -> None:
    sent = send(owner, faceless_bytes, 4)
    claim = claim_batch()
    assert claim is not None
    assert list(claim.predictions) == sent


@pytest.mark.parametrize("asked", ["claim", "current turn", "last of an owner", "ahead", "lost"])
def test_what_waits_is_found_by_an_index_of_nothing_else(owner: Owner, asked: str) -> None:
    waiting, held = waiting_predictions(), Prediction.objects.filter(status=Status.RUNNING)
    question = {
        "claim": waiting_in_turn().values_list("pk", "attempts")[:8],
        "current turn": waiting_in_turn().values_list("turn")[:1],
        "last of an owner": waiting.filter(**owner.columns)
        .order_by("-turn")
        .values_list("turn")[:1],
        "ahead": ahead_of(Prediction(turn=150, created_at=timezone.now())).values("pk")[:100],
        "lost": held.filter(lease_expires_at__lt=Now()).order_by("lease_expires_at")[:1],
    }[asked]
    done = PhotoFactory.create()
    Prediction.objects.bulk_create(
        [Prediction(photo=done, status=Status.DONE) for _ in range(3000)]
    )
    send_rows(owner, 300)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = question.explain()
    if asked == "lost":  # PostgreSQL may take the index of all open work
        assert "prediction_held" in plan or "prediction_open" in plan
        return
    assert "prediction_waiting" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
