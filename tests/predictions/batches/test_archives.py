"""Zips of photos: received in pieces, unpacked by whichever worker, and what of them is refused."""

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from predictions import uploads
from predictions.access import Owner
from predictions.batches import archives, deletion, steering, unpacking
from predictions.batches.models import Archive, ArchivePiece, Batch
from predictions.batches.progress import archive_figures
from predictions.batches.zips import name_of
from predictions.models import Photo, Prediction
from predictions.uploads import StorageUnavailable

pytestmark = pytest.mark.django_db(transaction=True)

PIECE = 10_000
Files = dict[str, bytes]


@pytest.fixture(autouse=True)
def small_pieces(settings: Any) -> None:
    settings.ARCHIVE_PIECE_BYTES = PIECE


@pytest.fixture(scope="session")
def tiny() -> bytes:
    data = io.BytesIO()
    Image.effect_noise((96, 96), 60).convert("RGB").save(data, "JPEG")
    return data.getvalue()


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


@pytest.fixture
def sent(batch: Batch, owner: Owner, settings: Any) -> Callable[[bytes], Archive]:
    """Sends a zip whole, piece by piece."""

    def send(data: bytes) -> Archive:
        archive = archives.announce(batch, owner, "photos.zip", len(data))
        size = settings.ARCHIVE_PIECE_BYTES
        for offset in range(0, len(data), size):
            archives.receive(archive, offset, data[offset : offset + size])
            archive.refresh_from_db()
        return archive

    return send


def unpack() -> Archive | None:
    """Let a worker look once; what it took, as it is then."""
    taken = unpacking.take()
    if taken is None:
        return None
    unpacking.unpack(taken, threading.Event())
    taken.refresh_from_db()
    return taken


def files_left() -> list[str]:
    """The pieces' files in the storage."""
    try:
        days, _ = default_storage.listdir("archives")
    except FileNotFoundError:
        return []
    return [name for day in days for name in default_storage.listdir(f"archives/{day}")[1]]


def refused(batch: Batch) -> dict[str, str]:
    return dict(batch.refused.values_list("name", "failure_code"))


Sent = Callable[[bytes], Archive]


def test_photos_of_a_zip_are_photos_of_its_batch(batch: Batch, sent: Sent, tiny: bytes) -> None:
    archive = sent(
        zipped({"a/one.jpg": tiny, "a/two.jpg": tiny, "three.jpg": tiny}, zipfile.ZIP_STORED)
    )
    assert (archive.state, archive.received) == ("unpacking", archive.bytes)
    assert ArchivePiece.objects.count() > 1
    done = unpack()
    assert done
    assert (done.state, done.entries, done.unpacked) == ("done", 3, 3)
    names = Photo.objects.filter(batch=batch).order_by("created_at").values_list("name", flat=True)
    assert list(names) == ["a/one.jpg", "a/two.jpg", "three.jpg"]
    assert Prediction.objects.filter(status="queued").count() == 3
    assert files_left() == []
    assert unpack() is None


def test_pieces_may_come_again_and_not_out_of_order(
    batch: Batch, owner: Owner, tiny: bytes
) -> None:
    data = zipped({f"{n}.jpg": tiny for n in range(9)}, zipfile.ZIP_STORED)
    archive = archives.announce(batch, owner, "photos.zip", len(data))
    with pytest.raises(archives.PieceMisplaced) as refusal:
        archives.receive(archive, PIECE, data[PIECE : 2 * PIECE])
    assert refusal.value.received == 0
    with pytest.raises(archives.PieceMisplaced):
        archives.receive(archive, 0, data[:100])  # too short for any but the last
    other_tab = Archive.objects.get(pk=archive.pk)
    assert archives.receive(archive, 0, data[:PIECE]) == PIECE
    assert archives.receive(other_tab, 0, data[:PIECE]) == PIECE
    assert (ArchivePiece.objects.count(), len(files_left())) == (1, 1)
    for offset in range(PIECE, len(data), PIECE):
        archive.refresh_from_db()
        archives.receive(archive, offset, data[offset : offset + PIECE])
    archive.refresh_from_db()
    assert archives.receive(archive, 0, data[:PIECE]) == len(data)
    done = unpack()
    assert done
    assert done.state == "done"
    assert Photo.objects.count() == 9


