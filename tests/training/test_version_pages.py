"""The pages of model versions: staff sees all of it, and nothing serves without being asked."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import faceroute_site.urls  # noqa: F401, which discovers the administration
from tests.factories import DatasetFactory, ModelVersionFactory, UserFactory
from tests.training.examined import sat
from tests.training.reports import HEADS, made_report, metrics, without_columns
from tests.vision.answers import older, two_models
from training.charts.plots import Cell
from training.digits import three_digits
from training.models import JobState, ModelVersion, TrainingRun
from training.registry.figures import DECK_METRICS
from training.registry.stored_bundles import bundle_path
from training.registry.versions import active_version, register_bundle
from training.reports import version_charts
from vision.bundles.bundle import WEIGHTS, load_bundle, save_bundle

pytestmark = pytest.mark.django_db

# Every page of one version that the administration adds, and the one it has.
PAGES = (
    "change",
    *(
        str(route.name).removeprefix("training_modelversion_")
        for route in admin_site.get_model_admin(ModelVersion).get_urls()
        if "<int:pk>" in str(route.pattern)
    ),
)
_FURTHER = {"chart_csv": ["age-errors"]}


@pytest.fixture(autouse=True)
def model_root(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_ROOT = tmp_path / "models"


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def version(tmp_path: Path) -> ModelVersion:
    """A real bundle with a full report; nothing serves."""
    manifest = {
        "name": "made", "architecture": "vgg16", "input_size": 96, "heads": HEADS,
        "data": {"fingerprint": "ab12cd"}, "licence": "For research only.",
    }  # fmt: skip
    save_bundle(tmp_path / "made", manifest, {"a": np.arange(500_000, dtype=np.float32)})
    version = register_bundle(tmp_path / "made", "full-7")
    version.report = made_report(400)
    version.save()
    return version


@pytest.fixture
def serving(version: ModelVersion) -> ModelVersion:
    """Another version serves, much better than the first."""
    better = register_bundle(bundle_path(version), "serving-1", activate=True)
    better.manifest = {**better.manifest, "metrics": metrics(age_mae=1.0)}
    better.save()
    return better


def url(page: str, version: ModelVersion, *arguments: Any) -> str:
    return reverse(f"admin:training_modelversion_{page}", args=[version.pk, *arguments])


@pytest.mark.parametrize("page", PAGES)
def test_who_is_no_staff_sees_nothing(client: Client, version: ModelVersion, page: str) -> None:
    client.force_login(UserFactory.create())
    response = client.get(url(page, version, *_FURTHER.get(page, ())))
    assert response.status_code == 302
    assert "/admin/login/" in response["Location"]


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_permission_sees_nothing(
    client: Client, version: ModelVersion, page: str
) -> None:
    client.force_login(UserFactory.create(is_staff=True))
    assert client.get(url(page, version, *_FURTHER.get(page, ()))).status_code == 403


def test_who_may_look_may_not_change(client: Client, version: ModelVersion) -> None:
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client.force_login(user)
    page = client.get(url("change", version)).content.decode()
    assert "Activate" not in page
    assert client.post(url("activate", version)).status_code == 403
    assert active_version() is None


def test_a_licence_of_ours_is_told_in_the_readers_language(
    admin: Client, version: ModelVersion
) -> None:
    version.manifest["licence"] = "Non-commercial research only, as UTKFace is."
    version.save()
    korean = {"Accept-Language": "ko"}
    page = admin.get(url("change", version), headers=korean).content.decode()
    assert "<dd>UTKFace와 같이 비상업적 연구" in page


def test_a_version_is_shown_beside_the_deck_and_the_one_that_serves(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    page = without_columns(admin.get(url("change", version)).content.decode())
    for figure in DECK_METRICS.values():
        assert f"<td>{three_digits(figure)}</td>" in page
    assert "In use: serving-1" in page
    assert "<td>1.00</td>" in page
    assert "Measured on 800 images" in page
    assert "Ages 21 to 60" in page
    assert "ab12cd" in page
    assert "best for White (3.00; 400 images)" in page
    assert "Age; Gender: Male, Female; Race: White, Black, Asian, Indian, Others" in page


def test_every_chart_has_its_numbers_as_a_table_and_as_a_file(
    admin: Client, version: ModelVersion
) -> None:
    page = admin.get(url("change", version)).content.decode()
    keys = (
        "age-points", "age-decades", "age-errors", "age-errors-groups", "interval",
        "interval-estimated", "confusion-gender", "confusion-race", "confusion-race3",
        "reliability-gender", "reliability-race", "groups-age-mae", "groups-age-bias",
        "groups-gender-accuracy", "groups-race-accuracy",
    )  # fmt: skip
    for key in keys:
        assert f'id="chart-{key}-title"' in page
        assert url("chart_csv", version, key) in page
    table = admin.get(url("chart_csv", version, "groups-age-mae"))
    assert table["Content-Type"].startswith("text/csv")
    assert "3.0 (100)" in table.content.decode()
    biases = admin.get(url("chart_csv", version, "groups-age-bias")).content.decode()
    assert "+3.0 (100)" in biases
    by_label = admin.get(url("chart_csv", version, "age-errors-groups")).content.decode()
    assert "White,3.0,3.0,400" in by_label
    assert "female,3.0,3.0,400" in by_label
    assert admin.get(url("chart_csv", version, "nothing")).status_code == 404


def test_what_the_interval_holds_is_told_by_estimated_decade_where_it_was_measured(
    admin: Client, version: ModelVersion
) -> None:
    by_estimate = admin.get(url("chart_csv", version, "interval-estimated")).content.decode()
    # Twenty of every age from 20 to 59, each estimated three years too old.
    assert "20-29,1.0,0.8,13.0,140" in by_estimate
    assert "60-69,1.0,0.8,13.0,60" in by_estimate
    del version.report["interval"]["by_estimated_decade"]
    version.save()
    assert admin.get(url("chart_csv", version, "interval-estimated")).status_code == 404
    assert admin.get(url("chart_csv", version, "interval")).status_code == 200


def test_a_report_of_before_biases_were_told_is_shown_without(
    admin: Client, version: ModelVersion
) -> None:
    report = made_report(400)
    for figures in (*report["metrics"]["groups"], *report["protocols"].values(), report["metrics"]):
        del figures["age_bias"]
    version.report = report
    version.save()
    response = admin.get(url("change", version))
    page = response.content.decode()
    assert response.status_code == 200
    assert 'id="chart-groups-age-mae-title"' in page
    assert 'id="chart-groups-age-bias-title"' not in page
    by_label = admin.get(url("chart_csv", version, "age-errors-groups")).content.decode()
    assert "White,3.0,,400" in by_label
    assert admin.get(url("activate", version)).status_code == 200


def test_a_bias_has_its_sign(admin: Client, version: ModelVersion, serving: ModelVersion) -> None:
    # The one that serves was measured before biases were told.
    page = without_columns(admin.get(url("change", version)).content.decode())
    row = page.split("bias: mean of estimated minus labelled")[1].split("</tr>")[0]
    assert row.count("<td>+3.00</td>") == 2  # all ages, and 21 to 60
    assert row.count("<td>–</td>") == 2  # the one that serves, and the deck
    assert "+3.00 … +3.00" in row
    assert "+3.00" in admin.get(reverse("admin:training_modelversion_changelist")).content.decode()


def test_what_edits_do_is_told_where_it_was_measured(admin: Client, version: ModelVersion) -> None:
    page = without_columns(admin.get(url("change", version)).content.decode())
    assert "when 77 images are edited" in page
    row = page.split("Sharpened mildly")[1].split("</tr>")[0]
    figures = ["+2.00", "+1.50", "-0.010", "–"]
    assert re.findall(r"<td>(.*?)</td>", row) == figures
    del version.report["edits"]
    version.save()
    assert "Sharpened mildly" not in admin.get(url("change", version)).content.decode()


def test_groups_that_are_too_small_are_grey(version: ModelVersion) -> None:
    def cells() -> list[Cell]:
        found = [c for s in version_charts.sections(version.report) for c in s.charts]
        return list(next(c for c in found if c.key == "groups-age-mae").plot.cells)

    assert {cell.strength for cell in cells() if cell.text} == {0.5}  # they are all alike
    version.report = made_report(10)
    assert {cell.strength for cell in cells()} == {None}
    assert any(cell.text for cell in cells())


def test_a_version_without_a_report_says_so(admin: Client) -> None:
    bare = ModelVersionFactory.create(manifest={"metrics": metrics(), "heads": HEADS})
    page = without_columns(admin.get(url("change", bare)).content.decode())
    assert "No full report" in page
    assert "fr-chart" not in page.split("<body")[1]
    assert "<td>5.00</td>" in page


@pytest.mark.parametrize("pk", ["999", "abc"])
def test_a_version_that_does_not_exist_is_not_found(admin: Client, pk: str) -> None:
    assert admin.get(f"/admin/training/modelversion/{pk}/change/").status_code == 404


def test_asking_activates_nothing_and_a_post_does(admin: Client, version: ModelVersion) -> None:
    page = admin.get(url("activate", version)).content.decode()
    assert "Activate full-7?" in page
    assert active_version() is None
    response = admin.post(url("activate", version), follow=True)
    assert "full-7 is now active." in response.content.decode()
    assert active_version() == version
    assert "Activated." in admin.get(url("history", version)).content.decode()


def test_what_speaks_against_it_stands_on_the_page_that_asks(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    page = without_columns(admin.get(url("activate", version)).content.decode())
    assert "not examined" in page
    assert "<td>3.00</td><td>1.00</td>" in page
    assert "Activate anyway" in page
    assert "different images" in page


def test_versions_that_were_examined_are_shown_image_by_image(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    new, old = two_models()
    sat(serving, old)
    sat(version, old)
    page = without_columns(admin.get(url("activate", version)).content.decode())
    assert "Compared with “serving-1” on the same 1127 images" in page
    assert "<td>+0.000</td><td>+0.000 … +0.000</td><td>0.100</td>" in page
    assert "it is shown to be no worse" in page
    sat(version, older(new, 1.0))
    page = without_columns(admin.get(url("activate", version)).content.decode())
    assert "Reasons against activation" in page
    assert "it is worse, by" in page


def test_going_back_asks_about_the_version_before(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    go_back = reverse("admin:training_modelversion_go_back")
    versions = reverse("admin:training_modelversion_changelist")
    assert go_back not in admin.get(versions).content.decode()
    nothing = admin.get(go_back, follow=True)
    assert "no earlier version to go back to" in nothing.content.decode()
    admin.post(url("activate", version))
    assert go_back in admin.get(versions).content.decode()
    assert (
        f'href="{url("activate", serving)}"' in admin.get(url("change", version)).content.decode()
    )
    assert admin.get(go_back)["Location"] == url("activate", serving)
    assert active_version() == version
    admin.post(url("activate", serving))
    assert active_version() == serving


def test_a_broken_bundle_does_not_take_over(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    (bundle_path(version) / WEIGHTS).write_bytes(b"x")
    page = admin.post(url("activate", version), follow=True).content.decode()
    assert "Nothing was changed." in page
    assert active_version() == serving


def test_the_bundle_that_is_taken_away_is_the_bundle(
    admin: Client, version: ModelVersion, tmp_path: Path
) -> None:
    response: Any = admin.get(url("bundle", version))
    assert response.streaming
    chunks = list(response.streaming_content)
    assert len(chunks) > 2  # two megabytes do not lie in memory at once
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "taken")
    taken = tmp_path / "taken" / version.bundle
    loaded = load_bundle(taken)
    assert loaded.manifest["name"] == "made"
    assert loaded.tensors["a"][-1] == 499_999
    assert (taken / "MODEL_CARD.md").read_text() == admin.get(url("card", version)).content.decode()
    assert register_bundle(taken, "back-again").manifest["input_size"] == 96


def test_a_bundle_that_is_gone_is_told_in_words(admin: Client, version: ModelVersion) -> None:
    (bundle_path(version) / WEIGHTS).unlink()
    page = admin.get(url("bundle", version), follow=True).content.decode()
    assert "are missing" in page


def test_the_card_of_a_bundle_that_has_one_is_that_card(
    admin: Client, version: ModelVersion
) -> None:
    assert "# The model full-7" in admin.get(url("card", version)).content.decode()
    (bundle_path(version) / "MODEL_CARD.md").write_text("# By hand\n")
    response = admin.get(url("card", version))
    assert response.content == b"# By hand\n"
    assert 'filename="full-7-model-card.md"' in response["Content-Disposition"]


def test_the_list_shows_state_figures_and_training(
    admin: Client, version: ModelVersion, serving: ModelVersion
) -> None:
    dataset = DatasetFactory.create(name="Faces")
    run = TrainingRun.objects.create(
        dataset=dataset, recipe={"name": "full"}, version=version, state=JobState.DONE
    )
    page = admin.get(reverse("admin:training_modelversion_changelist")).content.decode()
    assert "In use" in page
    assert "3.00" in page
    assert "full · Faces" in page
    assert f"trainingrun/{run.pk}/change/" in page


@pytest.mark.parametrize("page", ["changelist", "change", "activate"])
def test_more_versions_ask_the_database_no_more(
    admin: Client, version: ModelVersion, serving: ModelVersion, page: str
) -> None:
    def queries() -> int:
        arguments = [] if page == "changelist" else [version.pk]
        with CaptureQueriesContext(connection) as found:
            admin.get(reverse(f"admin:training_modelversion_{page}", args=arguments))
        return len(found)

    def add_versions(count: int) -> None:
        for _ in range(count):
            TrainingRun.objects.create(
                dataset=DatasetFactory.create(),
                recipe={"name": "full"},
                backbone=version,
                version=ModelVersionFactory.create(),
                state=JobState.DONE,
            )

    add_versions(1)
    few = queries()
    add_versions(20)
    assert queries() == few
