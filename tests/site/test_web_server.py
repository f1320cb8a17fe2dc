"""The real web server: nobody who is slow, waits, or sends too much keeps others waiting."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from knox.models import AuthToken
from PIL import Image

from predictions import visitors
from predictions.models import Prediction, Status
from tests.factories import UserFactory
from tests.processes import (
    Process,
    Stack,
    children,
    is_running,
    processes_of,
    wait_until,
    wait_until_gone,
)
from tests.vision.pictures import encoded

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

MEGABYTE = 2**20


class Connection:
    """One HTTP connection, byte by byte."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, method: str, path: str, **headers: str | int) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self) -> tuple[int, bytes, bytes]:
        """Status, headers and body of the next answer, which tells its length."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        [length] = re.findall(rb"(?i)content-length: (\d+)", head)
        while len(body) < int(length):
            body += self._more()
        return int(head.split()[1]), head, body

    def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            return not self.socket.recv(65536)
        return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> bytes:
        chunk = self.socket.recv(65536)
        assert chunk, "the connection ended"
        return chunk


@pytest.fixture
def site(stack: Stack, static_files: str) -> Stack:
    stack.environment["FACEROUTE_STATIC_DIR"] = static_files
    return stack


@pytest.fixture
def web(site: Stack) -> tuple[Process, str]:
    return site.start_web()


@pytest.fixture
def connect(web: tuple[Process, str]) -> Iterator[Callable[[], Connection]]:
    with contextlib.ExitStack() as open_ones:

        def make() -> Connection:
            made = Connection(web[1])
            open_ones.callback(made.close)
            return made

        yield make


@pytest.fixture
def key(user: User) -> str:
    return str(AuthToken.objects.create(user)[1])


def photo_form(photo: bytes, field: str = "photo") -> bytes:
    return encode_multipart(BOUNDARY, {field: SimpleUploadedFile("photo.jpg", photo)})


def page_seconds(url: str) -> float:
    begun = time.monotonic()
    with urllib.request.urlopen(f"{url}/about/", timeout=60) as answer:  # noqa: S310
        assert answer.status == 200
    return time.monotonic() - begun


def post_photo(connection: Connection, key: str, photo: bytes, **headers: str) -> None:
    post_form(connection, key, "/api/v1/predictions/", photo_form(photo), **headers)


def post_form(connection: Connection, key: str, path: str, body: bytes, **headers: str) -> None:
    connection.head(
        "POST",
        path,
        Authorization=f"Bearer {key}",
        Content_Type=MULTIPART_CONTENT,
        Content_Length=len(body),
        **headers,
    )
    connection.send(body)


def test_unfinished_headers_and_bodies_keep_nobody_waiting(
    web: tuple[Process, str], connect: Callable[[], Connection]
) -> None:
    page_seconds(web[1])
    for _ in range(30):
        connect().send(b"GET / HTTP/1.1\r\nX-Endless: ")
        connect().head("POST", "/", Content_Length=1000)
    assert page_seconds(web[1]) < 1


def test_who_sends_too_slowly_is_told_and_dropped(connect: Callable[[], Connection]) -> None:
    headers, body, program = connect(), connect(), connect()
    headers.send(b"GET / HTTP/1.1\r\n")
    body.head("POST", "/account/login/", Content_Length=1000, Accept_Language="ko")
    program.head("POST", "/api/v1/predictions/", Content_Length=1000)
    for _ in range(19):  # something arrives every second
        time.sleep(1)
        headers.send(b"X-More: x\r\n")
        body.send(b"x")
        program.send(b"x")
    assert b"408" in headers.socket.recv(1000)
    assert headers.is_closed()
    status, _, page = body.answer()
    assert (status, "너무 느리게" in page.decode()) == (408, True)
    status, _, document = program.answer()
    assert (status, json.loads(document)["code"]) == (408, "request_too_slow")


def test_a_large_form_of_a_stranger_is_refused_in_words_before_it_is_read(
    connect: Callable[[], Connection],
) -> None:
    for path in ("/account/login/", "/", "/admin/training/dataset/import/"):
        stranger = connect()
        stranger.head("POST", path, Content_Length=300 * MEGABYTE)
        status, _, page = stranger.answer()
        assert status == 413
        assert "larger than the 3 MB that are accepted here" in page.decode()


@pytest.mark.parametrize("path", ["/api/v1/predictions/", "/api/v1/predictions"])
def test_a_large_photo_in_chunks_is_taken_with_and_without_the_last_slash(
    connect: Callable[[], Connection], key: str, path: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), np.uint8)
    photo = io.BytesIO()
    Image.fromarray(pixels).save(photo, "JPEG", quality=95)
    body = photo_form(photo.getvalue())
    assert len(body) > 3 * MEGABYTE
    program = connect()
    program.head(
        "POST",
        path,
        Authorization=f"Bearer {key}",
        Content_Type=MULTIPART_CONTENT,
        Transfer_Encoding="chunked",
    )
    for start in range(0, len(body), 100_000):
        piece = body[start : start + 100_000]
        program.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    program.send(b"0\r\n\r\n")
    status, _, document = program.answer()
    assert (status, json.loads(document)["status"]) == (202, "queued")


def test_a_body_of_unknown_length_is_capped_too(connect: Callable[[], Connection]) -> None:
    stranger = connect()
    stranger.head("POST", "/account/login/", Transfer_Encoding="chunked")
    with contextlib.suppress(ConnectionError):
        for _ in range(5):
            stranger.send(b"100000\r\n" + bytes(MEGABYTE) + b"\r\n")
    assert stranger.answer()[0] == 413


def test_uploads_may_be_larger_where_they_may_be_sent(
    connect: Callable[[], Connection], key: str
) -> None:
    call = {"Content_Type": MULTIPART_CONTENT, "Expect": "100-continue"}
    for length, expected in ((15 * MEGABYTE, b"HTTP/1.1 100"), (16 * MEGABYTE, b"HTTP/1.1 413")):
        known = connect()
        known.head(
            "POST",
            "/api/v1/predictions/",
            Authorization=f"Bearer {key}",
            Content_Length=length,
            **call,
        )
        assert known.socket.recv(12) == expected
    nobody = connect()
    nobody.head("POST", "/api/v1/predictions/", Content_Length=15 * MEGABYTE, **call)
    status, _, document = nobody.answer()
    assert (status, json.loads(document)["code"]) == (401, "not_authenticated")
    visitor = connect()
    visitor.head("POST", "/", Content_Length=300 * MEGABYTE, Cookie="csrftoken=" + 32 * "a", **call)
    assert visitor.socket.recv(12) == b"HTTP/1.1 100"


def test_an_administrator_may_send_a_dataset(
    connect: Callable[[], Connection], client: Any
) -> None:
    for is_staff, expected in ((True, b"HTTP/1.1 100"), (False, b"HTTP/1.1 413")):
        client.force_login(UserFactory.create(is_staff=is_staff, is_superuser=is_staff))
        sender = connect()
        sender.head(
            "POST",
            "/admin/training/dataset/import/",
            Content_Length=2000 * MEGABYTE,
            Cookie=f"sessionid={client.cookies['sessionid'].value}",
            Expect="100-continue",
        )
        assert sender.socket.recv(12) == expected


def finish_all() -> None:
    Prediction.objects.update(status=Status.DONE, took_ms=5)


def test_a_caller_that_waits_is_answered_as_soon_as_the_result_is_there(
    connect: Callable[[], Connection], key: str, photo_bytes: bytes
) -> None:
    caller = connect()
    post_photo(caller, key, photo_bytes, Prefer="wait=30")
    wait_until(Prediction.objects.exists, "the photo is taken")
    time.sleep(1)
    finish_all()
    begun = time.monotonic()
    status, head, document = caller.answer()
    assert time.monotonic() - begun < 0.3
    assert (status, json.loads(document)["status"]) == (201, "done")
    assert b"Preference-Applied: wait" in head
    assert Prediction.objects.count() == 1


def test_waiting_in_vain_answers_202(
    connect: Callable[[], Connection], key: str, photo_bytes: bytes
) -> None:
    caller = connect()
    post_photo(caller, key, photo_bytes, Prefer="wait=1")
    status, head, document = caller.answer()
    assert (status, json.loads(document)["status"]) == (202, "queued")
    assert b"Preference-Applied: wait" in head


def test_a_prediction_deleted_while_somebody_waits_is_404(
    connect: Callable[[], Connection], key: str, photo_bytes: bytes
) -> None:
    caller = connect()
    post_photo(caller, key, photo_bytes, Prefer="wait=30")
    wait_until(Prediction.objects.exists, "the photo is taken")
    time.sleep(0.5)
    Prediction.objects.all().delete()
    status, _, document = caller.answer()
    assert (status, json.loads(document)["code"]) == (404, "not_found")


def test_a_result_page_is_told_as_soon_as_the_result_is_there(
    connect: Callable[[], Connection], client: Any, photo_bytes: bytes
) -> None:
    client.post("/", {"photos": SimpleUploadedFile("a.jpg", photo_bytes)})
    sent = Prediction.objects.get()
    page = connect()
    page.head(
        "GET",
        f"/predictions/{sent.pk}/",
        Cookie=f"{visitors.COOKIE}={client.cookies[visitors.COOKIE].value}",
        HX_Request="true",
        Prefer="wait=20",
    )
    time.sleep(1)
    finish_all()
    begun = time.monotonic()
    status, _, fragment = page.answer()
    assert time.monotonic() - begun < 0.3
    assert status == 200
    assert "No face was found" in fragment.decode()
    assert "hx-get" not in fragment.decode()


def test_many_who_wait_hold_nobody_up_and_free_their_places_when_they_go(
    site: Stack, key: str, photo_bytes: bytes
) -> None:
    site.environment["WEB_WAITING_REQUESTS"] = "40"
    _, url = site.start_web()
    small = encoded(Image.new("RGB", (64, 64)), "JPEG")
    waiting = [Connection(url) for _ in range(40)]
    for caller in waiting:
        post_photo(caller, key, small, Prefer="wait=60")
    wait_until(lambda: Prediction.objects.count() == 40, "all photos are taken")
    assert page_seconds(url) < 1

    one_more = Connection(url)
    post_photo(one_more, key, small, Prefer="wait=60")
    status, head, _ = one_more.answer()
    assert (status, b"Preference-Applied" in head) == (202, False)

    for caller in waiting[:20]:
        caller.close()
    time.sleep(0.5)
    post_photo(one_more, key, small, Prefer="wait=1")
    status, head, _ = one_more.answer()
    assert (status, b"Preference-Applied" in head) == (202, True)
    finish_all()
    assert [caller.answer()[0] for caller in waiting[20:]] == [201] * 20


def test_a_bomb_and_its_neighbours_in_a_batch_each_have_their_outcome(
    web: tuple[Process, str], connect: Callable[[], Connection], key: str, photo_bytes: bytes
) -> None:
    bomb = encoded(Image.new("RGBA", (7000, 7000)), "PNG")
    photos = [photo_bytes, encoded(Image.new("L", (1, 50_000)), "PNG"), bomb, photo_bytes]
    files = [SimpleUploadedFile("photo.jpg", photo) for photo in photos]
    body = encode_multipart(BOUNDARY, {"photo": files})
    caller = connect()
    post_form(caller, key, "/api/v1/predictions/batch/", body)
    with ThreadPoolExecutor() as threads:
        pages = [threads.submit(page_seconds, web[1]) for _ in range(10)]
        assert max(page.result() for page in pages) < 1
    status, _, document = caller.answer()
    first, thin, large, last = json.loads(document)
    assert status == 202
    assert thin["error"]["code"] == "photo_too_large"
    assert "100 times as long as it is wide" in thin["error"]["message"]
    assert [bool(entry["prediction"]) for entry in (first, large, last)] == [True] * 3


def decoders_of(data_dir: Path) -> int:
    """How many processes open photos, the one that forks among them."""
    commands = (Path(f"/proc/{pid}/cmdline") for pid in processes_of(data_dir))
    return sum(b"decoder_process" in command.read_bytes() for command in commands)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_however_the_server_ends_nothing_is_left(
    stack: Stack,
    connect: Callable[[], Connection],
    web: tuple[Process, str],
    key: str,
    number: signal.Signals,
) -> None:
    bomb = encoded(Image.new("RGBA", (7000, 7000)), "PNG")
    caller, sender = connect(), connect()
    post_photo(caller, key, bomb, Prefer="wait=60")
    sender.head("POST", "/", Content_Length=50 * MEGABYTE, Cookie="csrftoken=" + 32 * "a")
    sender.send(bytes(10 * MEGABYTE))
    wait_until(lambda: decoders_of(stack.data_dir) > 1, "a decoder is at work")
    os.kill(web[0].pid, number)
    wait_until_gone(stack.data_dir)
    assert list((stack.data_dir / "incoming").iterdir()) == []


def test_a_web_process_that_dies_is_replaced(
    web: tuple[Process, str],
) -> None:
    [*_, worker] = children(web[0].pid)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not is_running(worker), "it is gone")

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return page_seconds(web[1]) >= 0
        return False

    wait_until(answers, "another answers")


def test_the_spool_lies_inside_the_data_folder(stack: Stack, web: tuple[Process, str]) -> None:
    assert Path(stack.data_dir / "incoming").stat().st_mode & 0o777 == 0o700
