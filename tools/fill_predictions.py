"""Fills an empty database with predictions of many senders, as a site has them after a busy month.

    FACEROUTE_DATA_DIR=… DATABASE_URL=… .venv/bin/python tools/fill_predictions.py --rows 1000000

Half of them are one account's ("many"), a fifth those of accounts with ten each, the others
those of browsers without an account. Every second photo of the one is in a batch of a hundred.
Beside them stand an administrator ("boss"), faces,
corrections, sessions, keys, log-ins and the images of a dataset. Photos have no files. What is
rare is equally rare however many rows there are: 30 photos of the first version, with twelve
faces, or of somebody very old. `--rows` decides everything, random numbers have one seed.
"""

import argparse
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

import django

django.setup()

from axes.models import AccessLog  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from knox.models import AuthToken  # noqa: E402

from predictions.batches.models import Batch  # noqa: E402
from predictions.daily_sums import count_anew, count_on  # noqa: E402
from predictions.models import Correction, Face, Photo, Prediction, Status  # noqa: E402
from training.models import Content, Dataset, ModelVersion, Sample  # noqa: E402
from vision.attributes import AGE_BINS, ATTRIBUTES  # noqa: E402

MANY, BOSS = "many", "boss"
RARE = 30  # rows of each rare kind, enough for a page
_PHOTOS_OF_A_FEW, _PHOTOS_OF_A_BROWSER = 10, 3
_PHOTOS_OF_A_BATCH = 100
_LIFETIME = timedelta(days=30)
# A little longer than photos live, so that some are to be deleted.
_SPAN = 1.005 * _LIFETIME
_CHUNK = 5000
_random = random.Random(20)  # noqa: S311  # nothing secret
_now = datetime.now(UTC)

