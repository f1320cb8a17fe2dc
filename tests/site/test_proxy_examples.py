"""The documentation's examples of proxies, run as they stand but for addresses and certificates."""

import http.client
import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, Process, Stack, free_port, wait_until

pytestmark = pytest.mark.processes

NAME = "faces.example.org"
PAGES = ["operations.md", "many-machines.md"]
SOMEBODY = "127.0.0.2"  # where a visitor asks from; the proxy asks from 127.0.0.1


@dataclass
class Webs:
    """Two web machines, of the same site."""

    stack: Stack
    processes: list[Process]
    addresses: list[str]
    key: str

    def placed(self, example: str) -> str:
        """An example that leads to these instead."""
        first, second = self.addresses
        for there, here in [("127.0.0.1:8000", first), ("10.0.0.11:8000", first)]:
            example = example.replace(there, here)
        return example.replace("10.0.0.12:8000", second)


@pytest.fixture
def webs(tmp_path: Path, migrated: Path, static_files: str) -> Iterator[Webs]:
    environment = {
        "FACEROUTE_HTTPS": "true",
        "ALLOWED_HOSTS": NAME,
        "CSRF_TRUSTED_ORIGINS": f"https://{NAME}",
        "FACEROUTE_STATIC_DIR": static_files,
        "SECRET_KEY": "long-enough-and-random-to-pass-for-a-key-of-a-public-site-0123456789",
        "DJANGO_SUPERUSER_PASSWORD": "unimportant",
        "DATABASE_URL": "",
    }
    with Stack(tmp_path / "data", logs=tmp_path, **environment) as stack:
        stack.data_dir.mkdir(mode=0o700)
        shutil.copy(migrated, stack.data_dir / "db.sqlite3")
        stack.manage("createsuperuser", "--noinput", "--username", "ann", "--email", "")
        key = stack.manage("create_api_key", "ann").strip()
        started = [stack.start_web() for _ in range(2)]
        addresses = [url.removeprefix("http://") for _, url in started]
        yield Webs(stack, [process for process, _ in started], addresses, key)


def example(page: str, language: str) -> str:
    """The block of a page that begins as an example of one kind does."""
    blocks = re.findall(
        r"^```\n(.*?)^```", (ROOT / "docs/operator" / page).read_text(), re.M | re.S
    )
    begins = {"nginx": ("server {", "upstream "), "caddy": (f"{NAME} {{",)}[language]
    [found] = [block for block in blocks if block.startswith(begins)]
    return str(found)


def nginx(webs: Webs, text: str, folder: Path) -> tuple[list[str], int]:
    """The command that runs it, and its port."""
    port, certificate = free_port(), folder / "certificate.pem"
    key = folder / "key.pem"
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *made, *subject], check=True, capture_output=True)
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = re.sub(r"(ssl_certificate\s+)\S+;", rf"\1{certificate};", text)
    text = re.sub(r"(ssl_certificate_key\s+)\S+;", rf"\1{key};", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{user}pid {folder}/pid;\nerror_log stderr;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{text}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(configuration)], port


def caddy(webs: Webs, text: str, folder: Path) -> tuple[list[str], int]:
    """The same; its certificate is of its own, since nobody else signs one here."""
    port = free_port()
    options = (
        "{\nadmin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\n"
        f"https_port {port}\nstorage file_system {folder}/caddy\n}}\n"
    )
    configuration = folder / "Caddyfile"
    configuration.write_text(options + text)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]
    return ["env", f"HOME={folder}", *command], port


PROXIES: dict[str, Callable[[Webs, str, Path], tuple[list[str], int]]] = {
    "nginx": nginx,
    "caddy": caddy,
}


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Visitor:
    """Somebody at another address than the proxy's, who asks it over HTTPS."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._trusting = ssl.create_default_context()
        self._trusting.check_hostname = False
        self._trusting.verify_mode = ssl.CERT_NONE

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        raw = socket.create_connection(("127.0.0.1", self._port), 30, (SOMEBODY, 0))
        connection = http.client.HTTPSConnection(NAME, timeout=30)
        connection.sock = self._trusting.wrap_socket(raw, server_hostname=NAME)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        with connection.sock:
            connection.request(method, path, body, told)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def is_answered(self) -> bool:
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False


@pytest.fixture(params=[(page, name) for page in PAGES for name in PROXIES], ids="-".join)
def visitor(request: Any, webs: Webs, tmp_path: Path) -> Visitor:
    page, name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"No {name} was found. On Debian: apt-get install {name}")
    command, port = PROXIES[name](webs, webs.placed(example(page, name)), tmp_path)
    process = webs.stack.start(name, *command)
    visitor = Visitor(port)
    wait_until(visitor.is_answered, "the proxy answers", process)
    return visitor


def test_a_site_behind_the_example_of_a_proxy(
    webs: Webs, visitor: Visitor, faceless_bytes: bytes, request: pytest.FixtureRequest
) -> None:
    page = visitor.ask("GET", "/account/login/")
    assert page.status == 200
    cookies = page.headers.get_all("Set-Cookie") or []
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)
    log_in_wrongly(visitor, page)
    assert addresses_of_wrong_passwords(webs) == [SOMEBODY]

    assert upload(visitor, webs.key, faceless_bytes).status == 202
    larger_than_usual = faceless_bytes + bytes(12 * 2**20)  # after a photo's end
    assert upload(visitor, webs.key, larger_than_usual).status == 202

    if "many-machines" in request.node.name:
        webs.processes[0].kill()
        answers = [visitor.ask("GET", "/about/").status for _ in range(6)]
        assert answers == [200] * 6


def log_in_wrongly(visitor: Visitor, page: Answer) -> None:
    """As somebody does who would rather be taken for another."""
    [token] = re.findall(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[:1]
    cookies = page.headers.get_all("Set-Cookie") or []
    form = {"csrfmiddlewaretoken": token.decode(), "username": "ann", "password": "wrong"}
    visitor.ask(
        "POST",
        "/account/login/",
        urllib.parse.urlencode(form).encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie="; ".join(cookie.partition(";")[0] for cookie in cookies),
        Referer=f"https://{NAME}/account/login/",
        X_Forwarded_For="203.0.113.9",
    )


def addresses_of_wrong_passwords(webs: Webs) -> list[str]:
    database = sqlite3.connect(webs.stack.data_dir / "db.sqlite3")
    rows = database.execute("SELECT DISTINCT ip_address FROM axes_accessattempt").fetchall()
    database.close()
    return [address for (address,) in rows]


def upload(visitor: Visitor, key: str, photo: bytes) -> Answer:
    boundary = uuid.uuid4().hex
    head = 'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = f"--{boundary}\r\n{head}".encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    return visitor.ask(
        "POST",
        "/api/v1/predictions/",
        body,
        Authorization=f"Bearer {key}",
        Content_Type=f"multipart/form-data; boundary={boundary}",
    )
