"""A photo is read from a bucket whole or not at all, however often reading breaks off."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.s3 import inject
from botocore.exceptions import ResponseStreamingError
from django.core.files.base import ContentFile
from moto import mock_aws

from predictions.models import Prediction
from tests.factories import PhotoFactory, PredictionFactory
from tests.predictions.fakes import FakeEstimator, run_batch, serving

pytestmark = pytest.mark.django_db(transaction=True)

BUCKET = {"bucket_name": "faces", "region_name": "us-east-1"}


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stand-in")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stand-in")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="faces")
        kept = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": BUCKET}
        settings.STORAGES = {**settings.STORAGES, "default": kept}
        yield


def test_a_photo_whose_reading_breaks_off_is_read_anew(
    bucket: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = PhotoFactory.create(thumbnail="")
    photo.image.save(f"{photo.pk}.jpg", ContentFile(b"photo"))
    prediction: Prediction = PredictionFactory.create(photo=photo)
    download, tries = inject.object_download_fileobj, []

    def breaking_off(*arguments: Any, **options: Any) -> None:
        tries.append(1)
        if len(tries) < 4:
            raise ResponseStreamingError(error="Connection reset by peer")
        download(*arguments, **options)

    monkeypatch.setattr(inject, "object_download_fileobj", breaking_off)
    estimator = FakeEstimator()
    run_batch(serving(estimator), [0, 0, 0])
    prediction.refresh_from_db()
    assert (prediction.status, len(tries)) == ("done", 4)
    assert estimator.batches == [[b"photo"]]
