"""The administrators' pages of datasets: import, charts, gallery, images, downloads."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.factories import DatasetFactory, SampleFactory, UserFactory
from tests.training.utkface import jpeg, random_files, write_folder, write_zip
from training.datasets import curations, import_runs
from training.datasets.importing import import_files
from training.datasets.revisions import move_on
from training.eda import dataset_charts
from training.models import Dataset, ImportRun, LabelIssue, Sample

pytestmark = pytest.mark.django_db

IMPORT = "/admin/training/dataset/import/"


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    cache.clear()
    settings.DATASET_ROOT = tmp_path / "kept"
    settings.IMPORT_ROOT = tmp_path / "imports"
    settings.IMPORT_ROOT.mkdir()


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    """Staff that may look and do nothing else."""
    user = UserFactory.create(is_staff=True)
    views = ["view_dataset", "view_sample"]
    user.user_permissions.set(Permission.objects.filter(codename__in=views))
    client.force_login(user)
    return client


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Eighty images; two are copies that contradict each other, one name is malformed."""
    dataset: Dataset = DatasetFactory.create(name="Faces")
    odd = {
        "UTKFace/1_0_0_a.jpg": jpeg(1),
        "UTKFace/1_1_0_b.jpg": jpeg(1),
        "UTKFace/39_1_2017.jpg": jpeg(2),
    }
    made = write_folder(tmp_path / "in", random_files(77, seed=3) | odd)
    import_files(dataset, made, lambda *_: None)
    return dataset


def pages(dataset: Dataset) -> list[str]:
    sample = dataset.samples.exclude(digest="").first()
    assert sample
    own = f"/admin/training/dataset/{dataset.pk}"
    return [
        "/admin/training/dataset/",
        f"{own}/charts/",
        f"{own}/charts/funnel.csv",
        f"{own}/gallery/",
        f"{own}/splits/full.csv",
        f"/admin/training/sample/{sample.pk}/image/",
        "/admin/training/sample/",
    ]


def test_nobody_but_staff_sees_anything_of_a_dataset(
    client: Client, dataset: Dataset, user: User
) -> None:
    for address in [*pages(dataset), IMPORT]:
        assert client.get(address).status_code == 302
    client.force_login(user)
    for address in [*pages(dataset), IMPORT]:
        assert client.get(address).status_code == 302


def test_staff_without_permission_is_refused(client: Client, dataset: Dataset) -> None:
    client.force_login(UserFactory.create(is_staff=True))
    for address in [*pages(dataset), IMPORT]:
        assert client.get(address).status_code == 403, address


def test_staff_that_may_only_look_changes_nothing(viewer: Client, dataset: Dataset) -> None:
    for address in pages(dataset):
        assert viewer.get(address).status_code == 200, address
    assert viewer.get(IMPORT).status_code == 403
    gallery = f"/admin/training/dataset/{dataset.pk}/gallery/"
    keys = list(dataset.samples.values_list("pk", flat=True))
    assert viewer.post(gallery, {"deed": "drop", "image": keys}).status_code == 403
    action = {"action": "drop", "_selected_action": keys}
    viewer.post("/admin/training/sample/", action)
    assert not dataset.samples.exclude(override="").exists()


def upload(client: Client, name: str, data: bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile(name, data)
    return client.post(IMPORT, {"name": "New", "upload": file, "path": "", **fields})


def test_an_upload_becomes_an_import_that_a_worker_can_do(boss: Client, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "mine.zip", random_files(5)).read_bytes()
    response = upload(boss, "mine.zip", archive)
    run = ImportRun.objects.get()
    assert response.url == f"/admin/training/importrun/{run.pk}/change/"
    assert (run.state, run.own_dataset.name, Path(run.path).name) == ("queued", "New", "mine.zip")
    import_runs.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.own_dataset.samples.count()) == ("done", 5)
    assert boss.get(response.url).status_code == 200


def test_an_upload_leaves_the_archive_of_the_same_name_alone(
    boss: Client, tmp_path: Path, settings: Any
) -> None:
    there = settings.IMPORT_ROOT / "mine.zip"
    there.write_bytes(b"another")
    upload(boss, "../../mine.zip", write_zip(tmp_path / "mine.zip", random_files(2)).read_bytes())
    assert there.read_bytes() == b"another"
    assert Path(ImportRun.objects.get().path) == settings.IMPORT_ROOT / "mine-2.zip"


def test_what_lies_in_the_import_folder_can_be_chosen(boss: Client, settings: Any) -> None:
    write_folder(settings.IMPORT_ROOT / "UTKFace", random_files(3))
    assert '<option value="UTKFace"' in boss.get(IMPORT).content.decode()
    boss.post(IMPORT, {"name": "New", "path": "UTKFace"})
    assert ImportRun.objects.get().path == str(settings.IMPORT_ROOT / "UTKFace")


