"""A starter that is damaged stops a site only where nothing else could serve it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from faceroute_site import one_machine
from faceroute_site.one_machine import register_starter
from tests.factories import ModelVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def broken(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    settings.STARTER_BUNDLE = tmp_path


def test_a_site_that_serves_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(one_machine, "say", lambda _name, text: said.append(text))
    ModelVersionFactory.create(is_active=True)
    register_starter()
    assert "cannot be registered" in "".join(said)


def test_a_site_without_any_model_does_not_start() -> None:
    with pytest.raises(CommandError, match="damaged"):
        register_starter()
