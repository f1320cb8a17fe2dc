"""A training run's page in a real Chromium: what is read on it is not disturbed as it grows."""

from collections.abc import Iterator

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from tests.browser.chromium import need_chromium, new_page, without_script_errors
from tests.factories import ModelVersionFactory
from tests.processes import Stack
from tests.training.reports import HEADS, made_report
from tests.training.training_runs import age_epochs, training_run
from training.models import JobState, TrainingRun

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
]


@pytest.fixture
def page(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """An administrator's browser on the real web process."""
    need_chromium()
    stack.manage("collectstatic", "--noinput", "--verbosity", "0")
    _process, url = stack.start_web()
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    name = site_settings.SESSION_COOKIE_NAME
    # Playwright keeps a loop in this thread, in which Django would refuse to touch its database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with new_page(url) as page, without_script_errors(page):
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
        yield page


def test_curves_grow_without_reload_and_keep_open_tables(page: Page) -> None:
    run = training_run()
    page.goto(f"/admin/training/trainingrun/{run.pk}/change/")
    card = page.locator("section", has=page.locator("#chart-age-loss-title"))
    expect(card.locator("circle")).to_have_count(6)
    card.locator("summary").click()

    run.history = {"age": age_epochs(6)}
    TrainingRun.objects.filter(pk=run.pk).update(history=run.history, done=50)

    expect(page.locator("#chart-age-loss-numbers tbody tr")).to_have_count(6)
    expect(page.locator("#chart-age-loss-numbers")).to_have_attribute("open", "")
    expect(card.locator("circle")).to_have_count(12)
    expect(page.locator("[role=progressbar]")).to_have_attribute("aria-valuenow", "50")


def test_cancelling_asks_first(page: Page) -> None:
    run = training_run(JobState.QUEUED)
    page.goto(f"/admin/training/trainingrun/{run.pk}/change/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#cancel-run")
    run.refresh_from_db()
    assert run.state == JobState.QUEUED
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#cancel-run")
    expect(page.locator("#run")).to_contain_text("Stopped")
    expect(page.locator("#resume-run")).to_be_visible()


def test_tables_of_figures_fit_a_phone(page: Page) -> None:
    version = ModelVersionFactory.create(report=made_report(), manifest={"heads": HEADS})
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/admin/training/modelversion/{version.pk}/change/")
    table = page.locator(".fr-figures").first
    expect(table.locator("td").first).to_be_visible()
    beyond = "box => [...box.querySelectorAll('td')].filter(cell =>"
    beyond += " cell.getBoundingClientRect().right > innerWidth).length"
    assert table.evaluate(beyond) == 0
    named = "cell => getComputedStyle(cell, '::before').content"
    assert table.locator("td").first.evaluate(named) == f'"{version.name}"'
