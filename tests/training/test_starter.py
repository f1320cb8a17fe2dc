"""A newer starter reaches sites where nobody chose a model, once; others are told of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as site_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.factories import UserFactory
from training.models import ModelVersion
from training.registry import starter
from training.registry.starter import SHIPPED, register_starter, waiting_starter
from training.registry.stored_bundles import bundle_path
from training.registry.versions import activate_version, active_version, register_bundle
from vision.attributes import AGE_BINS, ATTRIBUTES
from vision.bundles.bundle import WEIGHTS, load_bundle, read_manifest, save_bundle

pytestmark = pytest.mark.django_db


def shipped(folder: Path, number: int) -> Path:
    """A tiny bundle in a starter's place, with its report."""
    manifest = {
        "name": f"starter-{number}", "architecture": "vgg16", "input_size": 96,
        "heads": {"age": {}}, "metrics": {"age_mae": 5.0},
    }  # fmt: skip
    # The sixth and the seventh have the same weights, as the real ones do.
    weights = {"a": np.full(3, min(number, 6), np.float32)}
    save_bundle(folder / f"starter-{number}", manifest, weights)
    (folder / f"starter-{number}" / "report.json").write_text(json.dumps({"metrics": {"n": 7}}))
    return folder / f"starter-{number}"


@pytest.fixture(autouse=True)
def starters(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    """Three starters there have been, of which the last ships now."""
    settings.MODEL_ROOT = tmp_path / "models"
    made = {number: shipped(tmp_path / "weights", number) for number in (1, 6, 7)}
    sums = {n: read_manifest(made[n])["files"][WEIGHTS]["sha256"] for n in made}
    monkeypatch.setattr(starter, "SHIPPED", {f"starter-{n}": one for n, one in sums.items()})
    settings.STARTER_BUNDLE = made[7]
    return made


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def serving() -> str:
    version = active_version()
    assert version is not None
    return version.name


def upgrade_from(folder: Path, name: str = "") -> ModelVersion:
    """A site that has been started with another starter; its version."""
    return register_bundle(folder, name or folder.name, activate=True)


def let_serve(admin: Client, version: ModelVersion) -> None:
    admin.post(reverse("admin:training_modelversion_activate", args=[version.pk]))
    assert serving() == version.name


def test_on_a_fresh_site_it_serves(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("register_starter")
    assert serving() == "starter-7"
    assert "which serves now." in capsys.readouterr().out
    assert ModelVersion.objects.get().report == {"metrics": {"n": 7}}
    call_command("register_starter")
    assert "registered already" in capsys.readouterr().out
    assert waiting_starter() is None


@pytest.mark.parametrize("number", [1, 6])
def test_it_takes_over_from_an_older_one_that_nobody_chose(
    starters: dict[int, Path], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade_from(starters[number])
    call_command("register_starter")
    assert serving() == "starter-7"
    assert f"instead of starter-{number}" in capsys.readouterr().out


def test_an_older_one_registered_by_another_name_is_known_by_its_files(
    starters: dict[int, Path],
) -> None:
    upgrade_from(starters[1], "ours")
    register_starter()
    assert serving() == "starter-7"


def test_a_start_that_was_cut_off_is_made_up_for(starters: dict[int, Path]) -> None:
    upgrade_from(starters[6])
    register_bundle(starters[7], "starter-7")
    register_starter()
    assert serving() == "starter-7"


def test_what_a_person_chose_stays(starters: dict[int, Path], admin: Client) -> None:
    six = upgrade_from(starters[6])
    one = register_bundle(starters[1], "starter-1")
    let_serve(admin, one)
    let_serve(admin, six)
    for _start in range(2):
        assert "waits to be activated in the admin" in register_starter()
        assert serving() == "starter-6"


def test_a_version_of_their_own_stays(starters: dict[int, Path], tmp_path: Path) -> None:
    upgrade_from(starters[6])
    manifest = read_manifest(starters[6])
    save_bundle(tmp_path / "own", {**manifest, "name": "own"}, {"a": np.zeros(3)})
    upgrade_from(tmp_path / "own")
    assert "own serves on" in register_starter()
    assert serving() == "own"


def test_a_starter_that_was_calibrated_here_is_their_own(
    starters: dict[int, Path], tmp_path: Path
) -> None:
    """It has a starter's weights, and is no starter."""
    bundle = load_bundle(starters[6])
    save_bundle(tmp_path / "own", {**bundle.manifest, "name": "own"}, bundle.tensors)
    upgrade_from(tmp_path / "own")
    register_starter()
    assert serving() == "own"


def test_other_weights_under_a_starters_name_are_their_own(
    starters: dict[int, Path], tmp_path: Path
) -> None:
    bundle = load_bundle(starters[6])
    save_bundle(tmp_path / "own", bundle.manifest, {"a": np.zeros(3)})
    upgrade_from(tmp_path / "own")
    register_starter()
    assert serving() == "own"


def test_what_its_report_has_come_to_tell_is_added_after_an_upgrade(
    starters: dict[int, Path], tmp_path: Path
) -> None:
    register_starter()
    report = {"metrics": {"n": 7}, "by_estimate": []}
    (starters[7] / "report.json").write_text(json.dumps(report))
    assert "registered already" in register_starter()
    assert ModelVersion.objects.get(name="starter-7").report == report


def test_a_report_of_another_model_of_that_name_stays(
    starters: dict[int, Path], tmp_path: Path
) -> None:
    save_bundle(tmp_path / "own", read_manifest(starters[7]), {"a": np.zeros(3)})
    own = upgrade_from(tmp_path / "own", "starter-7")
    (starters[7] / "report.json").write_text('{"metrics": {"n": 7}, "by_estimate": []}')
    register_starter()
    own.refresh_from_db()
    assert own.report == {}


def test_what_its_manifest_has_come_to_tell_is_added_after_an_upgrade(
    starters: dict[int, Path],
) -> None:
    register_starter()
    manifest = read_manifest(starters[7]) | {"labels": {"classes": {}}}
    (starters[7] / "manifest.json").write_text(json.dumps(manifest))
    register_starter()
    assert ModelVersion.objects.get(name="starter-7").manifest == manifest


def test_who_goes_back_stays_there(starters: dict[int, Path], admin: Client) -> None:
    six = upgrade_from(starters[6])
    register_starter()
    assert serving() == "starter-7"
    let_serve(admin, six)
    assert "registered already" in register_starter()
    assert serving() == "starter-6"


def test_going_back_without_the_admin_is_respected_too(starters: dict[int, Path]) -> None:
    six = upgrade_from(starters[6])
    register_starter()
    activate_version(six)
    register_starter()
    assert serving() == "starter-6"


@pytest.mark.parametrize("damaged", [WEIGHTS, "manifest.json", "report.json"])
def test_of_a_broken_one_nothing_is_registered(starters: dict[int, Path], damaged: str) -> None:
    upgrade_from(starters[6])
    (starters[7] / damaged).write_bytes(b"x")
    with pytest.raises(CommandError, match="nothing has changed"):
        call_command("register_starter")
    assert serving() == "starter-6"
    assert ModelVersion.objects.count() == 1
    assert waiting_starter() is None


def test_where_no_model_can_be_written_nothing_is_registered(
    starters: dict[int, Path], settings: Any, tmp_path: Path
) -> None:
    upgrade_from(starters[6])
    settings.MODEL_ROOT = tmp_path / "file"
    settings.MODEL_ROOT.touch()
    with pytest.raises(CommandError, match="nothing has changed"):
        call_command("register_starter")
    assert serving() == "starter-6"


def test_one_that_breaks_after_it_was_registered_does_not_take_over(
    starters: dict[int, Path],
) -> None:
    upgrade_from(starters[6])
    (bundle_path(register_bundle(starters[7], "starter-7")) / WEIGHTS).write_bytes(b"x")
    with pytest.raises(CommandError, match="not those that were saved"):
        call_command("register_starter")
    assert serving() == "starter-6"


@pytest.mark.parametrize("page", ["admin:index", "admin:training_modelversion_changelist"])
def test_administrators_are_told_of_it_until_it_has_served(
    starters: dict[int, Path], admin: Client, tmp_path: Path, page: str
) -> None:
    told = "A newer starter model is available: starter-7"
    save_bundle(tmp_path / "own", {**read_manifest(starters[6]), "name": "own"}, {"a": np.zeros(3)})
    own = upgrade_from(tmp_path / "own")
    assert told not in admin.get(reverse(page)).content.decode()
    register_starter()
    found = admin.get(reverse(page)).content.decode()
    seven = ModelVersion.objects.get(name="starter-7")
    assert told in found
    assert f"/admin/training/modelversion/{seven.pk}/change/" in found
    let_serve(admin, seven)
    let_serve(admin, own)
    assert told not in admin.get(reverse(page)).content.decode()


def test_the_starter_that_ships_is_known_to_be_one() -> None:
    manifest = read_manifest(site_settings.BASE_DIR / "weights" / "starter")
    assert list(SHIPPED.items())[-1] == (manifest["name"], manifest["files"][WEIGHTS]["sha256"])


def test_the_starter_that_ships_tells_the_labels_of_what_it_learnt() -> None:
    manifest = read_manifest(site_settings.BASE_DIR / "weights" / "starter")
    classes, counts = manifest["labels"]["classes"], manifest["data"]["counts"]
    for name, attribute in ATTRIBUTES.items():
        trained = classes["train"][name]
        assert list(trained) == list(attribute.labels or AGE_BINS)
        assert sum(trained.values()) == counts["train"]
        assert sum(classes["test"][name].values()) == manifest["metrics"]["n"]