def test_a_link_in_the_import_folder_is_followed(
    boss: Client, settings: Any, tmp_path: Path
) -> None:
    (settings.IMPORT_ROOT / "UTKFace").symlink_to(write_folder(tmp_path / "disk", random_files(1)))
    boss.post(IMPORT, {"name": "New", "path": "UTKFace"})
    assert ImportRun.objects.get().path == str(settings.IMPORT_ROOT / "UTKFace")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Please either upload a zip or choose something"),
        ({"path": "../secrets"}, "not one of the available choices"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_an_import_that_cannot_be_is_refused_with_words(
    boss: Client, fields: dict[str, str], sentence: str
) -> None:
    response = boss.post(IMPORT, {"name": "New", "path": "", **fields})
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not ImportRun.objects.exists()


def test_only_zips_are_uploaded(boss: Client, settings: Any) -> None:
    response = upload(boss, "photos.rar", b"Rar!")
    assert "Allowed extensions are: zip" in response.content.decode()
    assert not list(settings.IMPORT_ROOT.iterdir())


def test_a_second_import_into_a_dataset_waits_for_the_first_to_end(
    boss: Client, tmp_path: Path
) -> None:
    archive = write_zip(tmp_path / "mine.zip", random_files(2)).read_bytes()
    upload(boss, "mine.zip", archive)
    assert "is already running" in upload(boss, "mine.zip", archive).content.decode()
    assert ImportRun.objects.count() == 1


def test_a_full_disk_refuses_the_upload(
    boss: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_runs, "_SPARE_BYTES", 2**62)
    assert "too little space" in upload(boss, "mine.zip", b"PK").content.decode()


def test_an_upload_that_is_no_zip_fails_with_words(boss: Client) -> None:
    upload(boss, "mine.zip", b"This is a text.")
    run = ImportRun.objects.get()
    import_runs.work(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "not a readable folder, zip archive or label file" in run.sentence


def test_the_chart_page_takes_as_many_queries_however_many_images_there_are(
    boss: Client, dataset: Dataset, django_assert_max_num_queries: Any
) -> None:
    address = f"/admin/training/dataset/{dataset.pk}/charts/"
    boss.get(address)
    SampleFactory.create_batch(100, dataset=dataset)
    move_on(dataset)
    with django_assert_max_num_queries(20):
        first = boss.get(address)
    charts = [chart for section in dataset_charts.sections(dataset) for chart in section.charts]
    assert first.content.decode().count('class="fr-chart"') == len(charts) > 0
    with django_assert_max_num_queries(7):
        boss.get(address)


def test_the_list_tells_how_many_images_are_there_and_used(boss: Client, dataset: Dataset) -> None:
    page = boss.get("/admin/training/dataset/").content.decode()
    assert ">80<" in page.replace(" ", "").replace("\n", "")
    assert ">77<" in page.replace(" ", "").replace("\n", "")


def test_a_chart_comes_as_csv(boss: Client, dataset: Dataset) -> None:
    response = boss.get(f"/admin/training/dataset/{dataset.pk}/charts/gender.csv")
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert sum(int(count) for _, count in rows[1:]) == 79
    assert boss.get(f"/admin/training/dataset/{dataset.pk}/charts/no.csv").status_code == 404


@pytest.mark.parametrize("recipe", ["classic", "full"])
def test_the_splits_of_a_recipe_come_as_csv(boss: Client, dataset: Dataset, recipe: str) -> None:
    response = boss.get(f"/admin/training/dataset/{dataset.pk}/splits/{recipe}.csv")
    rows = csv.DictReader(io.StringIO(response.content.decode()))
    exported = {(row["file"], row["sha256"], row["split"]) for row in rows}
    chosen = curations.selection(dataset, recipe).chosen
    assert exported == {(c.name, c.digest, split) for c, split in chosen}
    assert boss.get(f"/admin/training/dataset/{dataset.pk}/splits/no.csv").status_code == 404


def test_exported_splits_can_be_imported_as_a_label_file(
    boss: Client, dataset: Dataset, tmp_path: Path
) -> None:
    table = boss.get(f"/admin/training/dataset/{dataset.pk}/splits/full.csv").content
    (tmp_path / "in" / "splits.csv").write_bytes(table)
    again: Dataset = DatasetFactory.create()
    import_files(again, tmp_path / "in" / "splits.csv", lambda *_: None)
    assert not again.samples.exclude(reason="").exists()
    fingerprints = [curations.current(d)["full"].fingerprint for d in (dataset, again)]
    assert fingerprints[0] == fingerprints[1]


def gallery(client: Client, dataset: Dataset, show: str, **data: Any) -> str:
    address = f"/admin/training/dataset/{dataset.pk}/gallery/?show={show}"
    response = client.post(address, data, follow=True) if data else client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_copies_are_shown_together_and_one_is_let_in(boss: Client, dataset: Dataset) -> None:
    page = gallery(boss, dataset, "conflicting_classes")
    assert page.count('class="fr-cluster"') == 1
    assert page.count('type="checkbox" name="image"') == 2
    chosen = dataset.samples.get(name="UTKFace/1_0_0_a.jpg")
    page = gallery(boss, dataset, "conflicting_classes", deed="keep", image=[chosen.pk])
    assert "1 image was changed." in page
    assert "Copies that differ in gender or race (1)" in page
    dataset.refresh_from_db()
    assert curations.current(dataset)["full"].funnel[-1]["count"] == 78


def test_a_gallery_changes_no_image_of_another_dataset(boss: Client, dataset: Dataset) -> None:
    stranger = SampleFactory.create()
    page = gallery(boss, dataset, "malformed_name", deed="drop", image=[stranger.pk])
    assert "No image was chosen." in page
    stranger.refresh_from_db()
    assert stranger.override == ""


def test_doubtful_labels_are_taken_over_or_confirmed(boss: Client, dataset: Dataset) -> None:
    first, second = dataset.samples.filter(reason="")[:2]
    for sample, score in ((first, 0.9), (second, 0.8)):
        LabelIssue.objects.create(sample=sample, label="age", score=score, suggestion="61")
    page = gallery(boss, dataset, "doubtful-age")
    assert page.index(f'value="{first.pk}"') < page.index(f'value="{second.pk}"')
    gallery(boss, dataset, "doubtful-age", deed="adopt", image=[first.pk])
    page = gallery(boss, dataset, "doubtful-age", deed="confirm", image=[second.pk])
    assert "There are no images here." in page
    first.refresh_from_db()
    assert first.age == 61


def test_a_search_for_label_issues_is_asked_for_once_and_watched(
    boss: Client, dataset: Dataset
) -> None:
    address = f"/admin/training/dataset/{dataset.pk}/review/"
    assert address in gallery(boss, dataset, "doubtful-age")
    boss.get(address)
    assert not dataset.jobs.exists()
    first, second = boss.post(address), boss.post(address)
    run = f"/admin/training/reviewrun/{dataset.jobs.get().pk}/change/"
    assert first["Location"] == second["Location"] == run
    assert boss.get(run).status_code == 200


def test_a_gallery_has_pages(boss: Client, dataset: Dataset) -> None:
    SampleFactory.create_batch(50, dataset=dataset, found="no_face", reason="no_face")
    move_on(dataset)
    first = gallery(boss, dataset, "no_face")
    second = gallery(boss, dataset, "no_face&page=2")
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    assert (first + second).count('type="checkbox" name="image"') == 50


def test_a_gallery_of_nothing_known_is_not_found(boss: Client, dataset: Dataset) -> None:
    own = f"/admin/training/dataset/{dataset.pk}/gallery/"
    assert boss.get(own + "?show=nonsense").status_code == 404
    assert boss.post(own, {"deed": "nonsense"}).status_code == 404
    assert boss.get(own + "?show=no_face&page=none").status_code == 200


def test_bulk_actions_rule_on_the_chosen_images(boss: Client, dataset: Dataset) -> None:
    keys = list(dataset.samples.filter(reason="").values_list("pk", flat=True)[:3])
    data = {"action": "drop", "_selected_action": keys}
    page = boss.post("/admin/training/sample/", data, follow=True).content.decode()
    assert "3 overrides were saved." in page
    assert set(dataset.samples.filter(reason="excluded").values_list("pk", flat=True)) == set(keys)


def test_a_changed_label_is_cleaned_at_once(boss: Client, dataset: Dataset) -> None:
    sample = dataset.samples.get(name="UTKFace/1_1_0_b.jpg")
    address = f"/admin/training/sample/{sample.pk}/change/"
    boss.post(address, {"age": 1, "gender": 0, "race": 0, "override": ""})
    reasons = dict(dataset.samples.filter(digest=sample.digest).values_list("name", "reason"))
    assert set(reasons.values()) == {"", "exact_duplicate"}


def test_images_are_shown_whatever_they_were_stored_as_and_never_cached_by_others(
    boss: Client, dataset: Dataset
) -> None:
    sample = dataset.samples.exclude(digest="").first()
    assert sample
    response = boss.get(f"/admin/training/sample/{sample.pk}/image/")
    assert response["Content-Type"] == "image/jpeg"
    assert "private" in response["Cache-Control"]
    gone = SampleFactory.create(dataset=dataset, digest="")
    assert boss.get(f"/admin/training/sample/{gone.pk}/image/").status_code == 404


def test_a_deleted_dataset_takes_its_files_along(
    boss: Client, dataset: Dataset, settings: Any
) -> None:
    assert list(settings.DATASET_ROOT.glob("??/*"))
    boss.post(f"/admin/training/dataset/{dataset.pk}/delete/", {"post": "yes"})
    assert not Sample.objects.exists()
    assert not list(settings.DATASET_ROOT.glob("??/*"))
