"""The help page: whatever a page asks, it answers, for those whom it concerns."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

_LINK = re.compile(r"{% url 'help' %}#([\w-]+)")


def asked() -> dict[str, set[str]]:
    """Every section that a template links to, and the templates that do."""
    templates = Path(settings.BASE_DIR) / "templates"
    found: dict[str, set[str]] = {}
    for file in templates.rglob("*.html"):
        for section in _LINK.findall(file.read_text()):
            found.setdefault(section, set()).add(file.relative_to(templates).parts[0])
    return found


def sections(client: Client, language: str = "en") -> set[str]:
    answer = client.get(reverse("help"), headers={"accept-language": language})
    assert answer.status_code == 200
    return set(re.findall(r'<section id="([\w-]+)">', answer.content.decode()))


def test_every_link_to_the_help_leads_to_a_section(admin_client: Client) -> None:
    assert {"photos", "interval", "missing", "batch", "training"} <= asked().keys()
    assert asked().keys() - sections(admin_client) == set()


def test_visitors_find_what_the_sites_pages_ask_and_nothing_of_models(client: Client) -> None:
    ours = {section for section, places in asked().items() if places != {"admin"}}
    assert ours <= sections(client)
    assert sections(client).isdisjoint({"import", "labels", "training", "report"})


def test_its_contents_are_its_sections(client: Client, admin_client: Client) -> None:
    for one in (client, admin_client):
        page = one.get(reverse("help")).content.decode()
        contents = re.findall(r'<a href="#([\w-]+)"', page.split('class="contents"')[1])
        assert contents == re.findall(r'<section id="([\w-]+)">', page)


def test_it_says_what_this_site_has_set(client: Client, settings: object) -> None:
    settings.PHOTOS_PER_BATCH = 123  # type: ignore[attr-defined]
    page = client.get(reverse("help")).content.decode()
    assert "up to 123 photos" in page
    assert "under 70%." in page


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("faces@example.org", '<a href="mailto:faces@example.org">faces@example.org</a>'),
        ("https://example.org/ask", '<a href="https://example.org/ask" rel="nofollow">'),
        ("Kim <Minji>, room 3.12", "Kim &lt;Minji&gt;, room 3.12"),
    ],
)
@pytest.mark.parametrize("page", ["help", "forgotten"])
def test_it_says_whom_to_ask_as_does_the_page_for_forgotten_passwords(
    client: Client, settings: Any, page: str, contact: str, shown: str
) -> None:
    settings.MAIL_IS_SENT = False
    assert "How to reach them" not in client.get(reverse(page)).content.decode()
    settings.CONTACT = contact
    told = client.get(reverse(page)).content.decode()
    assert f"How to reach them: {shown}" in told
    if page == "help":
        test_its_contents_are_its_sections(client, client)


def test_it_is_in_korean_too(client: Client) -> None:
    page = client.get(reverse("help"), headers={"accept-language": "ko"}).content.decode()
    assert "나이 범위는 무슨 뜻인가요?" in page
    assert "70% 미만" in page


def test_every_page_leads_to_it(client: Client) -> None:
    for path in ("/", "/history/", "/batches/", "/about/"):
        assert f'<a href="{reverse("help")}">' in client.get(path).content.decode()
