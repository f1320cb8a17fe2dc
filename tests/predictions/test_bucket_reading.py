"""A photo is read from a bucket whole or not at all, however often reading breaks off."""

from typing import Any

import pytest
from boto3.s3 import inject
from botocore.exceptions import ResponseStreamingError
from django.core.files.base import ContentFile

from predictions.models import Prediction
from tests.factories import PhotoFactory, PredictionFactory
from tests.predictions.fakes import FakeEstimator, run_batch, serving
from tests.s3 import Bucket

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_photo_whose_reading_breaks_off_is_read_anew(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
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
