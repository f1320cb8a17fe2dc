"""Fills a batch of an account with photos that are done, each with its file; prints the batch's id.

    FACEROUTE_DATA_DIR=… .venv/bin/python tools/fill_batch.py ann --photos 1000 --kind medium

The photos are one and the same, of `vision.benchmark.photos`, with two faces each.
"""

import argparse
import os
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.utils import timezone  # noqa: E402

from predictions.access import Owner  # noqa: E402
from predictions.batches.models import Batch  # noqa: E402
from predictions.batches.steering import create  # noqa: E402
from predictions.models import Face, Photo, Prediction, Status  # noqa: E402
from tools.photos import KINDS, public_portrait  # noqa: E402
from vision.benchmark.photos import LARGE, MEDIUM, PORTRAIT_SIDE, made_of  # noqa: E402

_SIZES = {"medium": MEDIUM, "large": LARGE, "portrait": (PORTRAIT_SIDE, PORTRAIT_SIDE)}
_ESTIMATES = {
    "age": {"years": 34.2, "low": 27, "high": 42, "coverage": 0.8, "distribution": []},
    "gender": {"label": "female", "probability": 0.97, "probabilities": {"female": 0.97}},
    "race": {"label": "asian", "probability": 0.91, "probabilities": {"asian": 0.91}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("user")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--kind", choices=[kind for kind in KINDS if kind in _SIZES])
    parser.set_defaults(kind="medium")
    options = parser.parse_args()
    owner = Owner(user_id=User.objects.get(username=options.user).pk)
    batch = create(owner, "Measured")
    data = made_of(public_portrait())[options.kind]
    for number in range(options.photos):
        _add(batch, data, _SIZES[options.kind], number)
    print(batch.pk)  # noqa: T201


def _add(batch: Batch, data: bytes, size: tuple[int, int], number: int) -> None:
    width, height = size
    photo = Photo(
        owner_id=batch.owner_id,
        batch=batch,
        width=width,
        height=height,
        name=f"IMG_{number:04}.jpg",
        expires_at=timezone.now() + timedelta(days=1),
    )
    photo.image.save(f"{photo.pk}.jpg", ContentFile(data), save=False)
    photo.save(force_insert=True)
    made = Prediction.objects.create(
        photo=photo, owner_id=batch.owner_id, status=Status.DONE, face_count=2
    )
    side = height // 5
    Face.objects.bulk_create(
        Face(
            prediction=made,
            index=index,
            **{"x": width * (1 + index) // 3, "y": height // 4, "width": side, "height": side},
            detection_confidence=0.99,
            landmarks=[],
            estimates=_ESTIMATES,
        )
        for index in range(2)
    )


if __name__ == "__main__":
    main()