def test_what_is_no_photo_is_refused_in_words_and_what_systems_add_is_passed_over(
    batch: Batch, sent: Sent, tiny: bytes
) -> None:
    data = zipped(
        {
            "fine.jpg": tiny,
            "folder/": b"",
            "__MACOSX/._fine.jpg": b"x",
            ".DS_Store": b"x",
            "a/.hidden/x.jpg": tiny,
            "Thumbs.db": b"x",
            "text.txt": b"no photo",
            "inner.zip": zipped({"x.jpg": tiny}),
            "../up.jpg": tiny,
            "C:/up.jpg": tiny,
            "bomb.bmp": bytes(5_000_000),
        }
    )
    sent(data)
    done = unpack()
    assert done
    assert (done.state, done.entries) == ("done", 6)
    assert [photo.name for photo in Photo.objects.all()] == ["fine.jpg"]
    assert refused(batch) == {
        "text.txt": "photo_type_unsupported",
        "inner.zip": "archive_entry.nested",
        "../up.jpg": "archive_entry.path",
        "C:/up.jpg": "archive_entry.path",
        "bomb.bmp": "archive_entry.bomb",
    }


def test_a_file_that_is_longer_than_a_photo_is_refused(
    batch: Batch, sent: Sent, tiny: bytes, settings: Any
) -> None:
    settings.PHOTO_MAX_BYTES = len(tiny)
    sent(zipped({"long.jpg": tiny + b"x", "fine.jpg": tiny}))
    unpack()
    assert refused(batch) == {"long.jpg": "photo_too_large"}
    assert Photo.objects.count() == 1


