"""Photos sent over HTTP by several clients at once, and how long each waited for a worker."""

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from predictions.models import Prediction, Status

_GLANCE = 0.02  # seconds between two looks at the table


@dataclass
class Arrivals:
    """For each prediction the time (monotonic, s) of its answer and of its claim, and how long
    its upload took."""

    sent: dict[str, float] = field(default_factory=dict)
    claimed: dict[str, float] = field(default_factory=dict)
    uploads: list[float] = field(default_factory=list)

    @property
    def waits(self) -> list[float]:
        """Seconds from the answer to the claim, of those that were claimed."""
        return [max(0.0, self.claimed[one] - at) for one, at in self.sent.items()]

    def are_claimed(self) -> bool:
        return self.sent.keys() <= self.claimed.keys()


def send(arrivals: Arrivals, url: str, key: str, photo: bytes) -> None:
    """Send one photo by REST."""
    started = time.monotonic()
    prediction = post_photo(url, key, photo)["id"]
    arrivals.sent[prediction] = time.monotonic()
    arrivals.uploads.append(time.monotonic() - started)


def post_photo(url: str, key: str, photo: bytes, *, wait: int = 0, patience: float = 60) -> Any:
    """The prediction that REST answers with, to a sender who would wait `wait` seconds for it.

    Raises URLError where none comes in `patience` seconds more.
    """
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/v1/predictions/",
        data=head.encode() + photo + f"\r\n--{boundary}--\r\n".encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Prefer": f"wait={wait}",
        },
    )
    with urllib.request.urlopen(request, timeout=patience + wait) as answer:  # noqa: S310
        return json.load(answer)


def send_many(
    arrivals: Arrivals, url: str, key: str, photo: bytes, *, count: int = 60, clients: int = 8
) -> None:
    """As fast as the clients can."""
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: send(arrivals, url, key, photo), range(count)))


@contextmanager
def watched() -> Iterator[Arrivals]:
    """Notes inside the block when predictions are claimed, by looking at the table."""
    arrivals, over = Arrivals(), threading.Event()
    thread = threading.Thread(target=_watch, args=(arrivals, over), daemon=True)
    thread.start()
    try:
        yield arrivals
    finally:
        over.set()
        thread.join()


def _watch(arrivals: Arrivals, over: threading.Event) -> None:
    taken = Prediction.objects.exclude(status=Status.QUEUED).values_list("pk", flat=True)
    while not over.wait(_GLANCE):
        now = time.monotonic()
        for pk in taken.all():
            arrivals.claimed.setdefault(str(pk), now)
    connection.close()
