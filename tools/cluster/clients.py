"""Programs that send photos and look at pages, at several web addresses, and note every answer."""

import http.client
import json
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

_PATIENCE = 30.0  # seconds that a client waits for an answer
_PAUSE = 1.0  # seconds before it tries again
_LOOK = 0.5  # seconds between two pages that a reader asks for
_AGAIN = 5  # of so many photos one is sent again although it was accepted
_PAGES = ("/", "/history/", "/api/v1/predictions/", "/api/v1/models/active/", "/about/")


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where no answer came."""

    what: str
    url: str
    status: int
    seconds: float
    body: bytes = b""


@dataclass
class Notes:
    """What clients were told. `accepted`: the ids that a photo's sender was given, by key."""

    statuses: Counter[int] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    accepted: dict[str, set[str]] = field(default_factory=dict)
    slowest: Answer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: Answer) -> None:
        with self._lock:
            self.statuses[answer.status] += 1
            if answer.status and (not self.slowest or answer.seconds > self.slowest.seconds):
                self.slowest = answer
            if answer.status >= 400 and answer.status != 503:
                said = answer.body[:300].decode(errors="replace")
                self.unexpected.append(f"{answer.what} at {answer.url}: {answer.status} {said}")

    def accept(self, key: str, answer: Answer) -> None:
        with self._lock:
            self.accepted.setdefault(key, set()).add(json.loads(answer.body)["id"])


def ask(what: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """What an address answers, within a client's patience."""
    begun, parts = time.monotonic(), urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
    try:
        method = "POST" if body is not None else "GET"
        connection.request(method, parts.path or "/", body, dict(headers))
        response = connection.getresponse()
        data, status = response.read(), response.status
    except (OSError, http.client.HTTPException):
        data, status = b"", 0
    finally:
        connection.close()
    return Answer(what, url, status, time.monotonic() - begun, data)


class Senders:
    """Clients that send the photos they are handed, each until it is accepted."""

    def __init__(self, urls: list[str], key: str, notes: Notes) -> None:
        self._urls, self._notes = urls, notes
        self._headers = {"Authorization": f"Bearer {key}"}
        self._photos: queue.Queue[tuple[int, bytes]] = queue.Queue()
        self._over = threading.Event()

    @contextmanager
    def at_work(self, clients: int) -> Iterator[None]:
        """They send inside the block, and one more client looks at pages."""
        threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(clients)]
        threads.append(threading.Thread(target=self._look, daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def hand_out(self, photos: Mapping[int, bytes]) -> None:
        for photo in photos.items():
            self._photos.put(photo)

    def are_idle(self) -> bool:
        """Whether everything that was handed out has been accepted."""
        return self._photos.unfinished_tasks == 0

    def _send_all(self) -> None:
        while not self._over.is_set():
            try:
                number, photo = self._photos.get(timeout=0.1)
            except queue.Empty:
                continue
            self._send(number, str(uuid.uuid4()), photo)
            self._photos.task_done()

    def _send(self, number: int, key: str, photo: bytes) -> None:
        """Until it is accepted, at one address and the other; some once more after that."""
        wanted = 2 if number % _AGAIN == 0 else 1
        for attempt in count(number):
            answer = self._post(self._urls[attempt % len(self._urls)], key, photo)
            if answer.status in {201, 202}:
                self._notes.accept(key, answer)
                wanted -= 1
            if not wanted or self._over.is_set():
                return
            if answer.status in {0, 503}:
                time.sleep(_PAUSE)

    def _post(self, url: str, key: str, photo: bytes) -> Answer:
        boundary = uuid.uuid4().hex
        head = 'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
        body = f"--{boundary}\r\n{head}".encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            **self._headers,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": key,
        }
        answer = ask("an upload", f"{url}/api/v1/predictions/", headers, body)
        self._notes.add(answer)
        return answer

    def _look(self) -> None:
        for turn in count():
            page, url = _PAGES[turn % len(_PAGES)], self._urls[turn % len(self._urls)]
            self._notes.add(ask("a page", f"{url}{page}", self._headers))
            if self._over.wait(_LOOK):
                return
