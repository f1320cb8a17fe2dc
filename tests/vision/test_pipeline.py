"""The whole way: bytes of photos in, faces with estimates out."""

import io

import numpy as np
from PIL import Image

from vision.errors import PhotoUnreadable
from vision.inference.pipeline import Pipeline
from vision.photos.decoding import encode_jpeg
from vision.types import PhotoResult


def only(result: object) -> PhotoResult:
    assert isinstance(result, PhotoResult)
    return result


def test_photos_keep_their_order_and_a_broken_one_its_place(
    pipeline: Pipeline, photo_bytes: bytes, faceless_bytes: bytes
) -> None:
    results = pipeline.run([faceless_bytes, b"broken", photo_bytes, photo_bytes[:3000]])
    assert only(results[0]).faces == ()
    assert isinstance(results[1], Exception)
    assert len(only(results[2]).faces) == 1
    assert isinstance(results[3], PhotoUnreadable)


def test_the_portrait_is_a_woman_of_about_thirty(pipeline: Pipeline, photo_bytes: bytes) -> None:
    result = only(pipeline.run([photo_bytes])[0])
    assert (result.width, result.height) == (512, 512)
    [face] = result.faces
    assert face.attributes.age is not None
    assert 25 <= face.attributes.age.years <= 42
    assert face.attributes.classes["gender"].label == "female"
    age = face.attributes.estimates()["age"]
    assert age is not None
    assert age["low"] <= age["years"] <= age["high"]
    assert abs(sum(share for _, share in age["distribution"]) - 1) < 0.01


def test_boxes_are_in_pixels_of_the_full_size_photo(pipeline: Pipeline, photo_bytes: bytes) -> None:
    large = Image.open(io.BytesIO(photo_bytes)).resize((5120, 5120))
    [face] = only(pipeline.run([encode_jpeg(large)])[0]).faces
    box = face.detection.box
    assert np.allclose((box.x, box.y, box.width, box.height), (1810, 625, 860, 1095), atol=120)
    assert face.detection.landmarks[0][0] > 1800


def test_no_photo_is_no_trouble(pipeline: Pipeline) -> None:
    assert pipeline.run([]) == []
