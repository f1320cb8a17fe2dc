"""Which version serves: registered once, activated whole, rolled back."""

import shutil
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.db import connection

from training.models import ModelVersion
from training.registry.loading import resolve_bundle
from training.registry.stored_bundles import bundle_path
from training.registry.versions import (
    activate_version,
    active_version,
    previous_version,
    register_bundle,
)
from vision.bundles.bundle import WEIGHTS, load_bundle, save_bundle
from vision.errors import BundleCorrupt, BundleError, BundleMissing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_root(settings: Any, tmp_path: Path) -> Path:
    settings.MODEL_ROOT = tmp_path / "models"
    return tmp_path / "models"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    manifest = {"name": "tiny", "architecture": "vgg16", "input_size": 96, "heads": {"age": {}}}
    save_bundle(tmp_path / "made", manifest, {"a": np.zeros(3)})
    return tmp_path / "made"


def test_a_registered_bundle_is_a_copy_of_its_own(bundle: Path) -> None:
    version = register_bundle(bundle, "first")
    shutil.rmtree(bundle)
    assert load_bundle(bundle_path(version)).manifest["name"] == "tiny"
    assert version.manifest["input_size"] == 96
    assert active_version() is None


def test_a_name_is_given_once(bundle: Path) -> None:
    register_bundle(bundle, "first")
    with pytest.raises(BundleError, match="already"):
        register_bundle(bundle, "first")
    assert ModelVersion.objects.count() == 1


def test_a_broken_bundle_is_not_registered(bundle: Path, model_root: Path) -> None:
    (bundle / WEIGHTS).write_bytes(b"x")
    with pytest.raises(BundleCorrupt):
        register_bundle(bundle, "first")
    assert not ModelVersion.objects.exists()
    assert not (model_root / "first").exists()


def test_a_registration_killed_before_its_row_is_taken_up_again(bundle: Path) -> None:
    register_bundle(bundle, "first")
    ModelVersion.objects.all().delete()
    assert register_bundle(bundle, "first").bundle == "first"


def test_exactly_one_version_serves(bundle: Path) -> None:
    first = register_bundle(bundle, "first", activate=True)
    second = register_bundle(bundle, "second")
    assert active_version() == first
    activate_version(second)
    assert active_version() == second
    assert ModelVersion.objects.filter(is_active=True).count() == 1


def test_a_version_whose_bundle_broke_never_takes_over(bundle: Path) -> None:
    first = register_bundle(bundle, "first", activate=True)
    second = register_bundle(bundle, "second")
    (bundle_path(second) / WEIGHTS).write_bytes(b"x")
    with pytest.raises(BundleCorrupt):
        activate_version(second)
    assert active_version() == first


def test_going_back_twice_leads_two_versions_back(bundle: Path) -> None:
    assert previous_version() is None
    good = register_bundle(bundle, "good", activate=True)
    assert previous_version() is None
    bad = register_bundle(bundle, "bad", activate=True)
    worse = register_bundle(bundle, "worse", activate=True)
    register_bundle(bundle, "never-served")
    for expected in (bad, good):
        assert previous_version() == expected
        activate_version(expected)
    assert previous_version() is None
    # Forwards again: what is left is what to go back to, however it came to serve before.
    activate_version(worse)
    assert previous_version() == good
    activate_version(worse)
    assert previous_version() == good


def test_an_upgrade_links_versions_in_the_order_in_which_they_served(bundle: Path) -> None:
    versions = [register_bundle(bundle, name, activate=True) for name in "abc"]
    register_bundle(bundle, "never-served")
    activate_version(versions[1])
    ModelVersion.objects.update(previous=None)
    import_module("training.migrations.0021_previous_version").link(apps, None)
    names = []
    while previous := previous_version():
        names.append(previous.name)
        activate_version(previous)
    assert names == ["c", "a"]


@pytest.mark.django_db(transaction=True)
def test_simultaneous_activations_leave_one(bundle: Path) -> None:
    versions = [register_bundle(bundle, f"v{number}") for number in range(4)]

    def activate(version: ModelVersion) -> None:
        activate_version(version)
        connection.close()

    threads = [threading.Thread(target=activate, args=(version,)) for version in versions * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ModelVersion.objects.filter(is_active=True).count() == 1


def test_a_bundle_is_found_by_name_folder_or_as_the_one_that_serves(
    bundle: Path, settings: Any
) -> None:
    assert resolve_bundle() == settings.STARTER_BUNDLE
    version = register_bundle(bundle, "first", activate=True)
    assert resolve_bundle() == resolve_bundle("first") == bundle_path(version)
    assert resolve_bundle(str(bundle)) == bundle
    with pytest.raises(BundleMissing, match="neither"):
        resolve_bundle("nothing")
