"""Imports, searches for label errors and examinations become jobs."""

from typing import Any

from django.db import migrations
from django.db.models import F

KINDS = {"ImportRun": "import", "ReviewRun": "label_issues", "ExamRun": "examination"}
OPEN = ("queued", "running")
SHARED = (
    "state", "phase", "done", "total", "phase_started_at", "done_before", "message", "message_code",
    "message_parameters", "cancel_requested", "requested_by_id",
    "started_at", "finished_at",
)  # fmt: skip
OWN = {
    "ImportRun": ("dataset_id", "path", "of_corrections", "detect_faces"),
    "ReviewRun": ("dataset_id",),
    "ExamRun": ("resumed",),
}


def move_in(apps: Any, _schema_editor: Any) -> None:
    jobs = apps.get_model("training", "Job").objects
    jobs.update(kind="training", lock="training")
    for name, kind in KINDS.items():
        rows = list(apps.get_model("training", name).objects.order_by("pk"))
        locks = [kind if name == "ExamRun" else f"{kind} {row.dataset_id}" for row in rows]
        # Nothing kept two from starting before: the last one of a lock stays open.
        open_rows = {
            lock: row.pk for lock, row in zip(locks, rows, strict=True) if row.state in OPEN
        }
        for lock, row in zip(locks, rows, strict=True):
            told = {field: getattr(row, field) for field in (*SHARED, *OWN[name])}
            told |= {"claim": row.holder, "lease_expires_at": row.heartbeat_at}
            if row.state in OPEN and open_rows[lock] != row.pk:
                told["state"] = "interrupted"
            made = jobs.create(kind=kind, lock=lock, **told)
            jobs.filter(pk=made.pk).update(created_at=row.created_at)

    # Nobody renews the lease of what was begun by the version before.
    jobs.filter(state="running", lease_expires_at=None).update(lease_expires_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("training", "0017_jobs")]

    operations = [migrations.RunPython(move_in, migrations.RunPython.noop)]
