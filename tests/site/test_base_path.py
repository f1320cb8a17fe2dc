"""The site below a path of another one: every address that it gives lies there too."""

import re
import shutil
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.processes import Stack

pytestmark = pytest.mark.processes

BASE = "/faces"


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, static_files: str, migrated: Path
) -> Iterator[tuple[Stack, str]]:
    folder = tmp_path_factory.mktemp("below")
    account = {"DJANGO_SUPERUSER_PASSWORD": "boss-boss-1", "FACEROUTE_BASE_PATH": BASE}
    account["FACEROUTE_STATIC_DIR"] = static_files
    (folder / "data").mkdir()
    shutil.copy(migrated, folder / "data")
    with Stack(folder / "data", logs=folder, **account) as stack:
        stack.manage("createsuperuser", "--noinput", "--username=boss", "--email=b@example.org")
        yield stack, stack.start_web()[1]


def addresses(page: str) -> set[str]:
    """Those within the site that a page names."""
    named = re.findall(r'(?:href|src|action|hx-get|hx-post|hx-delete)="(/[^"]*)"', page)
    return {address.replace("&amp;", "&") for address in named}


@pytest.mark.parametrize("passed_on", [BASE, ""], ids=["passed on", "taken off"])
def test_pages_and_all_they_name_are_there(site: tuple[Stack, str], passed_on: str) -> None:
    _stack, url = site
    cookies = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    followed: set[str] = set()
    for path in ("/", "/about/", "/history/", "/account/login/", "/admin/login/", "/api/v1/docs/"):
        page = opener.open(url + passed_on + path).read().decode()
        named = addresses(page)
        assert named
        assert {address for address in named if not address.startswith(f"{BASE}/")} == set()
        followed |= {address for address in named if "/static/" in address}
    assert {Path(address).suffix for address in followed} >= {".css", ".js", ".svg"}
    for address in followed:
        assert opener.open(url + address).status == 200
    assert {cookie.path for cookie in cookies} == {f"{BASE}/"}


def test_an_administrator_logs_in_and_stays_below(site: tuple[Stack, str]) -> None:
    _stack, url = site
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = opener.open(f"{url}{BASE}/admin/login/").read().decode()
    [token, *_] = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', form)
    content = f"csrfmiddlewaretoken={token}&username=boss&password=boss-boss-1"
    content += f"&next={BASE}/admin/"
    answer = opener.open(f"{url}{BASE}/admin/login/", content.encode())
    assert answer.url == f"{url}{BASE}/admin/"
    page = answer.read().decode()
    assert "Stored photos" in page
    assert {each for each in addresses(page) if not each.startswith(f"{BASE}/")} == set()
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "script-src 'self' 'unsafe-eval'" in policy  # and no 'unsafe-inline'


def test_the_api_tells_where_it_is(site: tuple[Stack, str]) -> None:
    _stack, url = site
    address = f"{url}{BASE}/api/v1/schema/?format=json"
    with urllib.request.urlopen(address) as schema:  # noqa: S310
        assert f'"url":"{BASE}"' in schema.read().decode().replace(": ", ":")
