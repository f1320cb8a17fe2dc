"""Korean is complete, up to date, and reaches the pages."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polib
import pytest
from axes.models import AccessAttempt, AccessLog
from django.test import Client, RequestFactory
from django.utils.formats import date_format
from django.utils.translation import override
from knox.models import AuthToken

from faceroute_site.error_pages import server_error
from tests.factories import DatasetFactory, SampleFactory, UserFactory
from training.models import ImportRun
from vision.attributes import ATTRIBUTES

ROOT = Path(__file__).parents[2]
KOREAN = ROOT / "locale" / "ko" / "LC_MESSAGES"
_IN_PYTHON = re.compile(r"""\b(?:_|gettext(?:_lazy|_noop)?)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)""")
# What Korean writes as it is.
_NAMES = re.compile(r"\b(?:API|MAE)\b")
_IN_TEMPLATE = re.compile(r"""{%\s*translate\s+(?:"([^"]*)"|'([^']*)')""")


def messages_in_the_source() -> Iterator[str]:
    for folder in ("faceroute_site", "predictions", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            for literals in _IN_PYTHON.findall(path.read_text()):
                parts = re.findall(r'"((?:[^"\\]|\\.)*)"', literals)
                yield "".join(parts).replace('\\"', '"')
    for attribute in ATTRIBUTES.values():
        yield from (attribute.title, *attribute.label_titles)
    for path in (ROOT / "templates").rglob("*.html"):
        for one, other in _IN_TEMPLATE.findall(path.read_text()):
            yield one or other


def test_every_message_is_translated() -> None:
    catalogue = polib.pofile(str(KOREAN / "django.po"))
    assert not catalogue.fuzzy_entries()
    assert not [entry.msgid for entry in catalogue.untranslated_entries()]
    known = {entry.msgid for entry in catalogue if not entry.obsolete}
    assert sorted(set(messages_in_the_source()) - known) == []


def test_placeholders_survive_translation() -> None:
    for entry in polib.pofile(str(KOREAN / "django.po")):
        names = set(re.findall(r"%\(\w+\)[sd]", entry.msgid + entry.msgid_plural))
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            if text:
                assert set(re.findall(r"%\(\w+\)[sd]", text)) <= names, entry.msgid


def test_the_compiled_catalogue_is_up_to_date() -> None:
    source = polib.pofile(str(KOREAN / "django.po"))
    compiled = polib.mofile(str(KOREAN / "django.mo"))
    assert {e.msgid: (e.msgstr, e.msgstr_plural) for e in compiled} == {
        e.msgid: (e.msgstr, e.msgstr_plural) for e in source.translated_entries()
    }


@pytest.mark.django_db
def test_a_korean_browser_gets_korean_pages_and_may_choose_english(client: Client) -> None:
    korean = client.get("/", headers={"Accept-Language": "ko-KR,ko;q=0.9"}).content.decode()
    assert '<html lang="ko">' in korean
    assert "사진 선택" in korean
    client.post("/i18n/setlang/", {"language": "en", "next": "/"})
    english = client.get("/", headers={"Accept-Language": "ko"}).content.decode()
    assert "Choose photos" in english


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page",
    [
        "training/modelversion/",
        "training/sample/",
        "training/dataset/",
        "training/importrun/",
        "training/dataset/import/",
        "knox/authtoken/",
        "axes/accesslog/",
        "axes/accessattempt/",
        "auth/user/",
    ],
)
def test_what_the_administration_brings_is_korean_too(admin_client: Client, page: str) -> None:
    """Its packages have no Korean; our catalogue has what these lists show of them."""
    SampleFactory.create()
    user = UserFactory.create()
    AuthToken.objects.create(user)
    AccessLog.objects.create(username="someone")
    AccessAttempt.objects.create(username="someone", failures_since_start=1)
    ImportRun.objects.create(dataset=DatasetFactory.create())
    shown = admin_client.get(f"/admin/{page}", headers={"Accept-Language": "ko"})
    text = shown.content.decode()
    for words in ("Type to search", "Select all rows", "Select record", "ccess attempts", "(들)"):
        assert words not in text
    labels = re.findall(r'data-label="([^"]*)"', text)
    assert [label for label in labels if re.search("[A-Za-z]{3}", _NAMES.sub("", label))] == []
    assert "Choose file" not in text


def test_the_pages_of_an_image_and_of_a_user_are_korean_too(admin_client: Client) -> None:
    korean = {"Accept-Language": "ko"}
    user, sample = UserFactory.create(), SampleFactory.create()
    image = admin_client.get(f"/admin/training/sample/{sample.pk}/change/", headers=korean)
    assert not re.search(r">\s*Dataset", image.content.decode())
    for page in ("add/", f"{user.pk}/change/"):
        text = admin_client.get(f"/admin/auth/user/{page}", headers=korean).content.decode()
        assert "After you" not in text
        assert "Raw passwords" not in text


def test_an_error_of_the_server_is_told_in_korean(rf: RequestFactory) -> None:
    with override("ko"):
        page = server_error(rf.get("/")).content.decode()
    assert '<html lang="ko">' in page
    assert "잠시 뒤 다시 시도해 주세요" in page


def test_korean_writes_the_half_of_the_day_before_the_hour() -> None:
    with override("ko"):
        assert date_format(datetime(2026, 11, 27, 9, 14), "DATETIME_FORMAT") == (
            "2026년 11월 27일 오전 9:14"
        )
