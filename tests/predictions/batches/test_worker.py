"""A zip goes through real workers, one of which is killed in the middle."""

import io
import zipfile

import pytest
from django.conf import settings as site_settings
from PIL import Image

from predictions.access import Owner
from predictions.batches import archives
from predictions.batches.models import Archive, Batch
from predictions.batches.progress import progress_of
from predictions.models import Face, Photo
from tests.processes import Stack, wait_until
from training.registry.versions import register_bundle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def site(redis: Stack) -> Stack:
    redis.environment.update(FACEROUTE_LEASE_SECONDS="3")
    register_bundle(site_settings.STARTER_BUNDLE, "starter", activate=True)
    return redis


def zipped(photo: bytes, count: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for number in range(count):
            made.writestr(f"folder/{number}.jpg", photo)
        made.writestr("notes.txt", "no photo")
    return data.getvalue()


def test_a_zip_survives_a_killed_worker(
    site: Stack, batch: Batch, owner: Owner, photo_bytes: bytes
) -> None:
    small = io.BytesIO()
    Image.open(io.BytesIO(photo_bytes)).resize((256, 256)).save(small, "JPEG")
    data = zipped(small.getvalue(), 60)
    archive = archives.announce(batch, owner, "photos.zip", len(data))
    archives.receive(archive, 0, data)

    first = site.start_worker(queues="data")
    wait_until(lambda: Photo.objects.count() >= 5, "it is unpacking", first)
    first.kill_with_descendants()
    assert Archive.objects.get().state == "unpacking"
    assert Photo.objects.count() < 60

    second, estimating = site.start_worker(queues="data"), site.start_worker()
    wait_until(lambda: Archive.objects.get().state == "done", "it is unpacked", second)
    wait_until(lambda: progress_of(batch).state == "done", "all are estimated", estimating)
    told = progress_of(batch)
    assert (told.counts["done"], told.counts["refused"], told.faces) == (60, 1, 60)
    assert Face.objects.count() == 60
    names = sorted(Photo.objects.values_list("name", flat=True))
    assert names == sorted(f"folder/{number}.jpg" for number in range(60))
