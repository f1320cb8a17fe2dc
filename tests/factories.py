"""Rows for tests, as the application itself would write them (no files unless asked for)."""

import hashlib
import uuid
from datetime import timedelta

import factory
from django.contrib.auth.models import User
from django.utils import timezone

from predictions.models import Face, Photo, Prediction, Status
from training.datasets.contents import keep
from training.models import Dataset, ModelVersion, Sample


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")


class ModelVersionFactory(factory.django.DjangoModelFactory[ModelVersion]):
    class Meta:
        model = ModelVersion

    name = factory.Sequence(lambda n: f"made-{n}")
    bundle = factory.SelfAttribute("name")
    manifest = factory.LazyFunction(lambda: {"metrics": {"age_mae": 5.0}})


class DatasetFactory(factory.django.DjangoModelFactory[Dataset]):
    class Meta:
        model = Dataset

    name = factory.Sequence(lambda n: f"dataset {n}")


class SampleFactory(factory.django.DjangoModelFactory[Sample]):
    """A readable, labelled image unlike every other one; its file is not written."""

    class Meta:
        model = Sample
        skip_postgeneration_save = True

    dataset = factory.SubFactory(DatasetFactory)
    name = factory.Sequence(lambda n: f"30_0_0_{n}.jpg")
    digest = factory.Sequence(lambda n: hashlib.sha256(str(n).encode()).hexdigest())
    age, gender, race = 30, 0, 0
    group = factory.Sequence(lambda n: n)
    bucket = factory.Sequence(lambda n: n % 20)
    width = height = 200
    brightness, sharpness = 120.0, 500.0
    # Random bits lie far apart, unlike those of consecutive numbers.
    perceptual_hash = factory.LazyAttribute(lambda sample: sample.digest[:16])

    @factory.post_generation  # type: ignore[untyped-decorator]
    def content(self: Sample, _create: bool, _extracted: None) -> None:
        """Its content, as an import keeps it."""
        keep([self])


class PhotoFactory(factory.django.DjangoModelFactory[Photo]):
    class Meta:
        model = Photo

    id = factory.LazyFunction(uuid.uuid4)
    owner = factory.SubFactory(UserFactory)
    width = 640
    height = 480
    name = "portrait.jpg"
    image = factory.LazyAttribute(lambda photo: f"photos/{photo.id}.jpg")
    thumbnail = factory.LazyAttribute(lambda photo: f"thumbnails/{photo.id}.jpg")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=30))


class PredictionFactory(factory.django.DjangoModelFactory[Prediction]):
    class Meta:
        model = Prediction

    photo = factory.SubFactory(PhotoFactory)
    owner = factory.SelfAttribute("photo.owner")
    visitor = factory.SelfAttribute("photo.visitor")


class FinishedPredictionFactory(PredictionFactory):
    status = Status.DONE
    model_version = factory.SubFactory(ModelVersionFactory)
    finished_at = factory.LazyFunction(timezone.now)
    took_ms = 87


class FaceFactory(factory.django.DjangoModelFactory[Face]):
    class Meta:
        model = Face

    class Params:
        age = factory.LazyFunction(
            lambda: {
                "years": 34.2,
                "low": 27,
                "high": 42,
                "coverage": 0.8,
                "distribution": [["20-29", 0.2], ["30-39", 0.6], ["40-49", 0.2]],
            }
        )
        gender = factory.LazyFunction(
            lambda: {
                "label": "female",
                "probability": 0.97,
                "probabilities": {"male": 0.03, "female": 0.97},
            }
        )
        race = factory.LazyFunction(
            lambda: {
                "label": "asian",
                "probability": 0.91,
                "probabilities": {
                    "white": 0.05,
                    "black": 0.01,
                    "asian": 0.91,
                    "indian": 0.02,
                    "others": 0.01,
                },
            }
        )

    prediction = factory.SubFactory(FinishedPredictionFactory)
    index = 0
    x = 100
    y = 80
    width = 180
    height = 210
    detection_confidence = 0.998
    landmarks = factory.LazyFunction(
        lambda: [[150.0, 150.0], [230.0, 150.0], [190.0, 190.0], [155.0, 240.0], [225.0, 240.0]]
    )
    quality = factory.LazyFunction(
        lambda: {
            "size": 182,
            "sharpness": 0.7,
            "exposure": 0.6,
            "overexposed": 0.0,
            "turn": 12,
            "cut": False,
            "reliable": True,
            "warnings": [],
        }
    )
    estimates = factory.LazyAttribute(
        lambda face: {"age": face.age, "gender": face.gender, "race": face.race}
    )