Rows = Iterable[tuple[Any, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    started = time.perf_counter()
    call_command("migrate", verbosity=0)
    if Prediction.objects.exists():
        sys.exit("This database has predictions already. Please name an empty one.")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA cache_size=-1000000")
    accounts = fill_accounts(rows // 5 // _PHOTOS_OF_A_FEW)
    predictions = fill_predictions(rows, accounts)
    fill_faces(predictions)
    fill_corrections(predictions)
    fill_the_rest(rows // 10)
    while count_on():
        pass
    count_anew(_now.date())  # what upkeep has left to do
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    print(f"{connection.vendor}: {rows} rows in {time.perf_counter() - started:.0f} s")  # noqa: T201


def fill_accounts(number: int) -> list[int]:
    """The keys of the account with many photos, and of those with few."""
    User.objects.create_superuser(BOSS)
    many = User.objects.create_user(MANY)
    User.objects.bulk_create((User(username=f"user{n}") for n in range(number)), _CHUNK)
    few = User.objects.filter(username__startswith="user").values_list("pk", flat=True)
    return [many.pk, *few]


def fill_predictions(rows: int, accounts: list[int]) -> list["Sent"]:
    """Photos and their predictions; those that are done."""
    versions = [
        ModelVersion.objects.create(
            name=name, bundle=name, manifest={"files": {}}, is_active=name == "v5"
        )
        for name in ("rare", "v1", "v2", "v3", "v4", "v5")
    ]
    sent, done = _sent(rows, accounts, [version.pk for version in versions]), []
    while chunk := list(islice(sent, _CHUNK)):
        _write(
            Batch,
            ("id", "owner_id", "created_at", "expires_at", "name"),
            (one.batch_row() for one in chunk if one.begins_batch),
            {"state": "open"},
        )
        _write(
            Photo,
            ("id", "owner_id", "visitor", "created_at", "expires_at", "name", "batch_id"),
            (one.photo_row() for one in chunk),
            {"image": "", "thumbnail": "", "width": 1200, "height": 800, "warnings": "[]"},
        )
        _write(
            Prediction,
            (
                *("id", "photo_id", "owner_id", "visitor", "status", "created_at", "turn"),
                *("model_version_id", "finished_at", "took_ms", "face_count", "failure_code"),
            ),
            (one.prediction_row() for one in chunk),
            {"attempts": 0, "failure_parameters": "{}"},
        )
        done += [one for one in chunk if one.status == Status.DONE]
    return done


class Sent(NamedTuple):
    """A photo that somebody sent, and its prediction."""

    number: int
    owner: tuple[int | None, uuid.UUID | None]
    photo: uuid.UUID
    key: uuid.UUID
    created: datetime
    status: Status
    version: int
    faces: int
    is_of_the_very_old: bool
    batch: uuid.UUID | None
    begins_batch: bool

    def batch_row(self) -> tuple[Any, ...]:
        # A little later than its photos, which come to it later, too.
        expires = self.created + 1.05 * _LIFETIME
        return (self.batch, self.owner[0], self.created, expires, f"Batch {self.number}")

    def photo_row(self) -> tuple[Any, ...]:
        expires = self.created + _LIFETIME
        name = f"{self.number}.jpg"
        return (self.photo, *self.owner, self.created, expires, name, self.batch)

    def prediction_row(self) -> tuple[Any, ...]:
        first = (self.key, self.photo, *self.owner, self.status, self.created)
        if self.status == Status.QUEUED:
            return (*first, self.number, None, None, None, None, "")
        if self.status == Status.FAILED:
            return (*first, 0, self.version, self.created, 80, None, "internal_error")
        return (*first, 0, self.version, self.created, 80, self.faces, "")


def _sent(rows: int, accounts: list[int], versions: list[int]) -> Iterator[Sent]:
    """What was sent, the oldest first. The first of the versions is the rare one."""
    owners = _owners(rows, accounts)
    of_many = [n for n, (account, _) in enumerate(owners) if account == accounts[0]]
    chosen = _random.sample(of_many, 3 * RARE)
    rare = {n: kind % 3 for kind, n in enumerate(chosen)}
    place = {n: index // 2 for index, n in enumerate(of_many) if index % 2}
    batches = [_uuid() for _ in range(len(place) // _PHOTOS_OF_A_BATCH + 1)]
    for n, owner in enumerate(owners):
        kind = rare.get(n)
        faces = 12 if kind == 1 else 1 if kind == 2 else _number_of_faces()
        yield Sent(
            number=n,
            owner=owner,
            photo=_uuid(),
            key=_uuid(),
            created=_now - _SPAN * (1 - n / rows),
            status=_status() if kind is None else Status.DONE,
            version=versions[0 if kind == 0 else 1 + n * 5 // rows],
            faces=faces,
            is_of_the_very_old=kind == 2,
            batch=batches[place[n] // _PHOTOS_OF_A_BATCH] if n in place else None,
            begins_batch=n in place and place[n] % _PHOTOS_OF_A_BATCH == 0,
        )


def fill_faces(done: Iterable[Sent]) -> None:
    documents = [json.dumps(_estimates(_random.triangular(1, 90, 28))) for _ in range(2000)]
    very_old = json.dumps(_estimates(112.0))
    landmarks = json.dumps([[352.1, 190.4]] * 5)
    quality = {"size": 182, "sharpness": 0.7, "exposure": 0.6, "overexposed": 0.0}
    quality |= {"turn": 12, "cut": False, "reliable": True, "warnings": []}  # type: ignore[dict-item]
    _write(
        Face,
        ("prediction_id", "index", "estimates"),
        (
            (one.key, index, very_old if one.is_of_the_very_old else _random.choice(documents))
            for one in done
            for index in range(one.faces)
        ),
        {"x": 300, "y": 120, "width": 180, "height": 210, "detection_confidence": 0.998}
        | {"landmarks": landmarks, "quality": json.dumps(quality)},
    )


def fill_corrections(done: list[Sent]) -> None:
    """For one photo of fifty, of which one in ten is still to be reviewed."""
    chosen = {one.key for one in done[::50] if one.faces}
    first = Face.objects.filter(index=0).values_list("pk", "prediction_id")
    faces = (face for face, prediction in first.iterator() if prediction in chosen)
    labels = json.dumps({"age": 31, "gender": 1, "race": 0})
    _write(
        Correction,
        ("face_id", "review", "consented_at"),
        (
            (face, "accepted" if n % 10 else "pending", _now - timedelta(minutes=n))
            for n, face in enumerate(list(faces))
        ),
        {"labels": labels, "digest": ""},
    )


def fill_the_rest(number: int) -> None:
    """Sessions, keys, log-ins, and the images of a dataset."""
    hexes = [f"{_random.getrandbits(256):064x}" for _ in range(number)]
    later = _now + _LIFETIME
    _write(Session, ("session_key", "expire_date"), ((one[:40], later) for one in hexes), {
        "session_data": "e30:nothing"
    })  # fmt: skip
    users = User.objects.filter(username__startswith="user").values_list("pk", flat=True)
    keys = zip(users, hexes, strict=False)
    _write(AuthToken, ("user_id", "digest", "token_key", "created", "expiry"), (
        (user, 2 * one, one[:15], _now, later) for user, one in keys
    ), {})  # fmt: skip
    _write(
        AccessLog,
        ("attempt_time", "username"),
        ((_now - timedelta(minutes=n), f"user{n}") for n in range(number)),
        {"user_agent": "Mozilla/5.0", "ip_address": "203.0.113.7", "http_accept": "*/*"}
        | {"path_info": "/accounts/login/", "session_hash": ""},
    )
    dataset = Dataset.objects.create(name="faces")
    _write(
        Content,
        ("digest", "perceptual_hash", "group"),
        ((one, one[:16], n) for n, one in enumerate(hexes)),
        {"split": "train", "compared": True, "is_correction": False},
    )
    _write(
        Sample,
        ("name", "digest", "age", "gender", "race", "reason", "found"),
        (
            (f"{n % 90}_{n % 2}_{n % 5}_{n}.jpg", one, n % 90, n % 2, n % 5)
            + 2 * ("near_duplicate" if n % 50 == 7 else "",)
            for n, one in enumerate(hexes)
        ),
        {"dataset_id": dataset.pk, "override": "", "group": 0, "bucket": 0, "sender": ""}
        | {"perceptual_hash": "", "to_check": False, "further_labels": "{}"},
    )


def _owners(rows: int, accounts: list[int]) -> list[tuple[int | None, uuid.UUID | None]]:
    """Who sent each photo, in no order: its account, or its browser."""
    owners: list[tuple[int | None, uuid.UUID | None]] = [(accounts[0], None)] * (rows // 2)
    owners += [(account, None) for account in accounts[1:] for _ in range(_PHOTOS_OF_A_FEW)]
    while len(owners) < rows:
        owners += [(None, _uuid())] * min(_PHOTOS_OF_A_BROWSER, rows - len(owners))
    _random.shuffle(owners)
    return owners


def _status() -> Status:
    drawn = _random.random()
    return Status.FAILED if drawn < 0.06 else Status.QUEUED if drawn < 0.065 else Status.DONE


def _number_of_faces() -> int:
    return _random.choices([0, 1, 2, 3, 5], [5, 75, 12, 5, 3])[0]


def _estimates(years: float) -> dict[str, Any]:
    """The estimates of a face, in the form of `vision.types`."""
    decades = [[label, round(_random.random() / 5, 4)] for label in AGE_BINS]
    age = {"years": round(years, 1), "low": int(years) - 6, "high": int(years) + 7}
    estimates: dict[str, Any] = {"age": {**age, "coverage": 0.8, "distribution": decades}}
    for name in ("gender", "race"):
        labels = ATTRIBUTES[name].labels
        label = labels[0] if _random.random() < 0.5 else _random.choice(labels)
        shares = {one: 0.97 if one == label else 0.01 for one in labels}
        estimates[name] = {"label": label, "probability": 0.97, "probabilities": shares}
    return estimates


def _uuid() -> uuid.UUID:
    return uuid.UUID(int=_random.getrandbits(128), version=4)


def _write(
    model: type[models.Model], names: tuple[str, ...], rows: Rows, same: dict[str, Any]
) -> None:
    """Rows of some columns into a table; `same`: columns that are alike in all of them."""
    columns = [str(getattr(model._meta.get_field(name), "column", "")) for name in (*names, *same)]
    quoted = ", ".join(connection.ops.quote_name(column) for column in columns)
    into = f"{connection.ops.quote_name(model._meta.db_table)} ({quoted})"
    whole = (row + tuple(same.values()) for row in rows)
    write = _copy if connection.vendor == "postgresql" else _insert
    with transaction.atomic():
        write(into, len(columns), whole)


def _copy(into: str, _columns: int, rows: Rows) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(into: str, columns: int, rows: Rows) -> None:
    values = ", ".join("?" * columns)
    adapted = (tuple(_for_sqlite(value) for value in row) for row in rows)
    with connection.cursor() as cursor:
        while chunk := list(islice(adapted, _CHUNK)):
            cursor.connection.executemany(f"INSERT INTO {into} VALUES ({values})", chunk)  # noqa: S608


def _for_sqlite(value: Any) -> Any:
    """A value as Django keeps it there."""
    adapt: Callable[[Any], Any] | None = _ADAPTERS.get(type(value))
    return adapt(value) if adapt else value


def _naive(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))


_ADAPTERS: dict[type, Callable[[Any], Any]] = {
    uuid.UUID: lambda value: value.hex,
    datetime: _naive,
    Status: str,
}


if __name__ == "__main__":
    main()