def flagged(data: bytes, *, local: int, central: int, value: int) -> bytes:
    """A zip of one file, two bytes of whose headers are overwritten."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        start = changed.index(signature) + offset
        changed[start : start + 2] = value.to_bytes(2, "little")
    return bytes(changed)


def test_encrypted_odd_and_damaged_files_are_refused(batch: Batch, sent: Sent, tiny: bytes) -> None:
    one = zipped({"secret.jpg": tiny}, zipfile.ZIP_STORED)
    sent(flagged(one, local=6, central=8, value=1))
    unpack()
    two = zipped({"odd.jpg": tiny}, zipfile.ZIP_STORED)
    sent(flagged(two, local=8, central=10, value=99))
    unpack()
    three = bytearray(zipped({"torn.jpg": tiny}, zipfile.ZIP_STORED))
    three[200] ^= 0xFF
    sent(bytes(three))
    unpack()
    assert refused(batch) == {
        "secret.jpg": "archive_entry.encrypted",
        "odd.jpg": "archive_entry.method",
        "torn.jpg": "archive_entry.damaged",
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no zip at all, and long enough to be one", "archive_unusable.damaged"),
        (zipped({"a/": b""}), "archive_unusable.empty"),
        (zipped({f"{n}.jpg": b"" for n in range(4)}), "archive_unusable.too_many_photos"),
        (zipped({"a.jpg": bytes(1000)})[:-30], "archive_unusable.damaged"),
    ],
    ids=["no zip", "empty", "too many", "truncated"],
)
def test_a_zip_that_is_unusable_is_said_to_be(
    batch: Batch, sent: Sent, settings: Any, data: bytes, code: str
) -> None:
    settings.PHOTOS_PER_BATCH = 3
    sent(data)
    done = unpack()
    assert done
    assert (done.state, done.failure_code) == ("failed", code)
    assert archive_figures(done)["failure"]["message"].endswith(".")
    assert not Photo.objects.exists()
    assert files_left() == []


def test_a_list_of_files_without_end_is_not_read(sent: Sent, settings: Any) -> None:
    settings.ARCHIVE_PIECE_BYTES = 4_000_000
    data = zipped({f"{'x' * 200}{n}": b"" for n in range(40_000)})
    assert len(data) > 16_000_000
    sent(data)
    done = unpack()
    assert done
    assert done.failure_code == "archive_unusable.too_many_files"


def test_names_are_read_in_the_way_they_were_written() -> None:
    for raw, name in (("여름.jpg".encode("cp949"), "여름.jpg"), ("가을.jpg".encode(), "가을.jpg")):
        info = zipfile.ZipInfo(raw.decode("cp437"))
        assert name_of(info) == name


def test_a_worker_that_is_killed_takes_no_photo_twice(
    batch: Batch, sent: Sent, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(zipped({f"{n}.jpg": tiny for n in range(4)}))

    class Killed(BaseException):
        pass

    real = unpacking._write
    writes = []

    def dies(archive: Archive, **fields: Any) -> None:
        writes.append(fields)
        if fields.get("unpacked") == 2:  # the second photo is taken, and that is not written yet
            raise Killed
        real(archive, **fields)

    with monkeypatch.context() as patched:
        patched.setattr(unpacking, "_write", dies)
        with pytest.raises(Killed):
            unpack()
    assert Photo.objects.count() == 2
    assert unpack() is None  # its lease has not run out
    Archive.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    done = unpack()
    assert done
    assert (done.state, Photo.objects.count()) == ("done", 4)
    assert sorted(photo.name for photo in Photo.objects.all()) == [f"{n}.jpg" for n in range(4)]


def test_a_file_that_takes_its_worker_down_twice_is_left_out(
    batch: Batch, sent: Sent, tiny: bytes
) -> None:
    sent(zipped({"deadly.jpg": tiny, "fine.jpg": tiny}))
    Archive.objects.update(attempts=2, entries=2)
    done = unpack()
    assert done
    assert done.state == "done"
    assert refused(batch) == {"deadly.jpg": "archive_entry.interrupted"}
    assert Photo.objects.get().name == "fine.jpg"


def test_it_waits_for_the_quota_and_goes_on(
    batch: Batch, sent: Sent, tiny: bytes, settings: Any
) -> None:
    settings.PHOTOS_PER_HOUR = 2
    sent(zipped({f"{n}.jpg": tiny for n in range(3)}))
    waiting = unpack()
    assert waiting
    figures = archive_figures(waiting)
    assert (figures["state"], figures["unpacked"]) == ("waiting", 2)
    assert figures["failure"]["code"] == "archive_waits"
    assert figures["continues_at"] > timezone.now() + timedelta(minutes=50)
    assert unpack() is None
    settings.PHOTOS_PER_HOUR = 10
    Archive.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    done = unpack()
    assert done
    assert (done.state, done.failure_code, Photo.objects.count()) == ("done", "", 3)


def test_it_waits_for_a_storage_that_is_away(
    sent: Sent, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(zipped({"a.jpg": tiny}))

    def away(*_: Any) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_store", away)
        waiting = unpack()
    assert waiting
    assert archive_figures(waiting)["state"] == "waiting"
    Archive.objects.update(not_before=None)
    done = unpack()
    assert done
    assert done.state == "done"


def test_a_paused_batch_is_not_unpacked_and_a_cancelled_one_keeps_nothing(
    batch: Batch, sent: Sent, tiny: bytes
) -> None:
    sent(zipped({"a.jpg": tiny}))
    steering.pause(batch)
    assert unpack() is None
    steering.resume(batch)
    steering.cancel(batch)
    assert unpack() is None
    assert Archive.objects.get().state == "cancelled"
    assert (ArchivePiece.objects.count(), files_left()) == (0, [])


@contextmanager
def steered_after_a_file(steer: Callable[[Batch], None], batch: Batch) -> Iterator[None]:
    """Its owner steers the batch as soon as a file of a zip is through."""
    real = uploads.accept_photo

    def and_steers(*arguments: Any) -> Prediction:
        made = real(*arguments)
        steer(batch)
        return made

    with patch.object(unpacking, "accept_photo", and_steers):
        yield


def test_whoever_pauses_in_the_middle_finds_it_stopped(
    batch: Batch, sent: Sent, tiny: bytes
) -> None:
    sent(zipped({f"{n}.jpg": tiny for n in range(3)}))
    with steered_after_a_file(steering.pause, batch):
        stopped = unpack()
    assert stopped
    assert (Photo.objects.count(), stopped.claim) == (1, None)
    steering.resume(batch)
    done = unpack()
    assert done
    assert (done.state, Photo.objects.count()) == ("done", 3)


def test_what_of_a_cancelled_zip_was_not_taken_is_said(
    browser: Client, batch: Batch, sent: Sent, tiny: bytes
) -> None:
    sent(zipped({f"{n}.jpg": tiny for n in range(3)}))
    with steered_after_a_file(steering.cancel, batch):
        unpack()
    browser.post(f"/batches/{batch.pk}/retry/")
    page = browser.get(f"/batches/{batch.pk}/").content.decode()
    assert Photo.objects.count() == 1
    assert "was cancelled: 2 of its 3 files were not taken" in page


def test_what_is_deleted_or_left_alone_leaves_no_files(
    batch: Batch, owner: Owner, sent: Sent, tiny: bytes, media_root: Path
) -> None:
    sent(zipped({"a.jpg": tiny}))
    deletion.delete(batch)
    assert files_left() == []
    other = steering.create(owner, "other")
    left = archives.announce(other, owner, "half.zip", 3 * PIECE)
    archives.receive(left, 0, bytes(PIECE))
    default_storage.save("archives/2026-01-01/orphan", io.BytesIO(b"x"))
    archives.forget(timezone.now() + timedelta(minutes=30))
    assert len(files_left()) == 2
    archives.forget(timezone.now() + timedelta(days=2))
    assert files_left() == []
    left.refresh_from_db()
    assert left.state == "cancelled"
    with pytest.raises(archives.ArchiveClosed):
        archives.receive(left, PIECE, bytes(PIECE))


def test_a_piece_behind_the_end_is_told_where_the_end_is(
    sent: Callable[[bytes], Archive], tiny: bytes
) -> None:
    whole = sent(zipped({"a.jpg": tiny}))
    with pytest.raises(archives.PieceMisplaced) as refused:
        archives.receive(whole, whole.bytes, b"more")
    assert refused.value.received == whole.bytes


def test_zips_have_limits(batch: Batch, owner: Owner, settings: Any) -> None:
    settings.ARCHIVE_MAX_BYTES = 100
    with pytest.raises(archives.ArchiveTooLarge):
        archives.announce(batch, owner, "a.zip", 101)
    for _ in range(2):
        archives.announce(batch, owner, "a.zip", 100)
    with pytest.raises(archives.ArchiveRefused, match="on their way"):
        archives.announce(batch, owner, "a.zip", 1)
    settings.ARCHIVE_MAX_BYTES, settings.MEDIA_BYTES = 1000, 300
    with pytest.raises(uploads.PhotosFull):
        archives.announce(batch, owner, "a.zip", 101)


def test_a_browser_sends_a_zip(browser: Client, batch: Batch, tiny: bytes) -> None:
    data = zipped({f"{n}.jpg": tiny for n in range(5)}, zipfile.ZIP_STORED)
    address = f"/batches/{batch.pk}/archives/"
    assert browser.post(address, {"name": "a.zip", "bytes": "many"}).status_code == 400
    answer = browser.post(address, {"name": "a.zip", "bytes": len(data)})
    assert (answer.status_code, answer.json()["received"]) == (201, 0)
    made = answer.json()
    address += f"{made['id']}/"

    def put(offset: int) -> Any:
        piece = data[offset : offset + made["piece_bytes"]]
        where = f"{address}?offset={offset}"
        return browser.put(where, piece, content_type="application/octet-stream")

    wrong = put(PIECE)
    assert (wrong.status_code, wrong.json()["received"]) == (409, 0)
    for offset in range(0, len(data), PIECE):
        assert put(offset).json() == {"received": min(offset + PIECE, len(data))}
    assert browser.get(address).json()["state"] == "unpacking"
    unpack()
    [told] = browser.get(f"/batches/{batch.pk}/progress.json").json()["archives"]
    assert (told["state"], told["entries"], told["unpacked"]) == ("done", 5, 5)


def test_a_program_sends_a_zip(api: Any, batch: Batch, tiny: bytes) -> None:
    data = zipped({f"{n}.jpg": tiny for n in range(5)}, zipfile.ZIP_STORED)
    answer = api.post(f"/api/v1/batches/{batch.pk}/archives/", {"bytes": len(data)})
    assert answer.status_code == 201
    address = answer["Location"]
    for offset in range(0, len(data), PIECE):
        piece = data[offset : offset + PIECE]
        told = api.put(f"{address}?offset={offset}", piece, content_type="application/octet-stream")
        assert told.status_code == 200
    assert told.json()["state"] == "unpacking"
    assert api.put(address, b"x", content_type="application/octet-stream").status_code == 400
    unpack()
    assert api.get(address).json()["unpacked"] == 5
    figures = api.get(f"/api/v1/batches/{batch.pk}/").json()
    assert [one["state"] for one in figures["archives"]] == ["done"]
