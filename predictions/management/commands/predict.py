"""`predict PHOTO…`: faces and estimates of photos on disk, with nothing else running."""

import json
import os
import sys
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from predictions.api.serializers import FaceSerializer
from predictions.claims import face_row
from predictions.messages import explained, in_words
from predictions.models import Status
from training.registry.loading import load_engine, resolve_bundle
from vision.attributes import labelled
from vision.errors import BundleError, PhotoError, PhotoUnreadable
from vision.photos.decoding import read_photo
from vision.types import PhotoResult

_BATCH = 8


class Command(BaseCommand):
    help = "Find the faces in photos and estimate their age, gender and race. Nothing is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
        parser.add_argument("--model", help="A version's name or a bundle's folder.")
        parser.add_argument(
            "--json", action="store_true", help="Print one JSON list, an entry a photo."
        )

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from vision.detection import load_detector
        from vision.inference.pipeline import Pipeline

        try:
            engine = load_engine(resolve_bundle(options["model"]), settings.HEADS)
        except BundleError as error:
            raise CommandError(str(error)) from error
        pipeline, paths = Pipeline(load_detector(), engine), options["photos"]
        entries: list[dict[str, Any]] = []
        for start in range(0, len(paths), _BATCH):
            self._progress(start, len(paths))
            entries += _predict(pipeline, paths[start : start + _BATCH], engine.manifest["name"])
        self._progress(len(paths), len(paths))
        if options["json"]:
            self.stdout.write(json.dumps(entries, ensure_ascii=False))
        else:
            for path, entry in zip(paths, entries, strict=True):
                self._print(path, entry)
        if any(entry["failure"] for entry in entries):
            sys.exit(1)

    def _progress(self, done: int, total: int) -> None:
        if total > _BATCH and sys.stderr.isatty():
            end = "\n" if done == total else ""
            self.stderr.write(f"\r{done} of {total} photos", ending=end)

    def _print(self, path: Path, entry: dict[str, Any]) -> None:
        if entry["failure"]:
            self.stdout.write(f"{path}: {entry['failure']['message']}")
            return
        count = len(entry["faces"])
        self.stdout.write(f"{path}: {count or 'no'} face{'' if count == 1 else 's'}")
        for warning in entry["warnings"]:
            self.stdout.write(f"  {warning['message']}")
        for face in entry["faces"]:
            self.stdout.write(f"  {face['index'] + 1}. {_in_words(face)}")
            for warning in face["quality"]["warnings"]:
                self.stdout.write(f"     {warning['message']}")


def _in_words(face: dict[str, Any]) -> str:
    parts = []
    if age := face["age"]:
        span = f" ({age['low']}-{age['high']})" if age["low"] is not None else ""
        parts.append(f"about {age['years']:.0f} years{span}")
    parts += [
        f"{said['label']} {said['probability']:.0%}"
        for one in labelled()
        if (said := {**face, **face.get("attributes", {})}.get(one.name))
    ]
    box = face["box"]
    parts.append(f"at {box['x']},{box['y']}, {box['width']}x{box['height']} px")
    return ", ".join(parts)


def _predict(pipeline: Any, paths: list[Path], version: str) -> list[dict[str, Any]]:
    """One entry a photo, shaped like the REST API's predictions."""
    started = time.monotonic()
    photos = [_read(path) for path in paths]
    results = iter(pipeline.run([photo.jpeg for photo in photos if isinstance(photo, _Photo)]))
    outcomes = [next(results) if isinstance(photo, _Photo) else photo for photo in photos]
    took_ms = round((time.monotonic() - started) * 1000 / len(paths))
    return [
        _entry(outcome, version, took_ms, getattr(photo, "warnings", ()))
        for outcome, photo in zip(outcomes, photos, strict=True)
    ]


class _Photo(NamedTuple):
    jpeg: bytes
    warnings: tuple[str, ...]


def _read(path: Path) -> _Photo | PhotoError:
    """The photo as an upload would keep it, so that both give the same estimates."""
    try:
        read = read_photo(
            path.read_bytes(),
            max_bytes=settings.PHOTO_MAX_BYTES,
            max_pixels=settings.PHOTO_MAX_PIXELS,
        )
    except OSError:
        return PhotoUnreadable("file")
    except PhotoError as error:
        return error
    return _Photo(read.as_jpeg(), read.warnings)


def _entry(
    outcome: PhotoResult | PhotoError, version: str, took_ms: int, warnings: Iterable[str]
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "status": Status.DONE,
        "failure": None,
        "model_version": version,
        "created_at": timezone.now().isoformat(),
        "took_ms": took_ms,
        "photo": None,
        "warnings": explained(warnings),
        "faces": [],
    }
    if isinstance(outcome, PhotoError):
        entry["status"] = Status.FAILED
        entry["failure"] = {"code": outcome.code, "message": in_words(outcome.message)}
    else:
        entry["photo"] = {"width": outcome.width, "height": outcome.height, "url": None}
        faces = [face_row(face, index) for index, face in enumerate(outcome.faces)]
        entry["faces"] = FaceSerializer(faces, many=True).data
    return entry
