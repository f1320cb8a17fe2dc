"""Generated files: whatever is sent as a photo is taken or refused in words, soon, and a file that
is refused leaves nothing.

A short profile; `FACEROUTE_EXAMPLES=700` tries more.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import event, given
from hypothesis import strategies as st
from PIL import Image
from rest_framework.test import APIClient

from predictions.models import Photo
from tests.generated import answered_in_time, thorough
from tests.vision.pictures import encoded, quarters
from vision.photos.formats import FORMATS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_quota(settings: Any) -> None:
    settings.PHOTOS_PER_HOUR = 1_000_000


MODES = ["RGB", "L", "RGBA", "P", "1", "CMYK", "I;16", "LA"]
EXTENSIONS = ["jpg", "png", "heic", "gif", "exe", "svg", "html", "zip", "", "jpg.php", "얼굴"]
TYPES = ["image/jpeg", "image/svg+xml", "text/html", "application/x-php", "", "x", "image/*"]
# What other programs would see in a file that is a photo, too.
STRANGE = [
    b"<script>alert(1)</script>",
    b"<?php system('id'); ?>",
    b"%PDF-1.7\n",
    b"MZ" + bytes(64),
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n",
    b"\0" * 1000,
]


def archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("../../a.jpg", encoded(quarters(), "JPEG"))
    return data.getvalue()


@st.composite
def photos(draw: Any) -> bytes:
    """A photo of any format, mode and small size."""
    size = draw(st.sampled_from([(1, 1), (3, 2), (60, 40), (200, 7), (7, 300)]))
    picture = quarters(*size) if min(size) > 1 else Image.new("RGB", size)
    mode, kind = draw(st.sampled_from(MODES)), draw(st.sampled_from([*FORMATS]))
    try:
        return encoded(picture.convert(mode), kind)
    except (OSError, ValueError, KeyError):  # a format does not have every mode
        return encoded(picture, kind)


@st.composite
def files(draw: Any) -> bytes:
    """A photo as it is, damaged, cut short, or joined to something else; or no photo at all."""
    data = bytearray(draw(photos()))
    for _ in range(draw(st.sampled_from([0, 0, 1, 4, 16]))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    whole = bytes(data)
    at = draw(st.integers(0, len(whole)))
    other = draw(st.one_of(photos(), st.sampled_from([*STRANGE, archive()]), st.binary()))
    shapes = [
        *(whole, whole[:at], whole[at:], whole + other, other + whole, other),
        whole[:at] + other + whole[at:],
        whole[:at] + whole[at + len(other) :],
    ]
    chosen: bytes = draw(st.sampled_from(shapes))
    return chosen


@st.composite
def uploads(draw: Any) -> SimpleUploadedFile:
    """A file under a name and a type that may lie."""
    stem = draw(
        st.one_of(st.text(max_size=20), st.sampled_from(["a", "../../a", "C:\\a", "." * 300]))
    )
    name = f"{stem}.{draw(st.sampled_from(EXTENSIONS))}"
    kind = draw(st.sampled_from(TYPES))
    # Django refuses to make what is named so, as a browser never would.
    safe = Path(name.replace("\0", "")).name
    return SimpleUploadedFile(safe or "a", draw(files()), content_type=kind)


@thorough()
@given(uploads())
def test_any_file_that_a_program_sends_is_taken_or_refused_in_words(
    api: APIClient, media_root: Path, upload: SimpleUploadedFile
) -> None:
    with answered_in_time():
        answer = api.post("/api/v1/predictions/", {"photo": upload}, format="multipart")
    event(str(answer.status_code))
    document = answer.json()
    if answer.status_code == 202:
        assert document["status"] == "queued"
        assert Image.open(Photo.objects.get().image).format == "JPEG"
        assert api.delete(f"/api/v1/predictions/{document['id']}/").status_code == 204
    else:
        assert answer.status_code in {400, 413, 415}
        assert document["code"]
        assert document["message"]
    assert not Photo.objects.exists()
    assert not [path for path in media_root.rglob("*") if path.is_file()]


@thorough()
@given(st.lists(uploads(), min_size=1, max_size=3))
def test_any_files_of_a_form_are_taken_or_refused_in_words(
    client: Client, media_root: Path, sent: list[SimpleUploadedFile]
) -> None:
    client.raise_request_exception = False
    with answered_in_time():
        answer = client.post("/", {"photos": sent}, follow=True)
    assert answer.status_code in {200, 400, 413, 415, 422}
    for photo in Photo.objects.all():
        assert Image.open(photo.image).format == "JPEG"
